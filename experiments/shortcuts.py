"""Trains classifiers on phantoms with a shortcut, and asks the explanations which one each of them takes.

    python -m experiments.shortcuts                  # every run, then the table and the figure
    python -m experiments.shortcuts --list           # indices, folders, what is done
    python -m experiments.shortcuts --index=7        # one run, as of an array job
    python -m experiments.shortcuts --report         # the report of whatever is finished

The grid is kinds of confounders x strengths x seeds, and models at rho = 0, where the confounders are in the pictures and tell
nothing: experiments/configs/shortcuts.py. True reliance is measured by intervention. Writes shortcuts.html, .json and .csv.
"""

import argparse
import sys
from pathlib import Path

from dirvae.config import ConfigError, assignments, override, validate
from experiments.configs import shortcuts


def parser() -> argparse.ArgumentParser:
    flags = argparse.ArgumentParser(
        prog="python -m experiments.shortcuts",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    flags.add_argument("--workdir", type=Path, default=Path("runs/shortcuts"))
    flags.add_argument("--data_dir", type=Path, default=Path("data"))
    chosen = flags.add_mutually_exclusive_group()
    chosen.add_argument("--list", action="store_true")
    chosen.add_argument("--index", type=int, help="train only this run of the list")
    chosen.add_argument("--report", action="store_true", help="train nothing")
    flags.epilog = "--config.FIELD=VALUE changes a field of every run, as in experiments.run."
    return flags


def main(arguments: list[str] | None = None) -> None:
    flags, leftover = parser().parse_known_args(arguments)
    try:
        changed = assignments(leftover, prefix="--config.")
        runs = [(name, validate(override(config, changed))) for name, config in shortcuts.runs()]
        if flags.index is not None and not 0 <= flags.index < len(runs):
            raise ConfigError(f"--index={flags.index}, but the grid has {len(runs)} runs, from 0 on")
        from experiments import comparing, reliance  # import jax, hence not before the flags are known to be good

        if flags.list:
            print(comparing.listing(flags.workdir, runs, shortcuts.MINUTES))
            return
        if not flags.report:
            todo = runs if flags.index is None else [runs[flags.index]]
            comparing.train(flags.workdir, todo, None, flags.data_dir)
            for name, _ in todo:
                reliance.gather(flags.workdir / name)
        if flags.index is None:
            print(reliance.report(flags.workdir, runs))
    except (ValueError, OSError) as error:
        sys.exit(f"error: {error}")


if __name__ == "__main__":
    main()
