"""Array_record shards, one a chunk of a source: in parallel, resumable, each whole or not there at all.

A shard and the note of what it holds are written under other names, synced and renamed, the note last: a note vouches for
its shard. After an interruption, shards with a note are kept; a shard from which images were left out is read again, since
they may have been mended meanwhile.
"""

import contextlib
import errno
import json
import multiprocessing
import os
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor, as_completed
from concurrent.futures.process import BrokenProcessPool
from pathlib import Path
from typing import NamedTuple

from array_record.python.array_record_module import ArrayRecordWriter

from data_prep import records
from data_prep.manifest import Tally
from data_prep.schema import Example, features
from data_prep.source import Chunk, Skipped, Source, SourceError

NOTES = "notes"
PARTIAL = ".partial-"
FEW = 2000  # images that are read sooner than processes are started
Progress = Callable[[str], None]


class Job(NamedTuple):
    """A job says where one shard will be, and which chunk of the source it holds."""

    path: Path
    split: str
    number: int

    @property
    def note(self) -> Path:
        return self.path.parent / NOTES / f"{self.path.name}.json"


class Shard(NamedTuple):
    """A finished shard is described by its size, its counts and what was skipped; this is its note as an object."""

    size: int  # bytes
    tally: Tally
    skipped: list[Skipped]


def plan(source: Source, directory: Path, name: str) -> list[Job]:
    """The shards of a source, split by split, under the names that TFDS expects of a data set called `name`."""
    jobs = []
    for split, count in source.counts().items():
        total = -(-count // source.chunk_size)
        paths = (directory / f"{name}-{split}.array_record-{number:05d}-of-{total:05d}" for number in range(total))
        jobs += [Job(path, split, number) for number, path in enumerate(paths)]
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
    finished = {job: shard for job in jobs if (shard := _read_note(job)) is not None}
    skipped: list[Skipped] = []
    began, kept = time.monotonic(), sum(len(shard.tally.digests) for shard in finished.values())
    done = kept
    waiting = [job for job in jobs if job not in finished]
    workers = workers or (1 if total - kept < FEW else os.cpu_count() or 1)
    with contextlib.closing(_run(source, waiting, min(workers, len(waiting)))) as results:
        for job, shard in results:
            finished[job] = shard
            skipped += shard.skipped
            done += len(shard.tally.digests) + len(shard.skipped)
            _check_skipped(skipped, total, max_skipped_percent)
            rate = (done - kept) / max(time.monotonic() - began, 1e-9)
            progress(f"data: {done}/{total} images, {rate:.0f} images/s, {(total - done) / rate:.0f} s left")
    return [finished[job] for job in jobs]


def _check_skipped(skipped: list[Skipped], total: int, limit: float) -> None:
    if 100.0 * len(skipped) > limit * total:
        path, reason = skipped[0]
        raise SourceError(
            f"{len(skipped)} of {total} images cannot be read, more than {limit:g} % (the first: {path}: {reason}); "
            "mend them, or raise data.max_skipped_percent"
        )


def _run(source: Source, jobs: list[Job], workers: int) -> Iterator[tuple[Job, Shard]]:
    """Each job and its shard, as they finish; closing the iterator drops what has not begun."""
    if workers <= 1:
        yield from ((job, write(job, *_work(source, job))) for job in jobs)
        return
    spawn = multiprocessing.get_context("spawn")  # a forked child would inherit the locks of JAX's threads
    pool = ProcessPoolExecutor(workers, spawn, initializer=_end_with_parent)
    try:
        futures = {pool.submit(write, job, *_work(source, job)): job for job in jobs}
        for future in as_completed(futures):
            yield futures[future], future.result()
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


def _work(source: Source, job: Job) -> tuple[Callable[[], Chunk], tuple[int, int, int]]:
    """What a worker needs of a source for one shard: the task, and what the features are made of."""
    return source.task(job.split, job.number), (source.image_size, source.factors, len(source.findings))


def write(job: Job, task: Callable[[], Chunk], shape: tuple[int, int, int]) -> Shard:
    """Reads one chunk and leaves its shard and note; `shape` are the arguments of `data_prep.schema.features`.

    Raises:
      OSError: when they cannot be written.
    """
    chunk = task()
    tally = Tally.empty(shape[2])
    for example in chunk.examples:
        tally.add(example)
    with replacing(job.path) as partial:
        _write_records(partial, chunk.examples, shape)
    shard = Shard(job.path.stat().st_size, tally, chunk.skipped)
    job.note.parent.mkdir(exist_ok=True)
    with replacing(job.note) as partial:
        partial.write_text(json.dumps({"size": shard.size, "tally": tally.to_json(), "skipped": chunk.skipped}))
    return shard


def _write_records(path: Path, examples: list[Example], shape: tuple[int, int, int]) -> None:
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


def _read_note(job: Job) -> Shard | None:
    """The shard of an earlier build; None where it has to be written (again)."""
    try:
        note = json.loads(job.note.read_text())
        shard = Shard(note["size"], Tally(**note["tally"]), [Skipped(*item) for item in note["skipped"]])
        return None if shard.skipped or job.path.stat().st_size != shard.size else shard
    except (FileNotFoundError, ValueError, KeyError, TypeError):
        return None
