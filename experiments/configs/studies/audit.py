"""Audit: which flaws of the published code of Harkness et al. 2023 change "DirVAE better than GVAE"? Three seeds, on the phantom.

    python -m experiments.study --preset=audit                 # 54 runs of about 1.5 minutes on two CPU cores

Endpoints, fixed before the first run, DirVAE less GVAE on test images: macro AUROC (primary), AUG and interventional D. A row
sets the difference with a flaw beside the one without, on the same seeds and patients. It judges the change between the two,
with Holm's correction over the rows.

Arms are clean, then with one flaw each (dirvae/studies/priors/flaws.py), last with all. A flaw of one prior is switched on in
that arm alone; the reversed KL is shown in both as well. Plain preset, 600 steps; the KL's weight is 1 in both clean arms, so
their numbers of nats differ. Results and limits: experiments/results/flaws.md.
"""

from typing import Any

from dirvae.studies.plan import Study
from experiments.configs import plain

SHARED: dict[str, dict[str, Any]] = {
    "effusion overwritten": {"flaws": ("effusion_overwritten",)},
    "leaky split": {"flaws": ("leaky_split",)},
    "uncertain by split": {"flaws": ("uncertain_by_split",)},
    "draw at test": {"flaws": ("draw_at_test",)},
    "flips": {"flip": True},
}
"""Flaws that both priors had."""
REVERSED: dict[str, Any] = {"flaws": ("reversed_kl",)}
GAUSSIAN: dict[str, dict[str, Any]] = {
    "log z or 0": {"flaws": ("log_or_nought_head",)},
    "98-fold KL": {"beta": 98.0},
}
"""Flaws of the Gaussian alone."""


def together(*settings: dict[str, Any]) -> dict[str, Any]:
    """All of these settings, with the flaws of all."""
    flaws = tuple(sorted(flaw for one in settings for flaw in one.get("flaws", ())))
    return {name: value for one in settings for name, value in one.items()} | {"flaws": flaws}


def study() -> Study:
    dirichlet = {"reversed KL": REVERSED, **SHARED, "all flaws": together(REVERSED, *SHARED.values())}
    gaussian = {"reversed KL": REVERSED, **SHARED, **GAUSSIAN}
    gaussian["all flaws"] = together(*SHARED.values(), *GAUSSIAN.values())
    arms = {"DirVAE": {"prior": "dirichlet", "cases": 10}, "GVAE": {"prior": "gaussian", "cases": 10}}
    arms |= {f"DirVAE, {flaw}": {"prior": "dirichlet"} | settings for flaw, settings in dirichlet.items()}
    arms |= {f"GVAE, {flaw}": {"prior": "gaussian"} | settings for flaw, settings in gaussian.items()}
    return Study(
        name="audit",
        question="Which flaws of the published code change the conclusion that the Dirichlet prior is better?",
        arms=arms,
        seeds=(0, 1, 2),
        common=plain.SETTINGS | {"steps": 600, "cases": 0, "replicates": 0},
        contrast=("DirVAE", "GVAE"),
        margin=0.01,
        minutes=1.5,
        contrasts=(
            ("DirVAE, reversed KL", "GVAE"),
            *((f"DirVAE, {flaw}", f"GVAE, {flaw}") for flaw in ("reversed KL", *SHARED)),
            *(("DirVAE", f"GVAE, {flaw}") for flaw in GAUSSIAN),
            ("DirVAE, all flaws", "GVAE, all flaws"),
        ),
    )
