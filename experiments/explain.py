"""Explains one image, or the cases of a split, with a trained run.

    python -m experiments.explain --workdir=W --image=FILE [--label=NAME] [--direction=add|remove] [--out=DIR] [--dicom]
    python -m experiments.explain --workdir=W [--split=test] [--cases=2] [--label=NAME]

With --image (PNG, JPEG, TIFF, DICOM) it prints predictions, whether the run has seen such pictures and what is odd of the file, and
writes strip.png, map.png, path.gif and path.json to DIR, by default W/explanations/STEM. --intensity=range reads another grey scale.
Without it, it writes W/explanations/atlas-SPLIT.html, with true positives, false positives and false negatives
of each finding. --maps=all adds the maps of every registered explanation method. --config.FIELD=VALUE replaces a field of the run's
config.explain, such as --config.path_steps=40.

With --dicom a DICOM image also leaves map.dcm and capture.dcm, two series of its study. The first is a Parametric Map of the signed
change, on the stored rows and columns. The second is a secondary capture: the X-ray under its map, with the facts burnt in.
"""

import argparse
import dataclasses
import warnings
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from dirvae.config import ConfigError, DataConfig
from experiments import cli
from experiments.cli import Parser

if TYPE_CHECKING:
    import numpy as np
    from pydicom import Dataset

    from data_prep.images import Picture
    from dirvae.explain.explainer import Explanation
    from dirvae.report.explanation_files import Facts


def parser() -> Parser:
    flags = cli.parser("explain", __doc__, config=True)
    flags.shared("--workdir", required=True)
    what = flags.add_mutually_exclusive_group()
    what.add_argument("--image", **cli.FLAGS["--image"])
    what.add_argument("--split", default="test", help="split to explain, already evaluated (without --image)")
    flags.shared("--cases", default=2, help="images for each outcome of a finding (without --image)")
    flags.shared("--label", help="one finding; default: all, with --image the one most above its validation threshold")
    flags.add_argument(
        "--direction", help="default: remove if called present, else add", **cli.one_of(("add", "remove"))
    )
    flags.add_argument("--maps", default="", help="further maps to draw: their names, separated by commas, or all")
    flags.add_argument(
        "--intensity",
        help="which grey levels are black and white (with --image); default: as the run's images were read",
        **cli.one_of(intensity_rules()),
    )
    flags.add_argument("--dicom", action="store_true", help="also write DICOM objects (with --image, a DICOM file)")
    flags.shared("--out", help="folder to write")
    flags.shared("--data_dir")
    return flags


def intensity_rules() -> tuple[str, ...]:
    """The choices of the field data.intensity."""
    (field,) = (entry for entry in dataclasses.fields(DataConfig) if entry.name == "intensity")
    return tuple(field.metadata["choices"])


def maps_of(names: str) -> list[str]:
    """The maps that a flag names: those separated by commas, or "all": this project's and those of others' methods."""
    from dirvae.explain import methods

    if names == "all":
        return list(methods.maps_of("ours", "rival"))
    return [name.strip() for name in names.split(",") if name.strip()]


def explain_image(flags: argparse.Namespace, fields: dict[str, str]) -> None:
    from data_prep import images
    from dirvae.explain import explainer
    from dirvae.report import explanation_files
    from dirvae.training import workdir

    data = workdir.read_config(flags.workdir).data
    intensity = flags.intensity or data.intensity
    try:
        picture = images.picture(flags.image, data.image_size, intensity)
    except images.ImageError as error:
        raise ValueError(f"{flags.image}: {error}") from None
    source = dicom_header(flags.image, picture) if flags.dicom else None
    explainer = explainer.load(flags.workdir, data_dir=flags.data_dir, **fields)
    found = explainer(picture.image, flags.label, flags.direction, maps=maps_of(flags.maps))
    out = flags.out or flags.workdir / "explanations" / flags.image.stem
    noticed = [verdict.sentence() for verdict in picture.warnings]
    files = explanation_files.files(explainer, found, flags.image.name, noticed=noticed)
    if source is not None:
        grey = images.grey_levels(flags.image, intensity) / 255.0
        doubts = [f"Warning: {doubt}." for doubt in explanation_files.doubts(found, noticed)]
        files |= dicom_files(source, grey, picture, found, explanation_files.facts(explainer, found), doubts)
    workdir.write_folder(out, files)
    print(explanation_files.table(explainer, found))
    print(explanation_files.familiarity(found, noticed))
    print(explanation_files.sentence(explainer, found, chosen=flags.label is None), out, sep="\n")


