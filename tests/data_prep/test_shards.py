"""Building in shards: an interruption, the number of workers or a full disk never changes what is built in the end."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest

from data_prep import shards
from data_prep.build import build, identity, read_manifest
from data_prep.phantom import Phantom, PhantomConfig
from data_prep.source import Chunk, SourceError
from data_prep.verify import verify

ROOT = Path(__file__).parents[2]
SOURCE = Phantom(PhantomConfig(train=1100, validation=20, test=20, image_size=32))
COMMAND = "-m data_prep.build --phantom_train=1100 --phantom_validation=20 --phantom_test=20 --image_size=32"


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """SOURCE, built by one process at a stretch."""
    return build(SOURCE, tmp_path_factory.mktemp("undisturbed"), workers=1)


def notes(directory: Path) -> list[Path]:
    return sorted(path for path in directory.rglob("notes/*.npz") if not path.name.startswith(shards.PARTIAL))


def stamps(directory: Path, names: list[str]) -> dict[str, tuple[int, int]]:
    return {name: ((directory / name).stat().st_ino, (directory / name).stat().st_mtime_ns) for name in names}


@pytest.mark.slow
def test_a_killed_build_goes_on_from_its_finished_shards(tmp_path: Path, undisturbed: Path) -> None:
    command = [sys.executable, *COMMAND.split(), f"--data_dir={tmp_path}", "--build_workers=1"]
    process = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.DEVNULL)
    directory = tmp_path / identity(SOURCE) / SOURCE.version
    while not notes(tmp_path) and process.poll() is None:
        time.sleep(0.005)
    process.send_signal(signal.SIGKILL)
    assert process.wait() == -signal.SIGKILL
    finished = [path.name.removesuffix(".npz") for path in notes(directory)]
    assert 1 <= len(finished) < len(list(undisturbed.glob("*array_record*")))
    with pytest.raises(SourceError, match="no finished data set"):
        read_manifest(directory)
    kept = stamps(directory, finished)
    assert build(SOURCE, tmp_path, workers=1) == directory
    assert stamps(directory, finished) == kept
    assert read_manifest(directory) == read_manifest(undisturbed)
    assert sorted(path.name for path in directory.iterdir()) == sorted(path.name for path in undisturbed.iterdir())


@pytest.mark.slow
def test_five_kills_leave_the_same_bytes(tmp_path: Path, undisturbed: Path) -> None:
    """Each build is killed once it has added a shard, with one worker and with two in turn; the sixth is left alone."""
    directory, codes = tmp_path / identity(SOURCE) / SOURCE.version, []
    for kill in range(5):
        command = [sys.executable, *COMMAND.split(), f"--data_dir={tmp_path}", f"--build_workers={1 + kill % 2}"]
        process = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.DEVNULL)
        before = len(notes(tmp_path))
        while len(notes(tmp_path)) == before and process.poll() is None:
            time.sleep(0.002)
        process.send_signal(signal.SIGKILL)
        codes.append(process.wait())
    assert codes.count(-signal.SIGKILL) >= 3  # a fast machine may be done before the last of them
    assert build(SOURCE, tmp_path, workers=2) == directory
    found, expected = (
        {path.name: path.read_bytes() for path in folder.iterdir()} for folder in (directory, undisturbed)
    )
    assert found == expected


def test_a_shard_whose_note_does_not_fit_is_written_again(tmp_path: Path, given: Callable, examples: list) -> None:
    source = given({"train": examples})
    directory = tmp_path / identity(source) / source.version
    directory.mkdir(parents=True)
    jobs = shards.plan(source, directory, identity(source))
    for job in jobs:
        shards.write(job, *shards.work(source, job))
    sound = [shards.read_shard(job) for job in jobs]
    assert None not in sound
    jobs[0].path.write_bytes(b"cut")
    jobs[1].note.write_bytes(jobs[1].note.read_bytes()[:100])
    jobs[2].note.write_text("[]")
    jobs[3].note.unlink()
    before = stamps(directory, [job.path.name for job in jobs])
    written = shards.write_all(source, jobs, 1, 1.0, lambda text: None)
    after = stamps(directory, [job.path.name for job in jobs])
    assert written == sound
    assert [before[name] == after[name] for name in before] == [False] * 4 + [True]


@pytest.mark.slow
def test_workers_do_not_change_the_content(tmp_path: Path, undisturbed: Path) -> None:
    lines: list[str] = []
    built = build(SOURCE, tmp_path, workers=2, progress=lines.append)
    assert read_manifest(built) == read_manifest(undisturbed)
    assert len(lines) == len(list(built.glob("*array_record*")))
    assert lines[-1].startswith("data: 1220/1220 images")
    assert verify(built).problems == ()


def test_the_size_of_shards_does_not_change_the_content(tmp_path: Path, given: Callable, examples: list) -> None:
    hashes = set()
    for chunk_size in (1, 3, 100):
        built = build(given({"train": examples}, chunk_size=chunk_size), tmp_path / str(chunk_size), workers=1)
        hashes.add(read_manifest(built)["content_hash"])
        assert verify(built).problems == ()
    assert len(hashes) == 1


def die() -> Chunk:
    os.kill(os.getpid(), signal.SIGKILL)
    return Chunk([])


@dataclass(frozen=True)
class Deadly:
    """A source whose reader is killed, as the system does when memory runs out."""

    name: str = "deadly"
    version: str = "1.0.0"
    image_size: int = 8
    factors: int = 0
    chunk_size: int = 1
    options: tuple = ()
    findings: tuple = ()

    def counts(self) -> dict[str, int]:
        return {"train": 2}

    def shards(self, split: str) -> int:
        return 2

    def task(self, split: str, number: int) -> Callable[[], Chunk]:
        return die

    def state(self, split: str, number: int) -> str:
        return ""

    def raw_files(self, progress: Callable[[str], None]) -> None:
        return None

    def facts(self) -> dict:
        return {}


@pytest.mark.slow
def test_a_worker_that_dies_is_told_in_one_sentence(tmp_path: Path) -> None:
    with pytest.raises(SourceError, match=r"a process that reads images died.*data\.build_workers=1"):
        build(Deadly(), tmp_path, workers=2)


@pytest.fixture
def examples(plain_example: Callable) -> list:
    """Ten, of which the first four compress well."""
    noise = np.random.default_rng(0).integers(0, 256, (10, 8, 8, 1), dtype=np.uint8)
    return [plain_example(f"p{i}", image=noise[i] * (i > 3)) for i in range(10)]


FULL = """
import json, resource, sys
from pathlib import Path
sys.path.insert(0, sys.argv[1])
from support.given import Given, example
from data_prep.build import build
import numpy as np
noise = np.random.default_rng(0).integers(0, 256, (8, 256, 256, 1), dtype=np.uint8)
images = [noise[i] * (i > 3) for i in range(8)]
source = Given({"train": [example(f"p{i}", image=image) for i, image in enumerate(images)]}, image_size=256)
limit = int(sys.argv[3])
if limit:
    resource.setrlimit(resource.RLIMIT_FSIZE, (limit, resource.RLIM_INFINITY))
