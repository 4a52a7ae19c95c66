"""Scores every explanation of a run on the same images, against exact effects (phantom) or boxes (real X-rays).

    python -m experiments.compare_explanations --workdir=W --judge=W2
    python -m experiments.compare_explanations --workdir=W --judge=W2 --shuffled=W3 --split=test --images=40 --replicates=1000

The traversal's geometry is picked on validation images; the tables are of --split. --judge is another run, trained
independently on the same findings, by which counterfactuals are judged. --shuffled is a run trained on shuffled labels, whose
maps must differ. Writes W/contest/<split>.json and .html, and prints the tables.
"""

import argparse
from pathlib import Path

from experiments import cli
from experiments.cli import Parser


def parser() -> Parser:
    flags = cli.parser("compare_explanations", __doc__)
    flags.shared("--workdir", required=True)
    flags.add_argument("--judge", type=Path, help="folder of another run, for the validity of counterfactuals")
    flags.add_argument("--shuffled", type=Path, help="folder of a run trained with --config.shuffle_labels=true")
    flags.shared("--split")
    flags.shared("--images", type=cli.whole(2), default=40, help="true positives for each finding, at most")
    flags.shared("--replicates", default=1000)
    return flags


def run(flags: argparse.Namespace) -> None:
    """Scores every explanation, writes the page, and prints the tables."""
    from dirvae.studies.explanations import benchmark, tables

    scores = benchmark.contend(flags.workdir, flags.judge, flags.shuffled, flags.split, flags.images, flags.replicates)
    print(tables.text(scores))


def main(arguments: list[str] | None = None) -> None:
    cli.main(parser(), run, arguments)


if __name__ == "__main__":
    main()
