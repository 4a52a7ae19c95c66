"""Cross-validates by patient on the training table, for decisions that must not touch the test split.

    python -m experiments.cross_validate --raw_dir=DIR --folds=5 --config.labels="Cardiomegaly,Edema" --workdir=runs/cv

Takes every flag of `experiments.run`. Each fold is a run of its own in WORKDIR/fold0, fold1 and so on, and the same command goes on
where it was. The last checkpoint is scored, so that nothing is chosen on the fold that is held out. Prints each finding's AUROC, the
mean over folds, beside that of the linear baseline.
"""

import argparse
from pathlib import Path

from data_prep import sources
from dirvae.config import override
from experiments import cli
from experiments import run as single
from experiments.cli import Parser


def parser(preset: str = "default") -> Parser:
    flags = single.parser("cross_validate", __doc__, preset)
    flags.add_argument(
        "--folds", type=cli.whole(2), default=5, help="parts that the training patients are divided into"
    )
    flags.set_defaults(workdir=Path("runs/cross-validation"))
    return flags


def run(flags: argparse.Namespace) -> None:
    """Trains and scores every fold, and prints the table of means."""
    flags.dataset = flags.dataset or sources.of_tables()
    config = single.resolve(flags)
    sources.open_source(config.data, flags.raw_dir)
    from dirvae.studies import cross_validation, runner
    from dirvae.training import workdir
    from experiments import pipeline

    pipeline.start(flags)
    scores, labels = [], list(config.data.labels)
    for fold in range(flags.folds):
        one = override(config, {"folds": flags.folds, "fold": fold, "checkpoint_every": config.train.steps})
        directory = flags.workdir / f"fold{fold}"
        pipeline.run(one, directory, flags.raw_dir, flags.data_dir, runner.PHASES)
        scores.append(workdir.read_json(directory / "metrics.json")["validation"])
        labels = labels or workdir.read_json(directory / "data.json")["labels"]
    print(cross_validation.table(cross_validation.means(scores, labels)))


def main(arguments: list[str] | None = None) -> None:
    cli.main(parser(single.preset_of(arguments)), run, arguments, cli.RESUMES)


if __name__ == "__main__":
    main()
