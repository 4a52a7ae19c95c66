"""Training: data, the step and the loop, checkpoints, evaluation, and the folder that holds a run.

| module | what it holds |
|---|---|
| data, table, augment | batches of a data set, what is known of its examples, and their random distortions |
| train | the step and the loop around it, which resumes |
| optimizer, parallel | the optimizer, and the devices |
| checkpoints, writers | the state on disk, and the metrics of every step |
| evaluate | predictions, thresholds (chosen on validation) and scores of a split |
| familiarity, overlap | images unlike those of validation, and images that the run has learned from |
| linear_baseline | the linear model that every run is set beside |
| likelihood, latent_usage | bounds of log p(x), and the latent beside its prior |
| workdir, runs, lock | the folder of a run: claimed, held by one job, resumed and opened again |
| variant | parts that a study may replace from outside |
| cost | operations of a training step |
"""
