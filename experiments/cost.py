"""What a configuration costs: parameters, operations of a training step, and hours computed from an assumed utilisation.

    python -m experiments.cost --preset=paper --images=200000 --epochs=30

Hours are computed, not measured: operations of all steps over (peak x utilisation). --images and --epochs set the steps.
"""

import argparse
import sys

from dirvae.config import ConfigError, assignments, override, validate
from experiments import configs

PEAKS = {
    "1 x A100 (bf16, 312 TFLOP/s)": 312e12,
    "1 x H100 (bf16, 989 TFLOP/s)": 989e12,
    "8 x TPU v5e (bf16, 8 x 197 TFLOP/s)": 1576e12,
}


def main(arguments: list[str] | None = None) -> None:
    flags = argparse.ArgumentParser(
        prog="python -m experiments.cost", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    flags.add_argument("--preset", choices=configs.PRESETS, default="paper")
    flags.add_argument("--images", type=int, default=0, help="training images; 0: the config's steps")
    flags.add_argument("--epochs", type=float, default=30)
    flags.add_argument("--labels", type=int, default=14)
    flags.add_argument("--utilisation", type=float, default=0.3, help="share of the peak that is reached")
    chosen, leftover = flags.parse_known_args(arguments)
    try:
        config = validate(override(configs.preset(chosen.preset), assignments(leftover, prefix="--config.")))
    except ConfigError as error:
        sys.exit(f"error: {error}")
    from dirvae.training import cost

    steps = round(chosen.images * chosen.epochs / config.train.batch_size) or config.train.steps
    found = cost.of_step(config, chosen.labels)
    print(
        f"{found.parameters / 1e6:.1f} million parameters, {found.operations / 1e9:,.0f} GFLOP a step of {config.train.batch_size}"
    )
    for name, peak in PEAKS.items():
        hours = steps * found.operations / (peak * chosen.utilisation) / 3600
        print(f"{steps:,} steps on {name} at {chosen.utilisation:.0%}: {hours:.1f} hours (computed)")


if __name__ == "__main__":
    main()
