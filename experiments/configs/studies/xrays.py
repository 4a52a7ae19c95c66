"""X-rays: does the quick study's comparison look alike on real X-rays? Three seeds on a folder in the CheXpert layout.

    python -m experiments.study --preset=xrays --raw_dir=DIR   # 9 runs of about 2 minutes on two CPU cores

Endpoints, fixed before the first run, DirVAE less GVAE on valid.csv: macro AUROC, not worse by .01; AUG, normalised, superior
if the interval is above 0. Nothing can be switched on and off in a real X-ray, so the other endpoints are absent.

The latent is the default preset's, the rest as in experiments/configs/xrays.py. Choices are made on a fifth of train.csv's
patients. A finding counts with 10 positives and 10 negatives there and in valid.csv. The Dirichlet is asked for 135 nats and
the others for 150, so that each spends about 150 on validation images. Method and results: experiments/results/xrays.md.
"""

from dirvae.config import differences
from dirvae.studies.plan import Study
from experiments.configs import plain, xrays
from experiments.configs.studies import quick


def study() -> Study:
    settings = {path: ours for path, (ours, _) in differences(xrays.config(), plain.config()).items()}
    few = {
        "target_kl": 150.0,
        "kl_gain": 20 / settings["train.steps"],
        "cases": 0,
        "validation_percent": 20,
        "min_cases": 10,
    }
    base = quick.study()
    return base._replace(
        name="xrays",
        question="On real X-rays: does the Dirichlet prior give class-specific latents, at no loss of accuracy?",
        arms=base.arms | {"DirVAE": base.arms["DirVAE"] | {"target_kl": 135.0}},
        seeds=(0, 1, 2),
        common=settings | few,
        minutes=2.0,
    )
