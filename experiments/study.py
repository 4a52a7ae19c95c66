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

from dirvae.config import ConfigError, assignments, override, validate
from experiments.configs import studies


def parser() -> argparse.ArgumentParser:
    flags = argparse.ArgumentParser(
        prog="python -m experiments.study", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    flags.add_argument("--preset", choices=studies.STUDIES, default="quick")
    flags.add_argument("--workdir", type=Path, help="default runs/study-PRESET")
    flags.add_argument("--raw_dir", type=Path, help="folder of train.csv, valid.csv and the images (chexpert)")
    flags.add_argument("--data_dir", type=Path, default=Path("data"))
    flags.add_argument("--seeds", default="", help="comma-separated, instead of the preset's")
    flags.add_argument("--replicates", type=int, default=1000, help="bootstrap replicates of the report")
    chosen = flags.add_mutually_exclusive_group()
    chosen.add_argument("--list", action="store_true")
    chosen.add_argument("--index", type=int, help="train only this run of the list")
    chosen.add_argument("--report", action="store_true", help="train nothing")
    flags.epilog = "--config.FIELD=VALUE changes a field of every run, as in experiments.run."
    return flags


def main(arguments: list[str] | None = None) -> None:
    flags, leftover = parser().parse_known_args(arguments)
    try:
        study = studies.load(flags.preset)
        if flags.seeds:
            if not all(seed.strip().isdigit() for seed in flags.seeds.split(",")):
                raise ConfigError(f"--seeds={flags.seeds} is not a list of whole numbers, such as 0,1,2")
            study = study._replace(seeds=tuple(map(int, flags.seeds.split(","))))
        changed = assignments(leftover, prefix="--config.")
        runs = [(name, validate(override(config, changed))) for name, config in studies.runs(study)]
        if flags.index is not None and not 0 <= flags.index < len(runs):
            raise ConfigError(f"--index={flags.index}, but the study has {len(runs)} runs, from 0 on")
        directory = flags.workdir or Path("runs") / f"study-{flags.preset}"
        from experiments import comparing  # imports jax, hence not before the flags are known to be good

        if flags.list:
            print(comparing.listing(directory, runs, study.minutes))
            return
        if not flags.report:
            todo = runs if flags.index is None else [runs[flags.index]]
            comparing.train(directory, todo, flags.raw_dir, flags.data_dir)
        if flags.index is None:
            print(comparing.report(directory, study, runs, flags.replicates))
    except (ValueError, OSError) as error:
        sys.exit(f"error: {error}")


if __name__ == "__main__":
    main()
