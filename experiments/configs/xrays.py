"""X-rays: one or two thousand real X-rays of 64 pixels, starting from a run on the phantom.

So few images cannot teach a network what a chest is, and the phantom can. The start is the plain preset's run on the phantom
(`train.init_from`), of which everything but the head fits. Some ten passes over the real images follow. Positives weigh by their
rarity, since rare findings otherwise hardly move the encoder. Augmentation is about twice the default, without which more passes overfit.
The baseline is ridge regression on 80 principal components, which suits a few dozen positives better than logistic regression.

    python -m experiments.run --prior=dirichlet --preset=plain
    python -m experiments.run --prior=dirichlet --preset=xrays --raw_dir=DIR --config.init_from=runs/phantom-dirichlet-plain-0

Settings were chosen by cross-validation on train.csv. The last checkpoint is used, since the small validation split varies by more
than checkpoints do. Results: experiments/results/xrays.md.
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
