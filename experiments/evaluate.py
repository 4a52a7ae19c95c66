"""Scores a trained run on another data set: external validation.

    python -m experiments.evaluate --workdir=W --dataset=chexpert --raw_dir=DIR --split=NAME

NAME is the stem of a CSV in DIR. The scores are added to W/metrics.json under NAME (under DIR/NAME where the run has a split
of that name itself), the predictions to W/predictions/. Without --raw_dir, NAME is a split of the run's own data set.
"""

import argparse

from data_prep import sources
from experiments import cli
from experiments.cli import Parser


def parser() -> Parser:
    flags = cli.parser("evaluate", __doc__)
    flags.shared("--workdir", required=True)
    flags.add_argument("--dataset", help="data source that reads the table", **cli.one_of(sources.SOURCES))
    flags.shared("--raw_dir")
    flags.shared("--data_dir")
    flags.shared(
        "--split", required=True, default=None, help="name of a table in --raw_dir, or a split of the run's data"
    )
    flags.shared("--labels", help="comma-separated findings to score, all of them the run's own; default: all")
    return flags


def run(flags: argparse.Namespace) -> None:
    """Scores the run, and adds the scores to its metrics.json."""
    from experiments import pipeline

    pipeline.evaluate_elsewhere(flags.workdir, flags.raw_dir, flags.split, flags.data_dir, flags.labels, flags.dataset)


def main(arguments: list[str] | None = None) -> None:
    cli.main(parser(), run, arguments)


if __name__ == "__main__":
    main()
