"""Trains what a comparison needs, over priors and seeds, and writes the answer.

    python -m experiments.study --preset=quick                 # every run, then the report
    python -m experiments.study --preset=full --list           # indices, folders, what is done
    python -m experiments.study --preset=full --index=7        # one run, as of an array job
    python -m experiments.study --preset=full --report         # the report of whatever is finished
    python -m experiments.study --preset=xrays --raw_dir=DIR   # on real images, where nothing can be switched on and off

A study is a list of runs below --workdir; the same command resumes, runs of other machines merge by copying their folders.
The report (study.html, .json, .csv) says what is missing and why.
"""

import argparse
import sys
from pathlib import Path

from experiments import indexed
from experiments.configs import studies


def parser() -> argparse.ArgumentParser:
    flags = argparse.ArgumentParser(
        prog="python -m experiments.study", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    flags.add_argument("--preset", choices=studies.STUDIES, default="quick")
    flags.add_argument("--workdir", type=Path, help="default runs/study-PRESET")
    flags.add_argument("--raw_dir", type=Path, help="folder of train.csv, valid.csv and the images (chexpert)")
    flags.add_argument("--replicates", type=int, default=1000, help="bootstrap replicates of the report")
    indexed.add_flags(flags)
    return flags


def main(arguments: list[str] | None = None) -> None:
    flags, leftover = parser().parse_known_args(arguments)
    try:
        study = studies.load(flags.preset)
        study = study._replace(seeds=indexed.seeds(flags.seeds, study.seeds))
        runs = indexed.settled(studies.runs(study), leftover, flags.index)
        directory = flags.workdir or Path("runs") / f"study-{flags.preset}"
        from dirvae.studies import runner  # imports jax, hence not before the flags are known to be good

        if flags.list:
            print(runner.listing(directory, runs, study.minutes))
            return
        if not flags.report:
            todo = runs if flags.index is None else [runs[flags.index]]
            runner.train(directory, todo, flags.raw_dir, flags.data_dir)
        if flags.index is None:
            print(runner.report(directory, study, runs, flags.replicates))
    except (ValueError, OSError) as error:
        sys.exit(f"error: {error}")


if __name__ == "__main__":
    main()
