"""Scores a trained run on another data set or another split.

    python -m experiments.evaluate --workdir=W --dataset=chexpert --raw_dir=DIR --split=NAME
    python -m experiments.evaluate --workdir=W --split=NAME

With --raw_dir, the images of a split or table NAME of that folder are scored, which is external validation. Without it, NAME is a split
of the run's own data. Scores go to W/metrics.json under DIR/NAME@HASH, with the hash of the content, so that another set of the same
name keeps its own; for the run's own splits under NAME. Predictions go to W/predictions/. Patients that the run learned from are refused
by name, and images that it saw pixel for pixel are told of.
"""

import argparse

from data_prep import sources
from experiments import cli
from experiments.cli import Parser


def parser() -> Parser:
    flags = cli.parser("evaluate", __doc__, config=True)
    flags.shared("--workdir", required=True)
    flags.add_argument(
        "--dataset",
        help="data source that reads --raw_dir, or several; default: the run's own, or the first that reads tables",
        **cli.one_of(sources.SOURCES, several=True),
    )
    flags.shared("--raw_dir")
    flags.shared("--data_dir")
    flags.shared(
        "--split", required=True, default=None, help="a split or table of --raw_dir, or a split of the run's data"
    )
    flags.shared("--labels", help="comma-separated findings to score, all of them the run's own; default: all")
    flags.add_argument(
        "--allow_training_patients",
        action="store_true",
        help="score images of patients that the run learned from all the same",
    )
    flags.epilog = (
        "--config.FIELD=VALUE sets a field of the data section for --raw_dir, such as --config.intensity=range."
    )
    return flags


def run(flags: argparse.Namespace) -> None:
    """Scores the run, and adds the scores to its metrics.json."""
    from experiments import external, pipeline

    pipeline.keep_compiled(flags.data_dir)
    request = external.Request(
        flags.split, flags.raw_dir, flags.dataset, flags.fields, flags.labels, flags.allow_training_patients
    )
    external.score(flags.workdir, flags.data_dir, request)


def main(arguments: list[str] | None = None) -> None:
    cli.main(parser(), run, arguments)


if __name__ == "__main__":
    main()
