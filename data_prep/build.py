"""Builds a source into a TFDS data set: array_record shards of one schema, resumable, in parallel, with a manifest.

    python -m data_prep.build --dataset=phantom --data_dir=data
    python -m data_prep.build --dataset=chexpert --raw_dir=DIR --data_dir=data --image_size=256

A *source* is a small picklable object: `name`, `version`, `options`, `image_size`, `factors`, `chunk_size`, `counts()`,
`facts()` and `chunk(split, number) -> (examples, skipped)`. Each chunk becomes one shard, written under another name and
renamed when whole, beside a note of what it holds; so a killed build goes on where it was, and neither the number of
workers nor an interruption changes a byte of the content hash. The folder's name carries a digest of the source's options.
"""

import argparse
import concurrent.futures
import hashlib
import io
import json
import multiprocessing
import os
import shutil
import sys
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import numpy as np
import tensorflow_datasets as tfds
from array_record.python.array_record_module import ArrayRecordWriter
from PIL import Image

from data_prep import phantom
from data_prep.chexpert import CheXpert, SourceError
from data_prep.schema import Example, features
from dirvae.config import ConfigError, DataConfig, assignments, override, validate_data
from dirvae.labels import BLANK, FINDINGS, NEGATIVE, POSITIVE, UNCERTAIN

STATES = {"positive": POSITIVE, "negative": NEGATIVE, "uncertain": UNCERTAIN, "blank": BLANK}
Progress = Callable[[str], None]


def prepare(
    config: DataConfig, raw_dir: Path | None, data_dir: Path, seed: int = 0, progress: Progress = lambda text: None
) -> Path:
    """The TFDS folder of a configuration, built first where it is not there yet.

    Raises:
      SourceError: for a source that cannot be read, or that loses more images than `max_skipped_percent`.
    """
    if config.dataset == "phantom":
        source: object = phantom.source(config, seed)
    else:
        if raw_dir is None:
            raise SourceError("the chexpert layout needs --raw_dir, the folder that holds train.csv")
        source = CheXpert(
            Path(raw_dir), config.image_size, config.views, config.validation_percent, config.folds, config.fold
        )
    return build(source, data_dir, config.build_workers, config.max_skipped_percent, progress)


def prepare_split(
    config: DataConfig, raw_dir: Path, name: str, data_dir: Path, progress: Progress = lambda text: None
) -> Path:
    """The TFDS folder of one CSV, `raw_dir`/`name`.csv, as a single split of that name: for external validation."""
    source = CheXpert(Path(raw_dir), config.image_size, config.views, only=name)
    return build(source, data_dir, config.build_workers, config.max_skipped_percent, progress)


def build(
    source: object,
    data_dir: Path,
    workers: int = 0,
    max_skipped_percent: float = 1.0,
    progress: Progress = lambda text: None,
) -> Path:
    """Builds `source` below `data_dir`; returns at once where that has been done.

    Raises:
      SourceError: when more than `max_skipped_percent` of the images cannot be read, or the disk is full.
    """
    directory = Path(data_dir) / identity(source) / source.version
    if (directory / "manifest.json").exists():
        return directory
    try:
        directory.mkdir(parents=True, exist_ok=True)
        notes = _write_shards(source, directory, workers, progress)
        _check_skipped(notes, max_skipped_percent, directory)
        _describe(source, directory, notes)
    except OSError as error:
        raise SourceError(
            f"{directory} cannot be written ({error.strerror or error}); free some space or choose another data_dir"
        ) from None
    return directory


def identity(source: object) -> str:
    """Folder name: source, image size, and a digest of everything that changes the content."""
    everything = json.dumps([source.options, source.image_size, source.version], sort_keys=True)
    return f"{source.name}_{source.image_size}_{hashlib.sha256(everything.encode()).hexdigest()[:10]}"


