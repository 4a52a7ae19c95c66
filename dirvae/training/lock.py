"""The lock of a run's folder: one job at a time works in it, and says on which host, in which process and since when.

    with lock.held(workdir, say):
        ...

The lock is a file, lock.json, that goes when the job ends, fails or is interrupted. What a killed job leaves is stale: on this host
a dead process is told from a living one, and the next job takes the lock over. Of another host nothing can be known.
"""

import contextlib
import datetime
import fcntl
import json
import os
import signal
import socket
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from types import FrameType
from typing import NamedTuple

from dirvae.training.workdir import LOCK, WorkdirError, read_json


class Holder(NamedTuple):
    """The job that works in a folder."""

    host: str
    pid: int
    since: str  # ISO 8601, in UTC

    @property
    def ours(self) -> bool:
        """Tells whether the holder is this very process."""
        return (self.host, self.pid) == (socket.gethostname(), os.getpid())

    @property
    def dead(self) -> bool:
        """Tells whether the holder is a process of this host that runs no more."""
        return self.host == socket.gethostname() and not _runs(self.pid)

    def __str__(self) -> str:
        return f"process {self.pid} on {self.host}, since {self.since}"


@contextlib.contextmanager
def held(directory: Path, say: Callable[[str], None] = print) -> Iterator[None]:
    """Holds the lock of a folder, which is made where it is not there and removed again where nothing else came into it.

    Within one process the lock may be taken again. A request to terminate (SIGTERM) ends the job as Ctrl-C does.

    Raises:
      WorkdirError: where another job holds the lock.
    """
    directory = Path(directory)
    holder = _holder(directory / LOCK)
    if holder is not None and holder.ours:
        yield
        return
    missing = [folder for folder in (directory, *directory.parents) if not folder.exists()]
    directory.mkdir(parents=True, exist_ok=True)
    try:
        _take(directory, say)
        try:
            with _interrupted_when_terminated():
                yield
        finally:
            (directory / LOCK).unlink(missing_ok=True)
    finally:
        for folder in missing:
            with contextlib.suppress(OSError):  # something is in it
                folder.rmdir()


def _take(directory: Path, say: Callable[[str], None]) -> None:
    """Writes the lock, over a stale one where there is one; raises WorkdirError as `held`."""
    path = directory / LOCK
    with _alone(directory):
        other = _holder(path)
        if other is not None and other.dead:
            say(f"{directory}: the lock of {other} is stale, since that process is gone; it is taken over")
            path.unlink(missing_ok=True)
        now = datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds")
        try:
            with path.open("x") as file:
                json.dump(Holder(socket.gethostname(), os.getpid(), now)._asdict(), file)
        except FileExistsError:
            where = (
                "" if other is not None and other.host == socket.gethostname() else f"; if it is gone, remove {path}"
            )
            raise WorkdirError(
                f"{directory} is in use by {other or 'another job'}; wait for its end, or give another --workdir{where}"
            ) from None


@contextlib.contextmanager
def _alone(directory: Path) -> Iterator[None]:
    """Lets one process of this host at a time look at a lock and replace it; file systems without flock go without."""
    descriptor = os.open(directory, os.O_RDONLY)
    try:
        with contextlib.suppress(OSError):
            fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)


def _holder(path: Path) -> Holder | None:
    """Reads who holds a lock; None where there is no lock, or one that cannot be read yet."""
    try:
        return Holder(**read_json(path))
    except (WorkdirError, TypeError, OSError):
        return None


def _runs(pid: int) -> bool:
    """Tells whether a process of this host runs, no matter who owns it."""
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True


@contextlib.contextmanager
def _interrupted_when_terminated() -> Iterator[None]:
    """Makes SIGTERM a KeyboardInterrupt, so that a job that a scheduler ends gives its lock back."""

    def interrupt(number: int, frame: FrameType | None) -> None:
        raise KeyboardInterrupt

    usual = signal.getsignal(signal.SIGTERM)
    if usual != signal.SIG_DFL or threading.current_thread() is not threading.main_thread():
        yield
        return
    signal.signal(signal.SIGTERM, interrupt)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, usual)
