"""Explanations compete: every method on the same images, scored against what is known of them.

`truth`: the images and what is known. `entries`: a map of each by every method. `scoring`: maps against the truth.
`soundness`: does a map depend on the classifier and on the class? `counterfactuals`: what a traversal's end is worth as a
counterfactual. `choice`: our own geometry, picked on validation images. `tables`: the results as sentences and tables.
"""
