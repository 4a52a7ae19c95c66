"""Trains and scores the latents on MNIST, for comparison with published numbers (Joo et al. 2020, arXiv 1901.02739).

    python -m experiments.mnist --raw_dir=DIR --prior=dirichlet --out=runs/mnist-dirichlet.json

Networks and training are as published: encoder 784-500-500, decoder 50-500-784, ReLU, 50 latents, Bernoulli pixels, Adam 5e-4, batches
of 100. 50,000 images train, 10,000 serve for choices, 10,000 are the test. Pixels are binarised at random, anew in every training step
and once (seed 0) for scoring. The Dirichlet prior has concentration 1 - 1/K. DIR holds the original IDX files; without it TFDS's mnist
is used.

Prints kNN errors of the expected latents, active units, the ELBO, and the importance-weighted lower bound of log p(x) (Burda et al.
2016) with its effective sample size.
"""

import argparse
from pathlib import Path

from dirvae.config import ConfigError
from dirvae.latents.families import FAMILIES
from experiments import cli
from experiments.cli import CONSOLE, Parser

COMPONENTS, BATCH, RATE = 50, 100, 5e-4


def parser() -> Parser:
    flags = cli.parser("mnist", __doc__)
    flags.shared("--raw_dir", help="folder of the four IDX files, packed or not")
    flags.add_argument("--prior", default="dirichlet", help="latent family", **cli.one_of(FAMILIES))
    flags.add_argument(
        "--concentration", type=cli.positive, default=1 - 1 / COMPONENTS, help="the prior's, each component"
    )
    flags.add_argument(
        "--prior_learning",
        default="fixed",
        help="how a Dirichlet prior is learned",
        **cli.one_of(("fixed", "moments", "gradient")),
    )
    flags.add_argument(
        "--parametrisation",
        default="exp",
        help="from features to concentrations",
        **cli.one_of(("exp", "softplus", "mean_total")),
    )
    flags.add_argument("--epochs", type=cli.whole(1), default=60, help="passes over the training images")
    flags.add_argument(
        "--samples", type=cli.whole(1), default=100, help="draws for each image's importance-weighted bound"
    )
    flags.shared("--images", "--scored", default=10_000, help="images whose bounds are computed")
    flags.shared("--seed", default=0)
    flags.shared("--split", default="validation", help="split that is scored", **cli.one_of(("validation", "test")))
    flags.shared("--out", "--output", default=Path("mnist.json"), help="file of the numbers")
    return flags


def run(flags: argparse.Namespace) -> None:
    """Trains, scores, writes the numbers, and prints the table's row."""
    if flags.prior_learning != "fixed" and not FAMILIES[flags.prior].learnable:
        learnable = ", ".join(name for name, family in FAMILIES.items() if family.learnable)
        raise ConfigError(f"--prior_learning={flags.prior_learning} needs a prior that can be learned: {learnable}")
    from dirvae.latents import learning
    from dirvae.training import workdir
    from experiments.literature import digits, mlp, scores

    images = digits.load(flags.raw_dir)
    latent = mlp.latent(flags.prior, COMPONENTS, flags.concentration, flags.parametrisation)
    params = mlp.fit(latent, images.train, flags.epochs, BATCH, RATE, flags.seed, CONSOLE.say, flags.prior_learning)
    latent = learning.learned(latent, params, flags.prior_learning, mlp.FLOOR)
    numbers = scores.score(latent, params, images, flags.split, flags.samples, flags.images, flags.seed)
    workdir.write_json(flags.out, {"settings": {k: str(v) for k, v in vars(flags).items()}} | numbers)
    print(scores.show(flags.prior, numbers))


def main(arguments: list[str] | None = None) -> None:
    cli.main(parser(), run, arguments)


if __name__ == "__main__":
    main()
