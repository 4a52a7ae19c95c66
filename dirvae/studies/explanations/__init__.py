"""The comparison of explanations: every method explains the same images, and its maps are scored against what is known of them.

| module | what it holds |
|---|---|
| benchmark | runs the comparison |
| inputs | the images and what is known of them, the independent classifier, the run on shuffled labels |
| tuning | settings of the path, picked on validation images |
| controls | maps drawn from what is known, and the gate laid on others' maps |
| scoring, scores | maps against the truth, and what every score is |
| faithfulness | whether a map depends on the classifier and on the class |
| counterfactuals | what the end of a path is worth |
| removals | how often a path takes a finding out of the picture |
| results, tables | what the comparison returns, and how it is shown |
"""