def dicom_header(path: Path, picture: "Picture") -> "Dataset":
    """The header of a file to which the objects of --dicom can refer.

    Raises:
      ConfigError: where a package is missing.
      ValueError: for a file that is not DICOM, or that lacks a UID.
    """
    if picture.facts.format != "DICOM":
        raise ValueError(f"{path} is not DICOM; --dicom needs a DICOM image, whose patient and study it copies")
    try:
        import highdicom  # noqa: F401  what the objects are made with
        import pydicom
    except ImportError as error:
        raise ConfigError(f"--dicom needs the package {error.name}: pip install -e '.[dicom]'") from None
    from dirvae.report import dicom_objects

    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # a value that is none of its kind is left out of the objects
            source = pydicom.dcmread(path, stop_before_pixels=True, force=True)
            dicom_objects.placed(source)
    except dicom_objects.SourceFault as error:
        raise ValueError(f"{path}: {error}; --dicom needs the file as an archive sends it") from None
    return source


def dicom_files(
    source: "Dataset",
    grey: "np.ndarray",
    picture: "Picture",
    found: "Explanation",
    facts: "Facts",
    doubts: Sequence[str],
) -> dict[str, bytes]:
    """map.dcm and capture.dcm, by file name, of an image whose stored pixels are `grey` [rows, columns], in [0, 1]."""
    from data_prep.geometry import TURNS
    from dirvae.report import capture, dicom_objects

    change = picture.frame.unsquare(found.signed)
    upright = (TURNS[picture.frame.turn].apply(values) for values in (grey, change))
    drawn = capture.draw(*upright, facts, doubts, picture.frame.extent)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        made = {
            "map.dcm": dicom_objects.parametric_map(source, change, facts),
            "capture.dcm": dicom_objects.secondary_capture(source, drawn, facts),
        }
        return {name: dicom_objects.as_bytes(dataset) for name, dataset in made.items()}


def explain_split(flags: argparse.Namespace, fields: dict[str, str]) -> None:
    from dirvae.explain import explainer, gallery
    from dirvae.report import atlas
    from dirvae.training import evaluate, runs
    from experiments import pipeline

    explainer = explainer.load(flags.workdir, data_dir=flags.data_dir, **fields)
    examples = runs.load_examples(explainer.run, flags.split)
    predictions = evaluate.load(flags.workdir, flags.split).predictions
    simulator = pipeline.simulator(explainer.run.config.data)
    path = (flags.out or flags.workdir / "explanations") / f"atlas-{flags.split}.html"
    gathered = gallery.atlas(
        explainer, examples, predictions, flags.cases, flags.label, flags.direction, simulator, maps_of(flags.maps)
    )
    print(atlas.write(path, gathered))


def run(flags: argparse.Namespace) -> None:
    """Explains the image, or the split's cases."""
    if flags.dicom and flags.image is None:
        raise ConfigError("--dicom goes with --image=FILE, a DICOM file")
    if flags.intensity and flags.image is None:
        raise ConfigError(
            "--intensity goes with --image=FILE; the images of a split are read as the data set was built"
        )
    from experiments import pipeline  # imports jax, hence not before the flags are known to be good

    pipeline.keep_compiled(flags.data_dir)
    (explain_split if flags.image is None else explain_image)(flags, flags.fields)


def main(arguments: list[str] | None = None) -> None:
    cli.main(parser(), run, arguments)


if __name__ == "__main__":
    main()
