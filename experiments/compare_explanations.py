"""Scores every explanation of a run on the same images, against exact effects (phantom) or boxes (real X-rays).

    python -m experiments.compare_explanations --workdir=W --judge=W2
    python -m experiments.compare_explanations --workdir=W --judge=W2 --shuffled=W3 --split=test --images=40 --replicates=1000

The traversal's geometry is picked on validation images; the tables are of --split. --judge is another run, trained
independently on the same findings, by which counterfactuals are judged. --shuffled is a run trained on shuffled labels, whose
maps must differ. Writes W/contest/<split>.json and .html, and prints the tables.
"""

import argparse
import sys
from pathlib import Path


def parser() -> argparse.ArgumentParser:
    flags = argparse.ArgumentParser(
        prog="python -m experiments.compare_explanations",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    flags.add_argument("--workdir", type=Path, required=True)
    flags.add_argument("--judge", type=Path, help="workdir of another run, for the validity of counterfactuals")
    flags.add_argument("--shuffled", type=Path, help="workdir of a run trained with --config.shuffle_labels=true")
    flags.add_argument("--split", default="test")
    flags.add_argument("--images", type=int, default=40, help="true positives a finding, at most")
    flags.add_argument("--replicates", type=int, default=1000, help="of the patient bootstrap")
    return flags


def main(arguments: list[str] | None = None) -> None:
    flags = parser().parse_args(arguments)
    try:
        if flags.images < 2:
            raise ValueError(f"--images={flags.images} leaves nothing to resample; give at least 2")
        if flags.replicates < 0:
            raise ValueError(f"--replicates={flags.replicates} must not be negative")
        from dirvae.studies.explanations import benchmark, tables

        found = benchmark.contend(
            flags.workdir, flags.judge, flags.shuffled, flags.split, flags.images, flags.replicates
        )
        print(tables.text(found))
    except (ValueError, OSError) as error:
        sys.exit(f"error: {error}")


if __name__ == "__main__":
    main()
