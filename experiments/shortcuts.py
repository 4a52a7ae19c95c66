"""Trains classifiers on phantoms with a shortcut, and measures how well their explanations detect that it is used.

    python -m experiments.shortcuts                  # every run, then the table and the figure
    python -m experiments.shortcuts --list           # indices, folders, what is done
    python -m experiments.shortcuts --index=7        # one run, as in an array job
    python -m experiments.shortcuts --report         # the report of what is finished

The grid (experiments/configs/shortcuts.py) crosses kinds of confounders, strengths and seeds. Its null models see the same
confounders at correlation 0. --seeds chooses the seeds of the former; null models are always the same. What a classifier truly relies
on is measured by intervention. Writes shortcuts.html, .json and .csv.
"""

import argparse
from pathlib import Path

from dirvae.config import Config
from experiments import cli
from experiments.cli import Parser
from experiments.configs import shortcuts


def parser() -> Parser:
    flags = cli.parser("shortcuts", __doc__, config=True)
    flags.shared("--workdir", default=Path("runs/shortcuts"), help="folder of the grid")
    cli.add_run_list(flags)
    return flags


def run(flags: argparse.Namespace) -> None:
    """Lists, trains and measures, or reports the grid's runs, as the flags ask."""
    runs = cli.settled(shortcuts.runs(flags.seeds or shortcuts.SEEDS), flags.fields, flags.index)
    from dirvae.report import shortcuts_page
    from dirvae.studies import runner  # imports jax, hence not before the flags are known to be good
    from dirvae.studies.shortcuts import detection, tables
    from dirvae.training import lock
    from experiments import pipeline

    if flags.list:
        print(runner.listing(flags.workdir, runs, shortcuts.MINUTES))
        return
    if not flags.report:
        todo = runs if flags.index is None else [runs[flags.index]]
        pipeline.start(argparse.Namespace(distributed=False, coordinator="", data_dir=flags.data_dir))
        train_one = pipeline.trainer(None, flags.data_dir, runner.PHASES)
        runner.train(flags.workdir, todo, train_one, say=pipeline.say)
        for model in todo:
            with lock.held(flags.workdir / model.folder, pipeline.say):
                measure(flags.workdir / model.folder, model.config, flags.data_dir)
    if flags.index is None:
        grid = detection.gather(flags.workdir, [(model.folder, model.config) for model in runs])
        shortcuts_page.write(flags.workdir / "shortcuts.html", grid)
        print(tables.text(grid))


def measure(directory: Path, config: Config, data_dir: Path) -> None:
    """Measures one model; one that cannot be measured is told of, and does not keep the others from it."""
    from dirvae.studies.shortcuts import reliance
    from experiments import pipeline

    try:
        reliance.measure(directory, pipeline.simulator(config.data), data_dir)
    except ValueError as error:
        pipeline.say(f"{directory.name}: {error}")


def main(arguments: list[str] | None = None) -> None:
    cli.main(parser(), run, arguments, cli.RESUMES)


if __name__ == "__main__":
    main()
