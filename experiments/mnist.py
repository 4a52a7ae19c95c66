"""MNIST against the literature: the table of Joo et al. 2020 (arXiv 1901.02739) by this library's latents and losses.

    python -m experiments.mnist --raw_dir=DIR --prior=dirichlet --output=runs/mnist-dirichlet.json

Encoder 784-500-500, decoder 50-500-784, ReLU, 50 latents, Bernoulli pixels, Adam 5e-4, batches of 100, as published; 50,000 training
images, 10,000 for choices, 10,000 test images. Pixels are binarised: at random anew in every training step, once and for
all (seed 0) for scoring. The Dirichlet prior is 1 - 1/K. DIR holds the original IDX files; without it TFDS's mnist is used.

Prints kNN errors on what the decoder reads in expectation, active units, the ELBO, and the importance-weighted bound of log p(x)
(Burda et al. 2016) with its effective sample size: both are proper lower bounds, since sampler and density belong to the
same distribution.
"""

import argparse
import functools
import sys
from pathlib import Path

from dirvae.config import ConfigError
from dirvae.latents.families import FAMILIES

COMPONENTS, BATCH, RATE = 50, 100, 5e-4


def parser() -> argparse.ArgumentParser:
    flags = argparse.ArgumentParser(
        prog="python -m experiments.mnist", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    flags.add_argument("--raw_dir", type=Path, help="folder of the four IDX files, packed or not")
    flags.add_argument("--prior", choices=FAMILIES, default="dirichlet")
    flags.add_argument("--concentration", type=float, default=1 - 1 / COMPONENTS)
    flags.add_argument("--prior_learning", choices=("fixed", "moments", "gradient"), default="fixed")
    flags.add_argument("--parametrisation", choices=("exp", "softplus", "mean_total"), default="exp")
    flags.add_argument("--epochs", type=int, default=60)
    flags.add_argument("--samples", type=int, default=100, help="of the importance-weighted bound")
    flags.add_argument("--scored", type=int, default=10_000, help="test images whose bounds are computed")
    flags.add_argument("--seed", type=int, default=0)
    flags.add_argument("--split", choices=("validation", "test"), default="validation", help="what is scored")
    flags.add_argument("--output", type=Path, default=Path("mnist.json"))
    return flags


def main(arguments: list[str] | None = None) -> None:
    flags = parser().parse_args(arguments)
    try:
        if flags.prior_learning != "fixed" and not FAMILIES[flags.prior].learnable:
            learnable = ", ".join(name for name, family in FAMILIES.items() if family.learnable)
            raise ConfigError(f"--prior_learning={flags.prior_learning} needs a prior that can be learned: {learnable}")
        for name in ("epochs", "samples", "scored", "concentration"):
            if getattr(flags, name) <= 0:
                raise ConfigError(f"--{name}={getattr(flags, name)} must be above 0")
        from dirvae.latents import learning
        from dirvae.training import workdir
        from experiments.literature import digits, mlp, scores

        say = functools.partial(print, flush=True)
        images = digits.load(flags.raw_dir)
        latent = mlp.latent(flags.prior, COMPONENTS, flags.concentration, flags.parametrisation)
        params = mlp.fit(latent, images.train, flags.epochs, BATCH, RATE, flags.seed, say, flags.prior_learning)
        latent = learning.learned(latent, params, flags.prior_learning, mlp.FLOOR)
        found = scores.score(latent, params, images, flags.split, flags.samples, flags.scored, flags.seed)
        workdir.write_json(flags.output, {"settings": {k: str(v) for k, v in vars(flags).items()}} | found)
        print(scores.show(flags.prior, found))
    except (ValueError, OSError) as error:
        sys.exit(f"error: {error}")


if __name__ == "__main__":
    main()
