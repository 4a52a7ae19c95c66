"""Compares explanations: scores every method's maps of the same images against exact effects (phantom) or boxes (real X-rays).

    python -m experiments.compare_explanations --workdir=W --judge=W2
    python -m experiments.compare_explanations --workdir=W --judge=W2 --shuffled=W3 --split=test --images=40 --replicates=1000

The traversal's geometry is picked on validation images; the tables are of --split. --judge is another run, trained independently on
the same findings: it says whether a finding is gone from the picture. --shuffled is a run that was trained on shuffled labels; the maps
of an explanation that depends on what was learned should differ from its maps. Writes W/comparison_of_explanations/<split>.json and
.html, and prints the tables.
"""

import argparse
from pathlib import Path

from experiments import cli
from experiments.cli import Parser

FOLDER = "comparison_of_explanations"  # in the run's folder


def parser() -> Parser:
    flags = cli.parser("compare_explanations", __doc__)
    flags.shared("--workdir", required=True)
    flags.add_argument("--judge", type=Path, help="folder of another run, for the validity of counterfactuals")
    flags.add_argument("--shuffled", type=Path, help="folder of a run trained with --config.shuffle_labels=true")
    flags.shared("--split")
    flags.shared("--images", type=cli.whole(2), default=40, help="true positives for each finding, at most")
    flags.shared("--replicates", default=1000)
    flags.shared("--data_dir")
    return flags


def run(flags: argparse.Namespace) -> None:
    """Scores every explanation, writes the page, and prints the tables."""
    from dirvae.report import explanations_page
    from dirvae.studies.explanations import benchmark, results, tables
    from dirvae.training import workdir
    from experiments import pipeline

    pipeline.keep_compiled(flags.data_dir)
    request = benchmark.Request(
        flags.workdir, flags.split, flags.images, flags.replicates, flags.judge, flags.shuffled, flags.data_dir
    )
    simulator = pipeline.simulator(workdir.read_config(flags.workdir).data)
    comparison, examples = benchmark.compare(request, simulator, pipeline.progress_line)
    place = flags.workdir / FOLDER / flags.split
    workdir.write_json(place.with_suffix(".json"), results.to_json(comparison))
    explanations_page.write(place.with_suffix(".html"), comparison, examples)
    print(tables.text(comparison))


def main(arguments: list[str] | None = None) -> None:
    cli.main(parser(), run, arguments)


if __name__ == "__main__":
    main()
