"""Reads a finished data set again, and checks it against its schema and its manifest.

    python -m data_prep.verify DATA_DIR/NAME/VERSION
    python -m data_prep.verify DATA_DIR/NAME/VERSION --raw_dir=DIR

It checks every example's values, the counts and hashes of the manifest, that the columns beside the records agree with them, and that
no patient is in two splits. With --raw_dir every raw file is read again and compared with what was read when the set was built.
"""

import argparse
import functools
import tempfile
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO, NamedTuple

import numpy as np
import tensorflow_datasets as tfds

from data_prep import columns, manifest, provenance, quality, records, splits, stores
from data_prep.files import Folder
from data_prep.images import ImageError
from data_prep.manifest import Tally
from data_prep.progress import Meter, Progress, silent
from data_prep.schema import SEXES, UNKNOWN_AGE, VIEWS, Example
from data_prep.source import RawFiles, SourceError
from dirvae.config import command_line
from dirvae.config.command_line import CONSOLE, Parser
from dirvae.config.places import place, shown, url_of
from dirvae.labels import FINDINGS, STATES

MAX_PROBLEMS = 20  # of a split; a broken data set is broken in the same way everywhere
BLOCK = 512  # examples that are counted at once


class Report(NamedTuple):
    """A report says what was found; a data set is sound when there are no problems."""

    images: dict[str, int]
    content_hash: str
    problems: tuple[str, ...]
    warnings: tuple[str, ...] = ()  # what a user should know: unusual pictures, pictures of several splits


def verify(directory: Path, raw_dir: Path | None = None, progress: Progress = silent) -> Report:
    """The state of a data set, and of the raw files it was built from where `raw_dir` says where they are.

    Raises:
      SourceError: where `directory` holds no finished data set at all, or no record of raw files that are to be read.
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
    odd: Counter[str] = Counter()
    if set(builder.info.splits) != set(claimed["splits"]):
        problems.append(f"splits are {sorted(builder.info.splits)}, the manifest has {sorted(claimed['splits'])}")
    for split in builder.info.splits:
        tallies[split], found = _read(builder, split, len(findings), odd, progress)
        problems += found[:MAX_PROBLEMS]
        problems += _compare(split, tallies[split].summary(findings), claimed["splits"].get(split, {}))
    for (a, b), both in splits.shared_patients({name: tally.patients for name, tally in tallies.items()}).items():
        problems.append(f"{a} and {b} share {len(both)} patients, such as {both[0].decode()}")
    found_hash = manifest.content_hash({split: tally.sha256() for split, tally in tallies.items()})
    if found_hash != claimed["content_hash"]:
        problems.append(f"the content hash is {found_hash}, the manifest has {claimed['content_hash']}")
    if raw_dir is not None:
        problems += raw_problems(directory, raw_dir, progress)
    found = {"splits": {split: {"images": tally.images} for split, tally in tallies.items()}}
    found |= {"warnings": {name: {"images": count} for name, count in odd.items()}}
    warnings = manifest.warnings(found | {"duplicates": manifest.duplicates(tallies)})
    images = {split: tally.images for split, tally in tallies.items()}
    return Report(images, found_hash, tuple(problems), tuple(warnings))


def _read(
    builder: tfds.core.DatasetBuilder, split: str, findings: int, odd: Counter[str], progress: Progress
) -> tuple[Tally, list[str]]:
    """The tally of a split's records, and what is wrong with them; verdicts on its images are counted in `odd`."""
    tally, problems, position, block = Tally(findings), [], 0, []
    shape = builder.info.features["image"].shape
    try:
        source = builder.as_data_source(split, decoders={"image": tfds.decode.SkipDecoding()})
        stored = _columns(Path(builder.data_path), split)
        meter = Meter(progress, f"checking {split}", "images", len(source))
        for position in range(len(source)):
            example = records.decode(source[position], builder.info.features)
            problems += [f"{split}[{position}] {problem}" for problem in check(example, shape, findings)]
            odd.update(verdict.name for verdict in quality.verdicts(example.image))
            block.append(example)
            meter.step()
            if len(block) == BLOCK:
                problems += _count(tally, block, builder, stored, split)
                block = []
    except Exception as error:  # the readers of files, records, features and PNG raise many kinds; all mean damage
        problems.append(
            f"{split}[{position}] cannot be read ({str(error).splitlines()[0][:200] or type(error).__name__})"
        )
        stored = {}
    return tally, problems + _count(tally, block, builder, stored, split)


