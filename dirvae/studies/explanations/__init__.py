"""The comparison of explanations: every method explains the same images, and its maps are scored against what is known of them.

`benchmark` runs it and `results` is what it returns. `inputs` reads the images and what is known of them, `controls` draws maps from
that knowledge, and `scoring` sets maps against it. `faithfulness` asks whether a map depends on the classifier and on the class.
`counterfactuals` judges the end of a path, `tuning` picks the path's settings on validation images.
`scores` says what every score is, and `tables` shows the result.
"""
