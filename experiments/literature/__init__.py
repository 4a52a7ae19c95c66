"""Published tables, reproduced: what `experiments.mnist` is made of."""
