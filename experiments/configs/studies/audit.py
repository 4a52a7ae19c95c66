"""Audit: which flaws of the released code of Harkness et al. 2023 change "DirVAE better than GVAE"? Three seeds, on the phantom.

    python -m experiments.study --preset=audit                 # 54 runs of about a minute and a half on two CPU cores
    python -m experiments.study --preset=audit --list          # spread them over machines with --index

Endpoints, fixed before the first run, DirVAE less GVAE on test images: macro AUROC (primary), AUG and interventional D. A flaw's
row sets the difference with it beside the one without, on the same seeds and patients, and judges the change between the
two (Holm over the rows, an endpoint each): "changes the sign", "hides it", "makes one up", "enlarges it", "shrinks it", or "no
effect shown". Beside that, of the two clean arms, what the released traversal moves (median rank of |z|) and the NCC of its
change with the exact effect, beside the on-manifold traversal's from the same true positives.

Arms are "clean", then with one flaw each (dirvae/studies/priors/flaws.py), last with all. A flaw of one prior alone is switched on in
that arm alone, as released; the reversed KL, which was DirVAE's, is shown in both as well. Plain preset, 600 steps, the
KL's weight 1 in both clean arms: not the same number of nats, since a released weight cannot be set beside a steered one.

What the phantom can and cannot show: its Pleural Other is empty, so the overwritten effusion is the absence of a pneumothorax;
only its training labels are uncertain, so that flaw 5 is half of what it was; 600 steps see a leaked image five times,
the released code hundreds of times; a draw at test meets a head that learned from expectations, where the released one learned
from draws (`model.head_input`), and interventional D does not see it, since interventions are read in expectation.

Result, three seeds, macro AUROC, DirVAE less GVAE: without flaws +.064 [.050, .076]. The Gaussian head that reads log z, or 0 where
z is not positive, makes it +.239 (change +.175 [.087, .244], p = .02), all flaws together +.260 (+.196 [.173, .225], p = .02), the
reversed KL of the DirVAE alone +.071 (+.007 [.003, .012], p = .02). A draw at test shrinks it (-.043 [-.052, -.033], p = .02). For
the others, and for AUG and D throughout, no effect is shown. NCC with the exact effect, on the manifold and as released: DirVAE .28
and .17, GVAE .30 and .12; the released traversal moves the DirVAE's rarest components (median rank of z 4 of 64; GVAE 33). After two
seeds the uncertain labels had seemed to shrink the difference (p = .03), and the reversed KL to do nothing.
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
        question="Which flaws of the released code change the conclusion that the Dirichlet prior is better?",
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
