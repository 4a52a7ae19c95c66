"""Scores a trained run on another data set: external validation.

    python -m experiments.evaluate --workdir=W --dataset=chexpert --raw_dir=DIR --split=NAME

NAME is the stem of a CSV in DIR. The scores are added to W/metrics.json under NAME (under DIR/NAME where the run has a split
of that name itself), the predictions to W/predictions/. Without --raw_dir, NAME is a split of the run's own data set.
"""

import argparse
import sys
from pathlib import Path


def parser() -> argparse.ArgumentParser:
    flags = argparse.ArgumentParser(
        prog="python -m experiments.evaluate", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    flags.add_argument("--workdir", type=Path, required=True)
    flags.add_argument("--dataset", choices=("chexpert",), default="chexpert")
    flags.add_argument("--raw_dir", type=Path)
    flags.add_argument("--data_dir", type=Path, default=Path("data"))
    flags.add_argument("--split", required=True)
    flags.add_argument(
        "--labels", default="", help="comma-separated findings to score; all of them must be the run's own"
    )
    return flags


def main(arguments: list[str] | None = None) -> None:
    flags = parser().parse_args(arguments)
    from experiments import pipeline

    try:
        labels = tuple(name for name in flags.labels.split(",") if name)
        pipeline.evaluate_elsewhere(flags.workdir, flags.raw_dir, flags.split, flags.data_dir, labels)
    except (ValueError, OSError) as error:
        sys.exit(f"error: {error}")


if __name__ == "__main__":
    main()
