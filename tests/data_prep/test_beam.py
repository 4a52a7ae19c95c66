"""A build as a pipeline of Apache Beam leaves what the build on one machine leaves, byte for byte."""

import uuid
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import fsspec
import pytest

from data_prep import beam, sources
from data_prep.build import build, prepare, read_manifest
from data_prep.source import Source, SourceError
from data_prep.verify import verify
from dirvae.config import ConfigError, DataConfig
from dirvae.config.places import place

DATA = DataConfig(dataset="chexpert", image_size=16)
OPTIONS = ["--runner=DirectRunner"]


def contents(directory: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in directory.iterdir() if path.is_file()}


def opened(root: Path, **fields: object) -> Source:
    return sources.open_source(replace(DATA, **fields), root)


@pytest.fixture
def pipeline() -> Callable[..., Path]:
    pytest.importorskip("apache_beam", reason="Apache Beam is not installed")
    return beam.build_with_beam


@pytest.mark.slow
def test_a_pipeline_leaves_the_same_bytes(tmp_path: Path, layout: Callable, pipeline: Callable) -> None:
    root = layout(train=120).root
    expected = build(opened(root), tmp_path / "one", 1)
    built = pipeline(opened(root), tmp_path / "two", OPTIONS)
    assert contents(built) == contents(expected)
    assert sorted(path.name for path in built.iterdir()) == sorted(path.name for path in expected.iterdir())
    assert verify(built).problems == ()
    assert pipeline(opened(root), tmp_path / "two", OPTIONS) == built


@pytest.mark.slow
def test_a_pipeline_to_an_address(
    tmp_path: Path, layout: Callable, pipeline: Callable, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DIRVAE_CACHE", str(tmp_path / "cache"))
    root, bucket = layout().root, f"memory://beam-{uuid.uuid4().hex}"
    expected = build(opened(root), tmp_path / "one", 1)
    built = pipeline(opened(root), place(bucket), OPTIONS)
    assert contents(built) == contents(expected)
    held = {name.rpartition("/")[2] for name in fsspec.filesystem("memory").find(bucket)}
    assert held == set(contents(expected))
    assert prepare(DATA, root, place(bucket)) == built


@pytest.mark.slow
def test_a_pipeline_goes_on_from_finished_shards(tmp_path: Path, layout: Callable, pipeline: Callable) -> None:
    """An image that cannot be read ends the first run; mended, its shard alone is read again."""
    made = layout()
    image = sorted(made.root.glob("valid/**/*.png"))[0]
    sound, stat = image.read_bytes(), image.stat()
    image.write_bytes(bytes(len(sound)))
    with pytest.raises(SourceError, match=r"1 of 46 images cannot be read"):
        pipeline(opened(made.root), tmp_path / "data", OPTIONS, 0.0)
    image.write_bytes(sound)
    said: list[str] = []
    built = pipeline(opened(made.root), tmp_path / "data", OPTIONS, 0.0, said.append)
    assert read_manifest(built)["skipped"] == []
    assert stat.st_size == image.stat().st_size
    assert any("shards are left to a pipeline" in line for line in said)


@pytest.mark.slow
def test_a_failure_of_the_pipeline_is_one_sentence(tmp_path: Path, layout: Callable, pipeline: Callable) -> None:
    with pytest.raises(SourceError, match=r"^the pipeline failed .*goes on from the finished shards$") as found:
        pipeline(opened(layout().root), tmp_path / "data", ["--runner=NoSuchRunner"])
    assert "\n" not in str(found.value)


def test_beam_that_is_not_there_is_told(tmp_path: Path, layout: Callable, monkeypatch: pytest.MonkeyPatch) -> None:
    import sys

    monkeypatch.setitem(sys.modules, "apache_beam", None)
    with pytest.raises(ConfigError, match=r"pip install -e '\.\[beam\]'"):
        beam.build_with_beam(opened(layout().root), tmp_path, OPTIONS)


def test_a_worker_leaves_a_shard_from_a_staged_task(tmp_path: Path, layout: Callable) -> None:
    """What a worker does, without Beam."""
    source = opened(layout().root)
    expected = build(source, tmp_path / "one", 1)
    directory = tmp_path / "two"
    directory.mkdir()
    from data_prep import shards

    for job in shards.plan(source, directory, expected.parent.name):
        task = beam._stage(source, job, directory, "")
        beam.write(task, "")
        assert shards.read_shard(job) is not None
        assert job.path.read_bytes() == (expected / job.path.name).read_bytes()


def test_one_split_alone_is_refused_by_name(layout: Callable, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        beam.main(["--dataset=chexpert", f"--raw_dir={layout().root}", "--split=valid"])
    assert "data_prep.build --split" in capsys.readouterr().err
