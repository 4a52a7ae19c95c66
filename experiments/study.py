"""Trains the runs of a study, over priors and seeds, and reports how they compare.

    python -m experiments.study --preset=quick                 # every run, then the report
    python -m experiments.study --preset=full --list           # indices, folders, what is done
    python -m experiments.study --preset=full --index=7        # one run, as in an array job
    python -m experiments.study --preset=full --report         # the report of what is finished
    python -m experiments.study --preset=xrays --raw_dir=DIR   # on real images

A study is a list of runs in folders below --workdir. The same command goes on where it was. Runs of other machines are added by
copying their folders. The report (study.html, .json, .csv) names missing runs with the reason.
"""

import argparse
from functools import partial
from pathlib import Path

from dirvae.studies import plan
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
    runs = cli.settled(plan.runs(study), flags.fields, flags.index)
    directory = flags.workdir or Path("runs") / f"study-{flags.preset}"
    from dirvae.report import study_page  # these import JAX, hence not before the flags are known to be good
    from dirvae.studies import runner
    from dirvae.studies.priors import collection, flaws, outcome, results
    from experiments import pipeline

    if flags.list:
        complete = partial(collection.complete, simulator_of=pipeline.simulator)
        print(runner.listing(directory, runs, study.minutes, complete))
        return
    if not flags.report:
        todo = runs if flags.index is None else [runs[flags.index]]
        pipeline.require_test_split(runner.unprepared(directory, todo), flags.raw_dir)
        pipeline.start(argparse.Namespace(distributed=False, coordinator="", data_dir=flags.data_dir))
        train_one = pipeline.trainer(flags.raw_dir, flags.data_dir, runner.PHASES, flaws.variant)
        gather = partial(collection.gather, simulator_of=pipeline.simulator, data_dir=flags.data_dir)
        runner.train(directory, todo, train_one, gather, pipeline.say)
    if flags.index is None:
        scores = collection.collect(
            directory, study, runs, pipeline.simulator, flags.replicates, pipeline.say, flags.data_dir
        )
        conclusion = outcome.conclude(study, scores, {run.arm for run in runs if run.config.loss.target_kl})
        print(study_page.summary(conclusion))
        results.write(directory, conclusion)
        print(study_page.write(directory, conclusion))


def main(arguments: list[str] | None = None) -> None:
    cli.main(parser(), run, arguments, cli.RESUMES)


if __name__ == "__main__":
    main()
