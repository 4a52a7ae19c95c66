"""Computes what training a configuration costs: parameters, operations and hours.

    python -m experiments.cost --preset=paper --images=200000 --epochs=30

Operations are counted by the compiler. Hours are computed, not measured: operations of all steps over (peak x utilisation). --images
and --epochs set the number of steps.
"""

import argparse

from dirvae.config import ConfigError, override, validate
from experiments import cli, configs
from experiments.cli import Parser

PEAKS = {
    "1 x A100 (bf16, 312 TFLOP/s)": 312e12,
    "1 x H100 (bf16, 989 TFLOP/s)": 989e12,
    "8 x TPU v5e (bf16, 8 x 197 TFLOP/s)": 1576e12,
}


def parser() -> Parser:
    flags = cli.parser("cost", __doc__, config=True)
    flags.shared("--preset", default="paper", **cli.one_of(configs.PRESETS))
    flags.shared("--images", help="training images; default: the configuration's own number of steps")
    flags.add_argument("--epochs", type=cli.positive, default=30.0, help="passes over the training images")
    flags.add_argument("--findings", type=cli.whole(1), default=14, help="findings that the classifier learns")
    flags.add_argument("--utilisation", type=cli.positive, default=0.3, help="share of the peak that is reached")
    return flags


def run(flags: argparse.Namespace) -> None:
    """Prints parameters, operations and hours."""
    config = validate(override(configs.preset(flags.preset), flags.fields))
    if flags.utilisation > 1:
        raise ConfigError(f"--utilisation={flags.utilisation:g} must not be above 1")
    from dirvae.training import cost

    steps = config.train.steps
    if flags.images is not None:
        steps = max(1, round(flags.images * flags.epochs / config.train.batch_size))
    step = cost.of_step(config, flags.findings)
    print(
        f"{step.parameters / 1e6:.1f} million parameters, {step.operations / 1e9:,.0f} GFLOP a step of "
        f"{config.train.batch_size} images"
    )
    for name, peak in PEAKS.items():
        hours = steps * step.operations / (peak * flags.utilisation) / 3600
        print(f"{steps:,} steps on {name} at {flags.utilisation:.0%}: {hours:.1f} hours (computed)")


def main(arguments: list[str] | None = None) -> None:
    cli.main(parser(), run, arguments)


if __name__ == "__main__":
    main()
