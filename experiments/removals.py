"""Counts how often a path takes a finding out of the picture, as the classifier itself reads it.

    python -m experiments.removals --workdir=RUN [--split=test] [--images=1000]

It lowers each finding in its true positives of a split that has been evaluated. A row says in which share of them the finding is read
as absent at the end: from the latent code, from the decoded frame, and from the image with the path's change. --config.FIELD=VALUE
replaces a field of the run's config.explain, such as --config.stop=code.
"""

import argparse

from experiments import cli
from experiments.cli import Parser

HEADER = f"{'finding':<28}{'images':>7}{'code':>7}{'decoded':>9}{'picture':>9}  95 % interval  severity"


def parser() -> Parser:
    flags = cli.parser("removals", __doc__, config=True)
    flags.shared("--workdir", required=True)
    flags.shared("--split")
    flags.shared("--images", default=1000, help="true positives of a finding at most, drawn by seed")
    flags.shared("--data_dir")
    return flags


def run(flags: argparse.Namespace) -> None:
    """Prints a row for each finding, and their mean."""
    import numpy as np

    from dirvae.explain import explainer as explainers
    from dirvae.studies.explanations import removals
    from dirvae.training import evaluate, runs
    from experiments import pipeline

    pipeline.keep_compiled(flags.data_dir)
    run = explainers.load(flags.workdir, data_dir=flags.data_dir, **flags.fields).run
    examples = runs.load_examples(run, flags.split)
    predictions = evaluate.load(flags.workdir, flags.split).predictions
    simulator = pipeline.simulator(run.config.data)
    print(HEADER)
    shares = []
    for row in removals.of_findings(run, examples, predictions, flags.images, simulator):
        counts = (row.absent_by_code, row.absent_in_decoded, row.absent_in_picture)
        shares.append([count / row.images for count in counts])
        code, decoded, picture = (f"{share:.2f}" for share in shares[-1])
        low, high = row.interval
        interval = f"[{low:.2f}, {high:.2f}]"
        print(
            f"{row.finding:<28}{row.images:>7}{code:>7}{decoded:>9}{picture:>9}{interval:>15}{row.severity:>10.2f}",
            flush=True,
        )
    if not shares:
        raise ValueError(f"{flags.workdir} has no true positive in {flags.split}; there is nothing to remove")
    code, decoded, picture = (f"{share:.2f}" for share in np.mean(shares, axis=0))
    print(f"{'mean of the findings':<28}{'':>7}{code:>7}{decoded:>9}{picture:>9}")


def main(arguments: list[str] | None = None) -> None:
    cli.main(parser(), run, arguments)


if __name__ == "__main__":
    main()
