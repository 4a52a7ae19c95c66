"""Array_record shards, one a chunk of a source: in parallel, resumable, each whole or not there at all.

A shard and the note of what it holds are written under other names, synced and renamed, the note last: a note vouches for
its shard. After an interruption, shards with a note are kept. A shard from which images were left out is read again, since
they may have been mended meanwhile, and so is one whose raw files are no longer those that were read.
"""

import contextlib
import errno
import json
import multiprocessing
import os
import threading
import time
import zipfile
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from pathlib import Path
from typing import NamedTuple

import numpy as np
from array_record.python.array_record_module import ArrayRecordWriter

from data_prep import columns, records
from data_prep.progress import Progress
from data_prep.schema import Example, features
from data_prep.source import Chunk, RawFile, Skipped, Source, SourceError

NOTES = "notes"
PARTIAL = ".partial-"
FEW = 2000  # images that are read sooner than processes are started


class Job(NamedTuple):
    """A job says where one shard will be, which chunk of the source it holds, and the state of the raw files that are to be read."""

    path: Path
    split: str
    number: int
    state: str = ""

    @property
    def note(self) -> Path:
        return self.path.parent / NOTES / f"{self.path.name}.npz"


class Shard(NamedTuple):
    """A finished shard: its bytes and images, what was left out of it, and what was noticed in reading, (path, verdict)."""

    size: int
    images: int
    skipped: list[Skipped]
    warnings: list[tuple[str, str]]


class Note(NamedTuple):
    """What is known of a shard's examples: their columns, digests uint8 [n, 32] of them and of their pixels, and the raw files."""

    shard: Shard
    columns: columns.Columns
    digests: np.ndarray
    pixels: np.ndarray
    files: list[RawFile]


class Shape(NamedTuple):
    """The arguments of `data_prep.schema.features`."""

    image_size: int
    factors: int
    findings: int


def plan(source: Source, directory: Path, name: str) -> list[Job]:
    """The shards of a source, split by split, under the names that TFDS expects of a data set called `name`."""
    jobs = []
    for split in source.counts():
        total = source.shards(split)
        for number in range(total):
            path = directory / f"{name}-{split}.array_record-{number:05d}-of-{total:05d}"
            jobs.append(Job(path, split, number, source.state(split, number)))
    return jobs


def write_all(
    source: Source, jobs: list[Job], workers: int, max_skipped_percent: float, progress: Progress
) -> list[Shard]:
    """Writes every shard that is not there yet; all of them, in the order of `jobs`.

    Raises:
      SourceError: as soon as more than `max_skipped_percent` of all images are left out, or a worker dies.
      OSError: when a shard cannot be written.
    """
    total = sum(source.counts().values())
    finished = {job: shard for job in jobs if (shard := read_shard(job)) is not None}
    skipped: list[Skipped] = []
    began, kept = time.monotonic(), sum(shard.images for shard in finished.values())
    done = kept
    waiting = [job for job in jobs if job not in finished]
    workers = workers or (1 if total - kept < FEW else os.cpu_count() or 1)
    with contextlib.closing(_run(source, waiting, min(workers, len(waiting)))) as results:
        for job, shard in results:
            finished[job] = shard
            skipped += shard.skipped
            done += shard.images + len(shard.skipped)
            check_skipped(skipped, total, max_skipped_percent)
            rate = (done - kept) / max(time.monotonic() - began, 1e-9)
            left_out = f", {len(skipped)} skipped" if skipped else ""
            progress(f"data: {done}/{total} images, {rate:.0f} images/s, {(total - done) / rate:.0f} s left{left_out}")
    return [finished[job] for job in jobs]


def check_skipped(skipped: list[Skipped], total: int, limit: float) -> None:
    """Checks that no more than `limit` percent of all images are left out.

    Raises:
      SourceError: where there are more, with the first of them.
    """
    if 100.0 * len(skipped) > limit * total:
        path, reason = skipped[0]
        raise SourceError(
            f"{len(skipped)} of {total} images cannot be read, more than {limit:g} % (the first: {path}: {reason}); "
            "mend them, or raise data.max_skipped_percent"
        )


def _run(source: Source, jobs: list[Job], workers: int) -> Iterator[tuple[Job, Shard]]:
    """Each job and its shard, as they finish; closing the iterator drops what has not begun."""
    if workers <= 1:
        yield from ((job, write(job, *work(source, job))) for job in jobs)
        return
    spawn = multiprocessing.get_context("spawn")  # a forked child would inherit the locks of JAX's threads
    pool = ProcessPoolExecutor(workers, spawn, initializer=_end_with_parent)
    waiting, running = iter(jobs), {}
    try:
        while True:
            while len(running) < 3 * workers and (job := next(waiting, None)) is not None:
                running[pool.submit(write, job, *work(source, job))] = job
            if not running:
                return
            for future in wait(running, return_when=FIRST_COMPLETED).done:
                yield running.pop(future), future.result()
    except BrokenProcessPool:
        raise SourceError(
            "a process that reads images died, perhaps for lack of memory; the same command goes on where it was, "
            "data.build_workers=1 reads in one process"
        ) from None
    finally:
        pool.shutdown(cancel_futures=True)


