"""Scores a trained run on another data set or another split.

    python -m experiments.evaluate --workdir=W --dataset=chexpert --raw_dir=DIR --split=NAME
    python -m experiments.evaluate --workdir=W --split=NAME

With --raw_dir, the images of DIR/NAME.csv are scored, which is external validation. Without it, NAME is a split of the run's own data.
Scores go to W/metrics.json under NAME, or under DIR/NAME where the run itself has a split of that name. Predictions go to
W/predictions/.
"""

import argparse

from data_prep import sources
from experiments import cli
from experiments.cli import Parser


def parser() -> Parser:
    flags = cli.parser("evaluate", __doc__)
    flags.shared("--workdir", required=True)
    flags.add_argument(
        "--dataset",
        help="data source that reads the table; default: the run's own, or the first that reads tables",
        **cli.one_of(sources.SOURCES),
    )
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
