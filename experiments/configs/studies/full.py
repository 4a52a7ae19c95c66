"""Full: the question and endpoints of the quick study with all control models, five seeds.

    python -m experiments.study --preset=full --list           # 45 runs of about 4.5 minutes on two CPU cores

Beside the arms of the quick study: a logistic-normal prior (a simplex without sparsity), a gamma prior (sparsity without a
simplex), both arms of the contrast with a linear head on all latents, one simplex of 97 components, and the DirVAE with
shuffled labels in training and validation, whose macro AUROC on test should be near .5. Spread the runs over machines with
--index, and merge by copying folders. Results: experiments/results/priors.md.
"""

from dirvae.studies.plan import Study
from experiments.configs.studies import quick


def study() -> Study:
    first = quick.study()
    dirichlet, numbers = {"prior": "dirichlet"}, {"latents": 1}
    controls = {
        "Logistic-normal VAE": {"prior": "logistic_normal"},
        "Gamma VAE": {"prior": "gamma"} | numbers,
        "GVAE, linear head": first.arms["GVAE"] | {"head": "linear"},
        "DirVAE, linear head": dirichlet | {"head": "linear"},
        "DirVAE, one simplex": dirichlet | {"structure": "global", "groups": 1, "latents": 97},
        "DirVAE, shuffled labels": dirichlet | {"shuffle_labels": True},
    }
    return first._replace(name="full", arms=first.arms | controls, seeds=(0, 1, 2, 3, 4))