def _end_with_parent() -> None:
    """Runs in a worker: a killed parent cannot tell it to stop, and it would wait for work for ever."""

    def watch() -> None:
        multiprocessing.parent_process().join()
        os._exit(1)

    threading.Thread(target=watch, daemon=True).start()


def work(source: Source, job: Job) -> tuple[Callable[[], Chunk], Shape]:
    """What a worker needs of a source for one shard: the task, and what the features are made of."""
    return source.task(job.split, job.number), Shape(source.image_size, source.factors, len(source.findings))


def write(job: Job, task: Callable[[], Chunk], shape: Shape) -> Shard:
    """Reads one chunk and leaves its shard and note.

    Raises:
      OSError: when they cannot be written.
    """
    chunk = task()
    with replacing(job.path) as partial:
        _write_records(partial, chunk.examples, shape)
    shard = Shard(job.path.stat().st_size, len(chunk.examples), list(chunk.skipped), list(chunk.warnings))
    job.note.parent.mkdir(exist_ok=True)
    with replacing(job.note) as partial:
        _write_note(partial, job.state, shard, chunk, shape)
    return shard


def _write_note(path: Path, state: str, shard: Shard, chunk: Chunk, shape: Shape) -> None:
    width = features(*shape)["masks"].shape[1]
    arrays = columns.of(chunk.examples, shape.findings, shape.factors, width)
    arrays["digests"] = _rows(records.digest(example) for example in chunk.examples)
    arrays["pixels"] = _rows(records.pixel_digest(example.image) for example in chunk.examples)
    facts = {"state": state, "shard": shard, "files": chunk.files}
    arrays["facts"] = np.frombuffer(json.dumps(facts).encode(), np.uint8)
    with path.open("wb") as file:
        np.savez(file, **arrays)


def _rows(digests: Iterator[bytes]) -> np.ndarray:
    return np.frombuffer(b"".join(digests), np.uint8).reshape(-1, 32)


def _write_records(path: Path, examples: Sequence[Example], shape: Shape) -> None:
    schema = features(*shape)
    encoded = [records.encode(example, schema) for example in examples]
    try:
        writer = ArrayRecordWriter(str(path), "group_size:1")  # single records, read in any order
        for record in encoded:
            writer.write(record)
        writer.close()
    except RuntimeError as error:  # what the C++ writer makes of every failure to write
        known = [code for code in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG) if os.strerror(code) in str(error)]
        code = known[0] if known else errno.EIO
        raise OSError(code, os.strerror(code) if known else str(error)) from None


@contextlib.contextmanager
def replacing(path: Path) -> Iterator[Path]:
    """A path to write to, which replaces `path` once it is whole and on the disk; nothing is left of it otherwise."""
    partial = path.with_name(f"{PARTIAL}{os.getpid()}-{path.name}")
    try:
        yield partial
        with partial.open("rb") as file:
            os.fsync(file.fileno())
        partial.replace(path)
    finally:
        partial.unlink(missing_ok=True)


def read_shard(job: Job, skipped: bool = False, stored: bool = True) -> Shard | None:
    """The shard of an earlier build; None where it has to be written (again).

    With `skipped`, a shard from which images were left out counts as well. `stored` says that the shard lies beside its note.
    """
    try:
        facts = _facts(job)
        shard = _shard(facts)
        stale = (shard.skipped and not skipped) or facts["state"] != job.state
        return None if stale or (stored and job.path.stat().st_size != shard.size) else shard
    except BAD_NOTE:
        return None


BAD_NOTE = (OSError, EOFError, ValueError, KeyError, TypeError, zipfile.BadZipFile)


def _facts(job: Job) -> dict:
    with np.load(job.note, allow_pickle=False) as stored:
        return json.loads(stored["facts"].tobytes())


def _shard(facts: dict) -> Shard:
    size, images, skipped, warnings = facts["shard"]
    return Shard(size, images, [Skipped(*item) for item in skipped], [tuple(item) for item in warnings])


def read_note(job: Job) -> Note:
    """What is known of the examples of a finished shard."""
    arrays = columns.load(job.note)
    facts = json.loads(arrays.pop("facts").tobytes())
    digests, pixels = arrays.pop("digests"), arrays.pop("pixels")
    return Note(_shard(facts), arrays, digests, pixels, [RawFile(*item) for item in facts["files"]])
