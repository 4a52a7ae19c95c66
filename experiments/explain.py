"""Explains one image, or a split's cases, by a trained run.

    python -m experiments.explain --workdir=W --image=FILE [--label=NAME] [--direction=add|remove] [--out=DIR]
    python -m experiments.explain --workdir=W [--split=test] [--cases=2] [--label=NAME]

FILE (PNG, JPEG, TIFF, DICOM): prints predictions, leaves strip.png, map.png, path.gif, path.json in W/explanations/STEM or DIR.
Without: W/explanations/atlas-SPLIT.html, true and false positives and false negatives of each finding. --config.FIELD=VALUE
replaces a field of the run's config.explain, such as --config.path_steps=40.
"""

import argparse
import sys
from pathlib import Path

from dirvae.config import assignments


def parser() -> argparse.ArgumentParser:
    flags = argparse.ArgumentParser(
        prog="python -m experiments.explain", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    flags.add_argument("--workdir", type=Path, required=True)
    what = flags.add_mutually_exclusive_group()
    what.add_argument("--image", type=Path)
    what.add_argument("--split", default="test", help="of the run's data set, already evaluated (without --image)")
    flags.add_argument("--cases", type=int, default=2, help="of each outcome of a finding (without --image)")
    flags.add_argument("--label", help="default: all; with --image the one that is most above its validation threshold")
    flags.add_argument("--direction", choices=("add", "remove"), help="default: remove if called present, else add")
    flags.add_argument("--out", type=Path, help="folder of what is written")
    flags.add_argument("--data_dir", type=Path, default=Path("data"), help="where compiled programs are kept")
    return flags


def explain_image(flags: argparse.Namespace, fields: dict[str, str]) -> None:
    from data_prep import images
    from dirvae.explain import explainer
    from dirvae.report import explanation_files
    from dirvae.training import workdir

    try:
        pixels = images.read(flags.image, workdir.read_config(flags.workdir).data.image_size)
    except images.ImageError as error:
        raise ValueError(f"{flags.image}: {error}") from None
    explainer = explainer.load(flags.workdir, **fields)
    found = explainer(pixels, flags.label, flags.direction)
    out = flags.out or flags.workdir / "explanations" / flags.image.stem
    workdir.write_folder(out, explanation_files.files(explainer, found, flags.image.name))
    print(explanation_files.table(explainer, found))
    print(explanation_files.sentence(explainer, found, chosen=flags.label is None), out, sep="\n")


def explain_split(flags: argparse.Namespace, fields: dict[str, str]) -> None:
    from functools import partial

    from data_prep.phantom.simulator import PhantomSimulator
    from dirvae.explain import explainer, truth
    from dirvae.report import atlas
    from dirvae.training import evaluate, runs

    explainer = explainer.load(flags.workdir, **fields)
    data, examples = explainer.run.config.data, runs.load_examples(explainer.run, flags.split)
    predictions = evaluate.load(flags.workdir, flags.split).predictions
    effect = partial(truth.effect, PhantomSimulator(data.image_size)) if data.dataset == "phantom" else None
    path = (flags.out or flags.workdir / "explanations") / f"atlas-{flags.split}.html"
    print(atlas.write(path, explainer, examples, predictions, flags.cases, flags.label, flags.direction, effect))


def main(arguments: list[str] | None = None) -> None:
    flags, leftover = parser().parse_known_args(arguments)
    try:
        fields = assignments(leftover, prefix="--config.")
        from experiments import pipeline  # imports jax, hence not before the flags are known to be good

        pipeline.keep_compiled(flags.data_dir)
        (explain_split if flags.image is None else explain_image)(flags, fields)
    except (ValueError, OSError) as error:
        sys.exit(f"error: {error}")


if __name__ == "__main__":
    main()
