"""Full: the quick study's question and endpoints (experiments/configs/studies/quick.py) with all control models, five seeds.

Beside the two arms of the contrast: a logistic-normal prior (a simplex without sparsity), a gamma prior (sparsity without a
simplex), a supervised autoencoder (no prior), and the DirVAE with shuffled labels in training and validation (what the whole
procedure reports when there is nothing to learn: on test, over seeds, a macro AUROC near .5). 30 runs; spread them over machines with
--index and merge by copying folders.
"""

from experiments.configs.studies import Study, quick


def study() -> Study:
    first = quick.study()
    controls = {
        "Logistic-normal VAE": {"prior": "logistic_normal"},
        "Gamma VAE": {"prior": "gamma"},
        "DirVAE, shuffled labels": {"prior": "dirichlet", "shuffle_labels": True},
    }
    return first._replace(name="full", arms=first.arms | controls, seeds=(0, 1, 2, 3, 4))
