"""Builds a source into a TFDS data set.

    python -m data_prep.build --dataset=phantom --phantom=shortcut --data_dir=data
    python -m data_prep.build --dataset=chexpert --raw_dir=DIR --data_dir=data --image_size=256

The data set's folder is DATA_DIR/NAME/VERSION. NAME holds a digest of all that decides the content (image size, the source's options,
the tables' bytes), so that two configurations never mix. Shards are array_record files of one schema, built in parallel; manifest.json
is written last and says that the set is finished. Neither the number of workers nor an interruption changes the content hash.
"""

import argparse
import contextlib
import fcntl
import itertools
import json
import shutil
import tempfile
from collections import Counter
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import tensorflow_datasets as tfds

from data_prep import columns, manifest, provenance, shards, sources, stores
from data_prep.manifest import Tally, read_manifest
from data_prep.progress import Progress, silent
from data_prep.provenance import identity
from data_prep.schema import features
from data_prep.shards import Job, Shard
from data_prep.source import Source, SourceError
from dirvae.config import ConfigError, DataConfig, command_line, override, validate_data
from dirvae.config.command_line import CONSOLE, Parser, one_of
from dirvae.config.places import url_of

__all__ = ["SourceError", "build", "identity", "prepare", "prepare_split", "read_manifest"]


def prepare(data: DataConfig, raw_dir: Path | None, data_dir: Path, progress: Progress = silent) -> Path:
    """The folder of a configuration's data set, built first where it is not there yet.

    Raises:
      ConfigError: see `data_prep.sources.open_source`.
      SourceError: see `build`.
    """
    source = sources.open_source(data, raw_dir)
    return build(source, data_dir, data.build_workers, data.max_skipped_percent, progress, data.check_files)


def prepare_split(raw_dir: Path, name: str, data: DataConfig, data_dir: Path, progress: Progress = silent) -> Path:
    """The folder of a data set with one split, the owners' or that of the table `name` of `raw_dir`, for external validation.

    Raises:
      ConfigError: where the data's source reads no tables.
      SourceError: see `build`.
    """
    open_split = sources.named(data.dataset).open_split
    if open_split is None:
        raise ConfigError(f"--dataset={data.dataset} reads no tables; give --dataset={sources.of_tables()}")
    source = open_split(raw_dir, name, data)
    return build(source, data_dir, data.build_workers, data.max_skipped_percent, progress, data.check_files)


def build(
    source: Source,
    data_dir: Path,
    workers: int = 0,
    max_skipped_percent: float = 1.0,
    progress: Progress = silent,
    check_files: bool = True,
) -> Path:
    """Builds `source` below `data_dir` with so many processes (0: one a core); returns at once where that has been done.

    `check_files` is that of `data_prep.provenance.settle`.

    Raises:
      SourceError: for a source that cannot be read, more unreadable images than allowed, or a folder that cannot be
        written, as on a full disk. What was built until then is kept, and the next call goes on from there.
    """
    source.raw_files(progress)
    directory = Path(data_dir) / identity(source) / source.version
    url = url_of(data_dir)
    if url:
        fetch(source, data_dir, progress, check_files)
    try:
        directory = Path(data_dir) / provenance.settle(source, data_dir, progress, check_files) / source.version
        if (directory / manifest.FILE).exists():
            return _kept(directory, url, progress)
        directory.mkdir(parents=True, exist_ok=True)
        with _locked(directory.parent / ".lock", progress):
            if not (directory / manifest.FILE).exists():
                _build(source, directory, workers, max_skipped_percent, progress)
    except OSError as error:
        raise SourceError(
            f"{directory} cannot be written ({error.strerror or error}); free some space there or choose another data_dir"
        ) from None
    return _kept(directory, url, progress)


def fetch(source: Source, data_dir: Path, progress: Progress, check_files: bool) -> None:
    """Copies a source's data set from the address of a data_dir, where it is finished there."""
    url, version = url_of(data_dir), source.version
    with tempfile.TemporaryDirectory() as folder:
        for name in stores.names(url, identity(source)):
            small = (manifest.FILE, provenance.FILE)
            stores.download(f"{url}/{name}/{version}", Path(folder) / name / version, manifest.FILE, small)
        name = provenance.settle(source, Path(folder), progress, check_files)
    if stores.download(f"{url}/{name}/{version}", data_dir / name / version, manifest.FILE):
        progress(f"data: {url}/{name}/{version} is copied to {data_dir / name / version}")


