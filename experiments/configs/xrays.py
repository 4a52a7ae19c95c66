"""X-rays: one or two thousand real X-rays at 64 pixels, starting from a run on the phantom.

So few images cannot teach a network what a chest is; the phantom can. The start is the plain preset's run on the phantom
(`train.init_from`), of which everything but the head fits; then some ten passes over the real images, with positives weighted
by their rarity, since the rare findings otherwise hardly move the encoder that all of them share, and with twice the
default augmentation, without which more passes over-fit. The baseline is ridge regression on 80 principal components, which
suits a few dozen positives better than logistic regression.

    python -m experiments.run --prior=dirichlet --preset=plain
    python -m experiments.run --prior=dirichlet --preset=xrays --raw_dir=DIR --config.init_from=runs/phantom-dirichlet-plain-0

Settings were chosen by patient-wise cross-validation on train.csv (`python -m experiments.cross_validate --preset=xrays ...`).
Checkpoints are not chosen by the small validation split, whose AUROC varies by more than they do: the last one is used.
"""

from dirvae.config import Config, override
from experiments.configs import plain


def config() -> Config:
    return override(
        plain.config(),
        {
            "dataset": "chexpert",
            "class_weighted": True,
            "rotate_degrees": 6.0,
            "translate": 0.05,
            "zoom": 0.08,
            "brightness": 0.08,
            "contrast": 0.25,
            "warmup": 0.1,
            "steps": 480,
            "checkpoint_every": 480,
            "log_every": 20,
            "baseline": "ridge",
        },
    )
