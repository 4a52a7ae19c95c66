"""Writes a page to walk along latent traversals, of one run or of several side by side.

    python -m experiments.explorer --workdir=W [--workdir=W2 ...] [--split=test] [--images=40] [--out=FILE]

All runs show the same images. They must know the same findings, and have been trained and scored on one data set. Beside each path the
page shows the maps of every registered explanation method, and the truth where it is known: exact effects on the phantom, or
radiologists' boxes. The page is one file that opens from disk, by default W/explorer.html.
"""

import argparse
from pathlib import Path

from experiments import cli
from experiments.cli import Parser


def parser() -> Parser:
    flags = cli.parser("explorer", __doc__)
    flags.shared("--workdir", action="append", required=True, help="folder of a run; may be repeated")
    flags.shared("--split", help="split of the runs' data set, already evaluated")
    flags.shared("--images", "--cases", default=40, help="images, drawn by seed from all findings' positives")
    flags.add_argument(
        "--findings", type=cli.whole(1), default=4, help="findings for each image, positives and likeliest first"
    )
    flags.shared("--seed", default=0)
    flags.shared("--data_dir")
    flags.shared("--out", help="the page; default: explorer.html in the first run's folder")
    return flags


def names(workdirs: list[Path]) -> list[str]:
    """Names of the runs' folders, with their parents' names where folders alone do not tell them apart."""
    short = [directory.resolve().name for directory in workdirs]
    if len(set(short)) == len(short):
        return short
    return [f"{directory.resolve().parent.name}/{directory.resolve().name}" for directory in workdirs]


def explore(flags: argparse.Namespace) -> Path:
    """Gathers run by run, and writes the page."""
    from dirvae.explain import walks
    from dirvae.report.explorer import page
    from dirvae.training import evaluate, runs
    from experiments import pipeline

    pipeline.keep_compiled(flags.data_dir)
    walks.agree(flags.workdir)
    scored = [evaluate.load(directory, flags.split).predictions for directory in flags.workdir]
    planned = walks.plan(scored, flags.images, flags.findings, flags.seed)
    opened = [runs.open_run(directory, data_dir=flags.data_dir) for directory in flags.workdir]
    examples = runs.load_examples(opened[0], flags.split)
    known, arms = walks.facts(examples, planned, pipeline.simulator(opened[0].config.data)), []
    for run, name in zip(opened, names(flags.workdir), strict=True):
        pipeline.say(f"{name}: {len(planned.row)} paths of {len(planned.position)} images")
        arms.append(walks.arm(run, name, examples, planned, run.tuned))
    return page.write(flags.out or flags.workdir[0] / "explorer.html", flags.split, planned, known, arms)


def run(flags: argparse.Namespace) -> None:
    page = explore(flags)
    print(f"{page}: {page.stat().st_size / 1e6:.1f} MB")


def main(arguments: list[str] | None = None) -> None:
    cli.main(parser(), run, arguments)


if __name__ == "__main__":
    main()
