"""One job at a time in a run's folder: held, given back however the job ends, taken over when stale, and refused otherwise."""

import json
import os
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import pytest

from dirvae.config import Config
from dirvae.training import lock, workdir
from dirvae.training.workdir import LOCK, WorkdirError

ROOT = Path(__file__).parents[3]
HOLDING = """
import signal, sys, time
from pathlib import Path
from dirvae.training import lock
signal.signal(signal.SIGINT, signal.default_int_handler)  # which a job in the background of a shell would ignore
with lock.held(Path(sys.argv[1])):
    print("held", flush=True)
    time.sleep(60)
"""


@pytest.fixture
def job(tmp_path):
    """Another process that holds the lock of tmp_path/run."""
    process = subprocess.Popen(
        [sys.executable, "-c", HOLDING, str(tmp_path / "run")], cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE
    )
    assert process.stdout.readline() == b"held\n"
    yield process
    process.kill()
    process.wait()


def write(folder, **fields):
    folder.mkdir(exist_ok=True)
    holder = {"host": socket.gethostname(), "pid": os.getpid(), "since": "2026-01-01T00:00:00+00:00"}
    (folder / LOCK).write_text(json.dumps(holder | fields))


def test_a_lock_names_its_holder_and_goes_at_the_end(tmp_path):
    with lock.held(tmp_path / "runs" / "run"):
        holder = json.loads((tmp_path / "runs" / "run" / LOCK).read_text())
        assert (holder["host"], holder["pid"]) == (socket.gethostname(), os.getpid())
        assert holder["since"].endswith("+00:00")
        with lock.held(tmp_path / "runs" / "run"):  # a study holds a run's folder, and so does the run
            pass
        assert (tmp_path / "runs" / "run" / LOCK).exists()
        workdir.check(tmp_path / "runs" / "run", Config())  # the lock is nothing that is in the way
    assert list(tmp_path.iterdir()) == []  # folders that were made for the lock alone are gone too


@pytest.mark.parametrize("error", [ValueError, KeyboardInterrupt])
def test_an_error_gives_it_back_and_keeps_what_was_written(tmp_path, error):
    def work():
        with lock.held(tmp_path / "run"):
            (tmp_path / "run" / "config.json").write_text("{}")
            raise error

    with pytest.raises(error):
        work()
    assert [path.name for path in (tmp_path / "run").iterdir()] == ["config.json"]


def test_a_second_job_is_refused_in_one_sentence(tmp_path, job):
    with pytest.raises(WorkdirError) as refused, lock.held(tmp_path / "run"):
        pass
    assert f"run is in use by process {job.pid} on {socket.gethostname()}, since " in str(refused.value)
    assert "wait for its end, or give another --workdir" in str(refused.value)
    assert job.poll() is None


@pytest.mark.parametrize("ending", [signal.SIGINT, signal.SIGTERM])
def test_a_job_that_is_asked_to_end_gives_it_back(tmp_path, job, ending):
    job.send_signal(ending)
    job.wait(timeout=30)
    assert not (tmp_path / "run").exists()


def test_the_lock_of_a_killed_job_is_taken_over_aloud(tmp_path, job):
    job.kill()
    job.wait()
    assert (tmp_path / "run" / LOCK).exists()
    said = []
    with lock.held(tmp_path / "run", said.append):
        assert json.loads((tmp_path / "run" / LOCK).read_text())["pid"] == os.getpid()
    assert len(said) == 1
    assert f"the lock of process {job.pid} on {socket.gethostname()}" in said[0]
    assert "is stale" in said[0]
    assert not (tmp_path / "run" / LOCK).exists()


def test_another_hosts_lock_is_refused_with_how_to_mend_it(tmp_path):
    write(tmp_path / "run", host="elsewhere", pid=1)
    told = r"in use by process 1 on elsewhere.*if it is gone, remove .*lock\.json"
    with pytest.raises(WorkdirError, match=told), lock.held(tmp_path / "run"):
        pass
    (tmp_path / "run" / LOCK).unlink()
    with lock.held(tmp_path / "run"):
        pass


def test_an_unreadable_lock_is_refused_too(tmp_path):
    (tmp_path / "run").mkdir()
    (tmp_path / "run" / LOCK).write_text("")
    with pytest.raises(WorkdirError, match=r"in use by another job.*remove .*lock\.json"), lock.held(tmp_path / "run"):
        pass


def test_of_many_jobs_on_a_stale_lock_one_gets_it(tmp_path):
    dead = subprocess.Popen([sys.executable, "-c", ""])
    dead.wait()
    write(tmp_path / "run", pid=dead.pid)
    jobs = [
        subprocess.Popen(
            [sys.executable, "-c", HOLDING, str(tmp_path / "run")],
            cwd=ROOT,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
        )
        for _ in range(3)
    ]
    until = time.monotonic() + 60
    while sum(job.poll() is not None for job in jobs) < 2 and time.monotonic() < until:
        time.sleep(0.1)
    assert [job.poll() for job in jobs].count(None) == 1
    for job in jobs:
        job.kill()
        job.wait()