def _jobs(source: object) -> list[tuple[str, int, int]]:
    """(split, chunk, number of chunks) of every shard."""
    chunks = {split: max(1, -(-count // source.chunk_size)) for split, count in source.counts().items()}
    return [(split, number, total) for split, total in chunks.items() for number in range(total)]


def _write_shards(source: object, directory: Path, workers: int, progress: Progress) -> dict[str, list[dict]]:
    jobs = _jobs(source)
    workers = min(workers or os.cpu_count() or 1, len(jobs))
    notes: dict[str, list[dict]] = {}
    spawn = multiprocessing.get_context("spawn")  # a forked child would inherit JAX's threads in an unusable state
    with concurrent.futures.ProcessPoolExecutor(workers, spawn) if workers > 1 else _Inline() as pool:
        futures = [pool.submit(write_shard, source, directory, *job) for job in jobs]
        for done, (job, future) in enumerate(zip(jobs, futures, strict=True), start=1):
            notes.setdefault(job[0], []).append(future.result())
            progress(f"data: shard {done}/{len(jobs)} of {directory.parent.name}")
    return notes


class _Inline:
    """An executor that runs in this process."""

    def __enter__(self) -> "_Inline":
        return self

    def __exit__(self, *_: object) -> None:
        return None

    def submit(self, function: Callable, *arguments: object) -> concurrent.futures.Future:
        future: concurrent.futures.Future = concurrent.futures.Future()
        future.set_result(function(*arguments))
        return future


def write_shard(source: object, directory: Path, split: str, number: int, total: int) -> dict:
    """Writes one shard and its note, unless both are there; returns the note."""
    shard = directory / f"{source.name}-{split}.array_record-{number:05d}-of-{total:05d}"
    note_path = directory / "notes" / f"{split}-{number:05d}.json"
    if shard.exists() and note_path.exists():
        return json.loads(note_path.read_text())
    examples, skipped = source.chunk(split, number)
    partial = shard.with_name(f".{shard.name}.{os.getpid()}")
    schema = features(source.image_size, source.factors)
    writer = ArrayRecordWriter(str(partial), "group_size:1")
    digest = hashlib.sha256()
    for example in examples:
        record = schema.serialize_example(schema.encode_example(_encodable(example)))
        digest.update(canonical(example))
        writer.write(record)
    writer.close()
    partial.replace(shard)
    note = _note(examples, skipped, digest.hexdigest(), shard.stat().st_size)
    note_path.parent.mkdir(exist_ok=True)
    note_partial = note_path.with_suffix(f".{os.getpid()}")
    note_partial.write_text(json.dumps(note))
    note_partial.replace(note_path)
    return note


def _encodable(example: Example) -> dict:
    """PNG bytes instead of pixels: TFDS encodes arrays only with TensorFlow or OpenCV."""
    png = io.BytesIO()
    Image.fromarray(example.image[..., 0]).save(png, format="PNG", compress_level=3)
    return example._asdict() | {"image": io.BytesIO(png.getvalue())}


def canonical(example: Example) -> bytes:
    """What the content hash is taken over: pixels and every field, not the bytes of some PNG encoder."""
    arrays = [
        np.ascontiguousarray(a).tobytes() for a in (example.image, example.labels, example.boxes, example.factors)
    ]
    texts = [
        example.patient,
        example.study,
        example.view,
        example.sex,
        str(example.age),
        example.path,
        str(example.seed),
    ]
    return b"\0".join([*arrays, *(text.encode() for text in texts)])


def _note(examples: list[Example], skipped: list, digest: str, size: int) -> dict:
    labels = np.asarray([e.labels for e in examples], np.int8).reshape(-1, len(FINDINGS))
    return {
        "images": len(examples),
        "bytes": size,
        "sha256": digest,
        "patients": sorted({e.patient for e in examples}),
        "studies": len({(e.patient, e.study) for e in examples}),
        "labels": {name: (labels == value).sum(axis=0).tolist() for name, value in STATES.items()},
        "views": dict(Counter(e.view for e in examples)),
        "sexes": dict(Counter(e.sex for e in examples)),
        "ages": [e.age for e in examples if e.age >= 0],
        "skipped": [list(item) for item in skipped],
    }


def _check_skipped(notes: dict[str, list[dict]], limit: float, directory: Path) -> None:
    skipped = [item for shards in notes.values() for note in shards for item in note["skipped"]]
    total = len(skipped) + sum(note["images"] for shards in notes.values() for note in shards)
    if 100.0 * len(skipped) > limit * total:
        path, reason = skipped[0]
        shutil.rmtree(directory)  # so that the mended source is read again
        raise SourceError(
            f"{len(skipped)} of {total} images cannot be read, more than {limit:g} % (first: {path}: {reason}); "
            "mend the source, or raise data.max_skipped_percent"
        )


def _describe(source: object, directory: Path, notes: dict[str, list[dict]]) -> None:
    """TFDS's metadata, then the manifest, whose presence says that the data set is complete."""
    schema = features(source.image_size, source.factors)
    owner = tfds.core.dataset_info.DatasetIdentity(
        name=source.name,
        version=tfds.core.Version(source.version),
        data_dir=str(directory),
        module_name=__name__,
    )
    info = tfds.core.DatasetInfo(
        builder=owner, features=schema, description="Chest X-rays of one schema (data_prep/schema.py)."
    )
    info.set_file_format("array_record")
    template = "{DATASET}-{SPLIT}.{FILEFORMAT}-{SHARD_X_OF_Y}"
    info.set_splits(
        tfds.core.SplitDict(
            [
                tfds.core.SplitInfo(
                    name=split,
                    shard_lengths=[note["images"] for note in shards],
                    num_bytes=sum(note["bytes"] for note in shards),
                    filename_template=tfds.core.ShardedFileTemplate(
                        data_dir=directory,
                        dataset_name=source.name,
                        split=split,
                        filetype_suffix="array_record",
                        template=template,
                    ),
                )
                for split, shards in notes.items()
            ]
        )
    )
    info.write_to_directory(str(directory))
    manifest = {
        "name": directory.parent.name,
        "reader_version": source.version,
        "options": source.options,
        "image_size": source.image_size,
        "content_hash": content_hash(notes),
        "splits": {split: _summary(shards) for split, shards in notes.items()},
        "skipped": [item for shards in notes.values() for note in shards for item in note["skipped"]],
        "facts": source.facts(),
    }
    partial = directory / ".manifest.json"
    partial.write_text(json.dumps(manifest, indent=2) + "\n")
    partial.replace(directory / "manifest.json")
    shutil.rmtree(directory / "notes")


def content_hash(notes: dict[str, list[dict]]) -> str:
    """Over the shards' digests, split by split."""
    lines = [f"{split} {note['sha256']}" for split in sorted(notes) for note in notes[split]]
    return hashlib.sha256("\n".join(lines).encode()).hexdigest()


def _summary(shards: list[dict]) -> dict:
    labels = {name: np.sum([note["labels"][name] for note in shards], axis=0) for name in STATES}
    ages = [age for note in shards for age in note["ages"]]
    return {
        "images": sum(note["images"] for note in shards),
        "patients": len({patient for note in shards for patient in note["patients"]}),
        "studies": sum(note["studies"] for note in shards),
        "labels": {f: {name: int(labels[name][i]) for name in STATES} for i, f in enumerate(FINDINGS)},
        "views": dict(sum((Counter(note["views"]) for note in shards), Counter())),
        "sexes": dict(sum((Counter(note["sexes"]) for note in shards), Counter())),
        "age_quartiles": np.percentile(ages, [25, 50, 75]).tolist() if ages else None,
        "shard_sha256": [note["sha256"] for note in shards],
    }


def read_manifest(directory: Path) -> dict:
    """Raises SourceError where a folder holds no finished data set."""
    path = Path(directory) / "manifest.json"
    if not path.exists():
        raise SourceError(f"{directory} holds no finished data set (no manifest.json)")
    return json.loads(path.read_text())


def main(arguments: list[str] | None = None) -> None:
    flags = argparse.ArgumentParser(
        prog="python -m data_prep.build", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    flags.add_argument("--dataset", choices=("phantom", "chexpert"), default="phantom")
    flags.add_argument("--raw_dir", type=Path)
    flags.add_argument("--data_dir", type=Path, default=Path("data"))
    flags.add_argument("--seed", type=int, default=0)
    flags.epilog = "Any field of dirvae.config.DataConfig can be set, as in --image_size=256."
    chosen, leftover = flags.parse_known_args(arguments)
    try:
        config = validate_data(override(DataConfig(dataset=chosen.dataset), assignments(leftover, prefix="--")))
        built = prepare(config, chosen.raw_dir, chosen.data_dir, chosen.seed, progress=print)
    except (ConfigError, SourceError) as error:
        sys.exit(f"error: {error}")
    manifest = read_manifest(built)
    for split, facts in manifest["splits"].items():
        print(f"{split}: {facts['images']} images of {facts['patients']} patients")
    print(f"{len(manifest['skipped'])} skipped; content {manifest['content_hash'][:16]}; {built}")


if __name__ == "__main__":
    main()
