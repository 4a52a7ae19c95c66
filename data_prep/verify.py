"""Reads a finished data set again, and checks it against its schema and its manifest.

    python -m data_prep.verify DATA_DIR/NAME/VERSION

It checks every example's values, the counts and hashes of the manifest, and that no patient is in two splits.
"""

import argparse
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import numpy as np
import tensorflow_datasets as tfds

from data_prep import manifest, records, splits
from data_prep.manifest import Tally
from data_prep.schema import SEXES, UNKNOWN_AGE, VIEWS, Example
from data_prep.source import SourceError
from dirvae.config import command_line
from dirvae.config.command_line import Parser
from dirvae.labels import FINDINGS, STATES

MAX_PROBLEMS = 20  # of a split; a broken data set is broken in the same way everywhere


class Report(NamedTuple):
    """A report says what was found; a data set is sound when there are no problems."""

    images: dict[str, int]
    content_hash: str
    problems: tuple[str, ...]


def verify(directory: Path) -> Report:
    """The state of a data set.

    Raises:
      SourceError: where `directory` holds no finished data set at all.
    """
    directory = Path(directory)
    claimed = manifest.read_manifest(directory)
    try:
        builder = tfds.builder_from_directory(directory)
    except Exception as error:  # whatever TFDS makes of metadata that is not there, or not its own
        raise SourceError(f"{directory} holds no metadata that TFDS can read ({error}); build it again") from None
    findings = claimed.get("findings", FINDINGS)
    tallies: dict[str, Tally] = {}
    problems: list[str] = []
    if set(builder.info.splits) != set(claimed["splits"]):
        problems.append(f"splits are {sorted(builder.info.splits)}, the manifest has {sorted(claimed['splits'])}")
    for split in builder.info.splits:
        tallies[split], found = _read(builder, split, len(findings))
        problems += found[:MAX_PROBLEMS]
        problems += _compare(split, tallies[split].summary(findings), claimed["splits"].get(split, {}))
    for (a, b), both in splits.shared_patients({name: tally.patients for name, tally in tallies.items()}).items():
        problems.append(f"{a} and {b} share {len(both)} patients, such as {both[0]}")
    found_hash = manifest.content_hash({split: tally.sha256() for split, tally in tallies.items()})
    if found_hash != claimed["content_hash"]:
        problems.append(f"the content hash is {found_hash}, the manifest has {claimed['content_hash']}")
    return Report({split: len(tally.digests) for split, tally in tallies.items()}, found_hash, tuple(problems))


def _read(builder: tfds.core.DatasetBuilder, split: str, findings: int) -> tuple[Tally, list[str]]:
    """The tally of a split's records, and what is wrong with them."""
    tally, problems, position = Tally.empty(findings), [], 0
    size = builder.info.features["image"].shape
    try:
        source = builder.as_data_source(split, decoders={"image": tfds.decode.SkipDecoding()})
        for position in range(len(source)):
            example = records.decode(source[position], builder.info.features)
            problems += [f"{split}[{position}] {problem}" for problem in check(example, size, findings)]
            tally.add(example)
    except Exception as error:  # the readers of files, records, features and PNG raise many kinds; all mean damage
        problems.append(
            f"{split}[{position}] cannot be read ({str(error).splitlines()[0][:200] or type(error).__name__})"
        )
    return tally, problems


def check(example: Example, image_shape: tuple[int, ...], findings: int) -> Iterator[str]:
    """Yields a line for each field of an example that breaks the schema (`data_prep.schema.Example`)."""
    if example.image.shape != image_shape or example.image.dtype != np.uint8:
        yield f"image is {example.image.dtype}{example.image.shape}, not uint8{image_shape}"
    if example.labels.shape != (findings,) or not np.isin(example.labels, list(STATES.values())).all():
        yield f"labels are {example.labels.tolist()}"
    if example.view not in VIEWS or example.sex not in SEXES:
        yield f"view is {example.view!r}, sex is {example.sex!r}"
    if example.age < UNKNOWN_AGE:
        yield f"age is {example.age}"
    if not (example.patient and example.study and example.path):
        yield "patient, study or path is empty"
    if not np.isfinite(example.factors).all():
        yield "factors are not finite"
    finding, *edges = example.boxes.T
    top, left, bottom, right = edges
    inside = (np.asarray(edges) >= 0).all() and (np.asarray(edges) <= 1).all()
    if not (inside and np.isin(finding, range(findings)).all() and (top < bottom).all() and (left < right).all()):
        yield f"boxes are {example.boxes.tolist()}"


def _compare(split: str, found: dict, claimed: dict) -> list[str]:
    return [
        f"{split}: {name} is {value}, the manifest has {claimed.get(name)}"
        for name, value in found.items()
        if value != claimed.get(name)
    ]


def parser() -> Parser:
    flags = Parser("data_prep.verify", __doc__ or "")
    flags.add_argument("directory", type=Path, help="DATA_DIR/NAME/VERSION, as data_prep.build prints it")
    return flags


def run(flags: argparse.Namespace) -> None:
    """Prints counts and problems of a data set.

    Raises:
      SourceError: for a data set with problems, or a folder that holds none.
    """
    report = verify(flags.directory)
    counts = ", ".join(f"{images} {split}" for split, images in report.images.items())
    print(f"{counts}; content {report.content_hash[:16]}")
    for problem in report.problems:
        print(f"problem: {problem}")
    if report.problems:
        raise SourceError(f"{flags.directory} is not sound ({len(report.problems)} problems); build it again")
    print("sound")


def main(arguments: list[str] | None = None) -> None:
    command_line.main(parser(), run, arguments, "nothing was changed")


if __name__ == "__main__":
    main()