def _kept(directory: Path, url: str, progress: Progress) -> Path:
    """A finished data set, uploaded to the address of its data_dir where that is one."""
    if url:
        whole = f"{url}/{directory.parent.name}/{directory.name}"
        progress(f"data: uploading to {whole}")
        stores.upload(directory, whole, manifest.FILE)
    return directory


@contextlib.contextmanager
def _locked(path: Path, progress: Progress) -> Iterator[None]:
    """One build of a data set at a time; the system frees the lock of a killed process."""
    with path.open("w") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            progress(f"data: another process is building {path.parent.name}; waiting for it")
            fcntl.flock(file, fcntl.LOCK_EX)
        yield


def _build(source: Source, directory: Path, workers: int, max_skipped_percent: float, progress: Progress) -> None:
    for left_over in [*directory.glob(f"{shards.PARTIAL}*"), *directory.glob(f"{shards.NOTES}/{shards.PARTIAL}*")]:
        left_over.unlink(missing_ok=True)
    jobs = shards.plan(source, directory, directory.parent.name)
    written = shards.write_all(source, jobs, workers, max_skipped_percent, progress)
    finish(source, directory, jobs, written, progress)


def finish(source: Source, directory: Path, jobs: list[Job], written: list[Shard], progress: Progress = silent) -> None:
    """Makes a data set of finished shards: columns, the record of the raw files, TFDS's metadata, and the manifest last.

    Raises:
      SourceError: for a split none of whose images could be read, or raw files that changed while they were read.
      OSError: where one of these cannot be written.
    """
    _describe(source, directory, jobs, written)
    whole = _manifest(source, directory, jobs, written, _collect(source, directory, jobs))
    with shards.replacing(directory / manifest.FILE) as partial:
        partial.write_text(json.dumps(whole, indent=1) + "\n")
    shutil.rmtree(directory / shards.NOTES)


def _describe(source: Source, directory: Path, jobs: list[Job], written: list[Shard]) -> None:
    """TFDS's metadata, by which it reads the shards."""
    name = directory.parent.name
    owner = tfds.core.dataset_info.DatasetIdentity(
        name=name, version=tfds.core.Version(source.version), data_dir=str(directory), module_name="data_prep.build"
    )
    info = tfds.core.DatasetInfo(
        builder=owner,
        features=features(source.image_size, source.factors, len(source.findings)),
        description="Chest X-rays of one schema (data_prep/schema.py); manifest.json tells what they are.",
    )
    info.set_file_format("array_record")
    template = tfds.core.ShardedFileTemplate(data_dir=directory, dataset_name=name, filetype_suffix="array_record")
    by_split: dict[str, list[Shard]] = {}
    for job, shard in zip(jobs, written, strict=True):
        by_split.setdefault(job.split, []).append(shard)
    splits = [
        tfds.core.SplitInfo(
            name=split,
            shard_lengths=[shard.images for shard in parts],
            num_bytes=sum(shard.size for shard in parts),
            filename_template=template.replace(split=split),
        )
        for split, parts in by_split.items()
    ]
    info.set_splits(tfds.core.SplitDict(splits))
    info.write_to_directory(str(directory))


def _collect(source: Source, directory: Path, jobs: list[Job]) -> dict[str, Tally]:
    """Writes the columns of every split and the record of the raw files, one note after the other; the splits' tallies."""
    tallies, files = {}, provenance.Collector()
    for split, own in itertools.groupby(jobs, key=_split_of):
        tally, parts = Tally(len(source.findings)), []
        for job in own:
            note = shards.read_note(job)
            tally.add(note.columns, note.digests, note.pixels)
            files.add(note.files)
            parts.append(note.columns)
        with shards.replacing(columns.file_of(directory, split)) as partial:
            columns.save(partial, columns.joined(parts))
        tallies[split] = tally
    raw = source.raw_files(silent)
    if raw is not None:
        content = files.write(directory, raw.location)
        if directory.parent.name not in (name := identity(source), f"{name}_{content}"):
            raise SourceError(
                f"the raw files in {raw.location} changed while they were read; the same command starts again"
            )
    return tallies


