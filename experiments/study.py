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
from pathlib import Path

from experiments import cli
from experiments.cli import Parser
from experiments.configs import studies


def parser() -> Parser:
    flags = cli.parser("study", __doc__, config=True)
    flags.shared("--preset", default="quick", help="named study", **cli.one_of(studies.STUDIES))
    flags.shared("--workdir", help="folder of the study; default: runs/study-PRESET")
    flags.shared("--raw_dir")
    flags.shared("--replicates", default=1000)
    cli.add_run_list(flags)
    return flags


def run(flags: argparse.Namespace) -> None:
    """Lists, trains or reports the study's runs, as the flags ask."""
    study = studies.load(flags.preset)
    study = study._replace(seeds=flags.seeds or study.seeds)
    runs = cli.settled(studies.runs(study), flags.fields, flags.index)
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


def main(arguments: list[str] | None = None) -> None:
    cli.main(parser(), run, arguments, cli.RESUMES)


if __name__ == "__main__":
    main()
