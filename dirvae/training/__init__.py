"""Training: data, the step and the loop, checkpoints, evaluation, and the folder that holds a run."""