try:
    print(json.dumps([str(build(source, Path(sys.argv[2]), 1)), ""]))
except ValueError as error:
    print(json.dumps(["", str(error)]))
"""


def build_with_limit(data_dir: Path, limit: int) -> tuple[str, str]:
    """(folder, error) of a build by a process whose files cannot grow beyond `limit` bytes (0: any size)."""
    command = [sys.executable, "-c", FULL, str(ROOT / "tests"), str(data_dir), str(limit)]
    done = subprocess.run(command, cwd=ROOT, check=True, capture_output=True, text=True)
    return tuple(json.loads(done.stdout))


@pytest.mark.slow
def test_no_space_is_told_in_one_sentence_and_loses_nothing(tmp_path: Path) -> None:
    """The third of four shards is the first that does not fit; later, it is the first to be written."""
    built, error = build_with_limit(tmp_path, 200_000)
    assert built == ""
    assert error.endswith("cannot be written (File too large); free some space there or choose another data_dir")
    assert "\n" not in error
    finished = [path.name.removesuffix(".npz") for path in notes(tmp_path)]
    assert [name[-14:] for name in finished] == ["00000-of-00004", "00001-of-00004"]
    directory = notes(tmp_path)[0].parents[1]
    assert not list(directory.rglob(f"{shards.PARTIAL}*"))
    kept = stamps(directory, finished)
    built, error = build_with_limit(tmp_path, 0)
    assert (Path(built), error) == (directory, "")
    assert stamps(directory, finished) == kept
    assert verify(directory).images == {"train": 8}
    assert verify(directory).problems == ()
