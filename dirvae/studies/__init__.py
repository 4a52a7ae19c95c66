"""Studies: many runs, and the science that is made of them.

| module | what it holds |
|---|---|
| priors | does a Dirichlet prior help? Endpoints, verdicts, and the flaws of the published code |
| explanations | which explanation is right? Every method on the same images |
| shortcuts | which shortcut does a classifier take? Reliance and detection |
| plan, runner | the list of runs of a study; training, resuming and merging it |
| cross_validation | means over folds, with standard errors |
| side_by_side | two or more runs on the same images, with paired intervals |
| tables | a table of a study as data |
"""