def _split_of(job: Job) -> str:
    return job.split


def _manifest(
    source: Source, directory: Path, jobs: list[Job], written: list[Shard], tallies: dict[str, Tally]
) -> dict[str, Any]:
    """Everything that `read_manifest` returns.

    Raises:
      SourceError: for a split none of whose images could be read.
    """
    pairs = zip(jobs, written, strict=True)
    skipped = [{"split": job.split} | item._asdict() for job, shard in pairs for item in shard.skipped]
    for split, tally in tallies.items():
        if not tally.images:
            raise SourceError(
                f"no image of the split {split} can be read (the first: {skipped[0]['reason']}); mend them"
            )
    findings = list(source.findings)
    return {
        "name": directory.parent.name,
        "reader_version": source.version,
        "options": source.options,
        "image_size": source.image_size,
        "findings": findings,
        "content_hash": manifest.content_hash({split: tally.sha256() for split, tally in tallies.items()}),
        "splits": {split: tally.summary(findings) for split, tally in tallies.items()},
        "skipped": skipped,
        "warnings": _warnings(shard.warnings for shard in written),
        "duplicates": _named(manifest.duplicates(tallies), directory),
        "facts": source.facts(),
    }


def _warnings(parts: Iterable[list[tuple[str, str]]]) -> dict[str, dict[str, Any]]:
    """What was noticed in reading: {verdict: {"images": number, "paths": the first of them}}."""
    whole = [item for part in parts for item in part]
    counts = Counter(verdict for _, verdict in whole)
    first = {verdict: [path for path, other in whole if other == verdict][: manifest.LISTED] for verdict in counts}
    return {verdict: {"images": count, "paths": first[verdict]} for verdict, count in sorted(counts.items())}


def _named(found: dict[str, Any], directory: Path) -> dict[str, Any]:
    """Duplicates with their paths instead of their positions."""
    splits = {split for held in found["examples"] for split in held}
    paths = {split: columns.load(columns.file_of(directory, split))["path"] for split in sorted(splits)}
    named = [{split: paths[split][at].decode() for split, at in held.items()} for held in found["examples"]]
    return found | {"examples": named}


def parser(command: str = "data_prep.build", doc: str = __doc__ or "") -> Parser:
    """The flags of a command that builds a data set."""
    flags = Parser(command, doc, prefix="--")
    flags.add_argument(
        "--dataset",
        default=DataConfig().dataset,
        help="data source, or several to merge",
        **one_of(sources.SOURCES, True),
    )
    flags.shared("--raw_dir")
    flags.shared("--data_dir")
    flags.add_argument("--split", default="", help="make one split, of the table RAW_DIR/SPLIT.csv")
    flags.epilog = (
        "Any field of dirvae.config.DataConfig can be set, as in --image_size=256 --views=all --phantom_train=500."
    )
    return flags


def run(flags: argparse.Namespace) -> None:
    """Builds what the flags ask for, and prints images and patients of every split."""
    data = validate_data(override(DataConfig(dataset=flags.dataset), flags.fields))
    if flags.split:
        if flags.raw_dir is None:
            raise ConfigError("--split needs --raw_dir, the folder that holds the table")
        built = prepare_split(flags.raw_dir, flags.split, data, flags.data_dir, CONSOLE.progress)
    else:
        built = prepare(data, flags.raw_dir, flags.data_dir, CONSOLE.progress)
    tell(built)


def tell(built: Path) -> None:
    """Prints what a user should know of a data set: warnings, images and patients of every split, and where it is."""
    facts = read_manifest(built)
    for line in manifest.warnings(facts):
        CONSOLE.say(f"warning: {line}")
    for split, counts in facts["splits"].items():
        CONSOLE.say(f"{split}: {counts['images']} images of {counts['patients']} patients")
    CONSOLE.say(f"{len(facts['skipped'])} skipped; content {facts['content_hash'][:16]}; {built}")


def main(arguments: list[str] | None = None) -> None:
    command_line.main(parser(), run, arguments, "finished shards are kept, and the same command goes on from there")


if __name__ == "__main__":
    main()
