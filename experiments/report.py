"""Compares finished runs, the first with each of the others.

    python -m experiments.report WORKDIR WORKDIR ... [--out=DIR]
    python -m experiments.report WORKDIR

Writes comparison.html and comparison.json: scores and differences of scores, both with intervals from the same resamples of
patients. A split is compared where the runs were scored on the same images; the page says what cannot be compared. For one WORKDIR
its own report is written again.
"""

import argparse
from pathlib import Path

from experiments import cli
from experiments.cli import Parser


def parser() -> Parser:
    flags = cli.parser("report", __doc__)
    flags.add_argument("workdirs", metavar="WORKDIR", type=Path, nargs="+", help="folder of a run")
    flags.shared("--out", "--output", default=Path("."), help="folder of comparison.html and comparison.json")
    flags.shared("--replicates", default=2000)
    return flags


def run(flags: argparse.Namespace) -> None:
    """Writes one run's report, or the comparison of several."""
    from dirvae.report import comparison_page, run_page
    from dirvae.studies import side_by_side

    if len(flags.workdirs) == 1:
        print(run_page.write(flags.workdirs[0]))
        return
    comparison = side_by_side.compare(flags.workdirs, flags.replicates)
    print(comparison_page.as_text(comparison))
    side_by_side.write(flags.out, comparison)
    print(comparison_page.write(flags.out, comparison))


def main(arguments: list[str] | None = None) -> None:
    cli.main(parser(), run, arguments)


if __name__ == "__main__":
    main()
