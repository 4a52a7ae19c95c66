"""Full: the quick study's question and endpoints (experiments/configs/studies/quick.py) with all control models, five seeds.

Beside the two arms of the contrast and the supervised autoencoder: a logistic-normal prior (a simplex without sparsity), a gamma
prior (sparsity without a simplex), the GVAE with a linear head on all latents (the most accurate Gaussian on validation) and its
Dirichlet twin (what the assigned latents add), one simplex of 97 components with a component a finding (what the pairs add), and
the DirVAE with shuffled labels in training and validation (what the whole procedure reports when there is nothing to learn: on
test, over seeds, a macro AUROC near .5). 45 runs; spread them over machines with --index and merge by copying folders.

Result so far, seed 0 alone (macro AUROC, AUG, D, ceiling on test): DirVAE .974, .65, .126, .77; logistic-normal .974, .70, .114,
.75; gamma .967, .70, .159, .49 (282 nats); GVAE with a linear head .970, .12, .055, .78; DirVAE with a linear head .974, .09, .066, .63;
one simplex .968, .65, .010, .70; shuffled labels .472, .04, .046, .75.
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