def _columns(directory: Path, split: str) -> columns.Columns:
    """A split's columns; none for a set that was built without them."""
    path = columns.file_of(directory, split)
    return columns.load(path) if path.exists() else {}


def _count(
    tally: Tally, block: list[Example], builder: tfds.core.DatasetBuilder, stored: columns.Columns, split: str
) -> list[str]:
    """Adds examples to a tally, and compares them with their rows of the columns."""
    features, first = builder.info.features, tally.images
    shapes = len(tally.labels[0]), features["factors"].shape[0], features["masks"].shape[1]
    found = columns.of(block, *shapes)
    digests = [np.frombuffer(b"".join(map(digest, block)), np.uint8).reshape(-1, 32) for digest in DIGESTS]
    tally.add(found, *digests)
    if not stored:
        return []
    odd = [name for name, value in found.items() if not np.array_equal(value, _rows(stored, name, first, len(block)))]
    return [f"{split}: the columns {', '.join(odd)} are not those of the records"] if odd else []


def _rows(stored: columns.Columns, name: str, first: int, count: int) -> np.ndarray:
    """A column's values of `count` examples, as they would be if these were all."""
    if name in columns.RAGGED:
        start = stored[f"{name}_start"]
        return stored[name][start[first] : start[first + count]]
    if name.endswith("_start"):
        return stored[name][first : first + count + 1] - stored[name][first]
    return stored[name][first : first + count]


def _pixel_digest(example: Example) -> bytes:
    return records.pixel_digest(example.image)


DIGESTS = (records.digest, _pixel_digest)


def _open(folder: Folder, path: str) -> BinaryIO:
    try:
        return folder.open(folder.locate(path).path)
    except ImageError as error:
        raise FileNotFoundError(str(error)) from None


def raw_problems(directory: Path, raw_dir: Path, progress: Progress = silent) -> list[str]:
    """A line for each raw file whose content is no longer what was read when the set was built, and for all of them.

    Raises:
      SourceError: for a data set without a record of its raw files.
    """
    record, folder = provenance.read(directory), Folder(raw_dir)
    paths = [path.decode() for path in record.paths.tolist()]
    raw = RawFiles(str(folder.root), [], functools.partial(_open, folder))
    meter, odd = Meter(progress, "reading raw files", "files", len(paths)), []
    for path, expected in zip(paths, record.sha256, strict=True):
        if provenance.hash_file(raw, path) != expected.tobytes():
            odd.append(path)
        meter.step()
    lines = [f"the raw file {path} is not what was read" for path in odd[:MAX_PROBLEMS]]
    return lines + ([f"{len(odd)} of {len(paths)} raw files in {raw_dir} are not what was read"] if odd else [])


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
    flags.add_argument(
        "directory", type=place, help="DATA_DIR/NAME/VERSION, as data_prep.build prints it, or its address"
    )
    flags.shared("--raw_dir", help="folder of the raw images, to compare each file with what was read")
    return flags


def _local(directory: Path, folder: Path) -> Path:
    """The folder of a data set on this machine: a fresh copy of one at an address."""
    if url := url_of(directory):
        stores.download(url, folder, manifest.FILE)
        return folder
    return directory


def run(flags: argparse.Namespace) -> None:
    """Prints counts and problems of a data set.

    Raises:
      SourceError: for a data set with problems, or a folder that holds none.
    """
    with tempfile.TemporaryDirectory() as folder:
        report = verify(_local(flags.directory, Path(folder)), flags.raw_dir, CONSOLE.progress)
    counts = ", ".join(f"{images} {split}" for split, images in report.images.items())
    CONSOLE.say(f"{counts}; content {report.content_hash[:16]}")
    for line in report.warnings:
        CONSOLE.say(f"warning: {line}")
    for problem in report.problems:
        CONSOLE.say(f"problem: {problem}")
    if report.problems:
        raise SourceError(f"{shown(flags.directory)} is not sound ({len(report.problems)} problems); build it again")
    CONSOLE.say("sound")


def main(arguments: list[str] | None = None) -> None:
    command_line.main(parser(), run, arguments, "nothing was changed")


if __name__ == "__main__":
    main()
