"""Writes a page to walk along traversals, of one run or of several side by side.

    python -m experiments.explorer --workdir=W [--workdir=W2 ...] [--split=test] [--cases=40] [--out=FILE]

The same images for all runs, which must know the same findings and have been trained and scored on one data set; beside each
path what the phantom knows of the truth, or radiologists' boxes, and attributions by other methods. One file, by default
W/explorer.html, that opens from disk.
"""

import argparse
import sys
from pathlib import Path


def parser() -> argparse.ArgumentParser:
    flags = argparse.ArgumentParser(
        prog="python -m experiments.explorer", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    flags.add_argument("--workdir", type=Path, action="append", required=True, help="a run's folder; may be repeated")
    flags.add_argument("--split", default="test")
    flags.add_argument("--cases", type=int, default=40, help="images, drawn by seed from all findings' positives")
    flags.add_argument("--classes", type=int, default=4, help="findings an image, positives and likeliest first")
    flags.add_argument("--seed", type=int, default=0)
    flags.add_argument("--out", type=Path, help="the page; default page.html in the first run's folder")
    return flags


def names(workdirs: list[Path]) -> list[str]:
    """Of the runs' folders, with their parents' where that does not tell them apart."""
    short = [directory.resolve().name for directory in workdirs]
    if len(set(short)) == len(short):
        return short
    return [f"{directory.resolve().parent.name}/{directory.resolve().name}" for directory in workdirs]


def explore(flags: argparse.Namespace) -> Path:
    """Gathers run by run, and writes the page."""
    from functools import partial

    from data_prep.phantom.simulator import PhantomSimulator
    from dirvae.explain import gallery, truth
    from dirvae.report.explorer import page
    from dirvae.training import evaluate, runs
    from experiments import pipeline

    gallery.agree(flags.workdir)
    scored = [evaluate.load(directory, flags.split).predictions for directory in flags.workdir]
    planned = gallery.plan(scored, flags.cases, flags.classes, flags.seed)
    opened = [runs.open_run(directory) for directory in flags.workdir]
    examples = runs.load_examples(opened[0], flags.split)
    config = opened[0].config.data
    effect = partial(truth.effect, PhantomSimulator(config.image_size)) if config.dataset == "phantom" else None
    known, arms = gallery.truth(examples, planned, effect), []
    for run, name in zip(opened, names(flags.workdir), strict=True):
        pipeline.say(f"{name}: {len(planned.row)} paths of {len(planned.position)} images")
        arms.append(gallery.arm(run, name, examples, planned, run.tuned))
    return page.write(flags.out or flags.workdir[0] / "explorer.html", flags.split, planned, known, arms)


def main(arguments: list[str] | None = None) -> None:
    flags = parser().parse_args(arguments)
    try:
        made = explore(flags)
        print(f"{made}: {made.stat().st_size / 1e6:.1f} MB")
    except (ValueError, OSError) as error:
        sys.exit(f"error: {error}")


if __name__ == "__main__":
    main()
