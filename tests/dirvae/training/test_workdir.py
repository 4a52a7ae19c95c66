"""A run's folder: one config, whole files, strict JSON."""

import dataclasses
import json

import numpy as np
import pytest

from dirvae.config import Config, override
from dirvae.training import workdir
from dirvae.training.workdir import WorkdirError


def test_a_new_folder_becomes_the_configs_own(tmp_path):
    config = override(Config(), {"latents": 7})
    workdir.claim(tmp_path / "run", config)
    assert workdir.read_config(tmp_path / "run") == config
    versions = json.loads((tmp_path / "run" / "versions.json").read_text())
    assert versions["jax"].count(".") >= 2
    workdir.claim(tmp_path / "run", config)  # the same command again


def test_another_config_is_refused_by_name(tmp_path):
    workdir.claim(tmp_path / "run", Config())
    other = dataclasses.replace(override(Config(), {"latents": 7}), seed=3)
    with pytest.raises(WorkdirError, match=r"model\.latents: 7 here, 2 there; seed: 3 here, 0 there"):
        workdir.claim(tmp_path / "run", other)
    assert workdir.read_config(tmp_path / "run") == Config()


def test_what_changes_nothing_that_is_learned_may_differ(tmp_path):
    workdir.claim(tmp_path / "run", Config())
    free = {"build_workers": 3, "cache_megabytes": 10, "max_skipped_percent": 5.0, "allowed_roots": "/elsewhere"}
    workdir.check(tmp_path / "run", override(Config(), free))
    with pytest.raises(WorkdirError, match=r"another config \(data\.intensity: 'range' here"):
        workdir.check(tmp_path / "run", override(Config(), free | {"intensity": "range"}))


def test_a_folder_with_other_things_is_refused(tmp_path):
    (tmp_path / "thesis.txt").write_text("precious")
    with pytest.raises(WorkdirError, match="not empty and holds no run"):
        workdir.claim(tmp_path, Config())
    assert [path.name for path in tmp_path.iterdir()] == ["thesis.txt"]


def test_a_check_writes_nothing_and_refuses_what_a_claim_would(tmp_path):
    workdir.check(tmp_path / "run", Config())
    assert not (tmp_path / "run").exists()
    workdir.claim(tmp_path / "run", Config())
    workdir.check(tmp_path / "run", Config())
    with pytest.raises(workdir.WorkdirError, match="seed: 1 here, 0 there"):
        workdir.check(tmp_path / "run", override(Config(), {"seed": 1}))
    with pytest.raises(workdir.WorkdirError, match="is a file; give a folder"):
        workdir.check(tmp_path / "run" / "config.json", Config())


@pytest.mark.parametrize("text", ["{", "[]", '{"colour": 1}'])
def test_damaged_configs_are_named(tmp_path, text):
    (tmp_path / "config.json").write_text(text)
    with pytest.raises(WorkdirError, match=r"config\.json cannot be read"):
        workdir.read_config(tmp_path)


def test_no_run(tmp_path):
    with pytest.raises(WorkdirError, match="holds no run"):
        workdir.read_config(tmp_path)


def test_json_is_strict(tmp_path):
    value = {
        "a": float("nan"),
        "b": [np.float32(0.5), np.int64(3), np.inf],
        "c": np.array([1.0, np.nan]),
        4: (True, "x"),
    }
    workdir.write_json(tmp_path / "deep" / "x.json", value)
    assert "NaN" not in (tmp_path / "deep" / "x.json").read_text()
    assert workdir.read_json(tmp_path / "deep" / "x.json") == {
        "a": None,
        "b": [0.5, 3, None],
        "c": [1.0, None],
        "4": [True, "x"],
    }


def test_missing_and_damaged_json(tmp_path):
    with pytest.raises(WorkdirError, match="is missing"):
        workdir.read_json(tmp_path / "x.json")
    (tmp_path / "x.json").write_text('{"a": ')
    with pytest.raises(WorkdirError, match="not valid JSON"):
        workdir.read_json(tmp_path / "x.json")


def test_a_write_that_fails_leaves_the_old_file(tmp_path):
    path = tmp_path / "x.json"
    workdir.write_json(path, {"old": 1})
    with pytest.raises(TypeError):
        workdir.write_json(path, {"new": object()})
    assert workdir.read_json(path) == {"old": 1}


def test_arrays(tmp_path):
    workdir.write_arrays(tmp_path / "deep" / "x.npz", {"a": np.arange(3), "b": np.array(["x"])})
    with np.load(tmp_path / "deep" / "x.npz") as arrays:
        np.testing.assert_array_equal(arrays["a"], [0, 1, 2])
        assert arrays["b"].tolist() == ["x"]
    assert [path.name for path in (tmp_path / "deep").iterdir()] == ["x.npz"]


def test_phases_are_finished_one_by_one(tmp_path):
    assert workdir.finished(tmp_path) == {}
    workdir.finish(tmp_path, "data", 1.234)
    workdir.finish(tmp_path, "train", 60)
    assert workdir.finished(tmp_path) == {"data": 1.23, "train": 60}


def test_a_folder_of_files_is_written_whole_and_replaces_only_its_like(tmp_path):
    out = tmp_path / "deep" / "out"
    workdir.write_folder(out, {"a.png": b"1", "b.json": b"2"})
    workdir.write_folder(out, {"a.png": b"3", "b.json": b"4"})
    assert {path.name: path.read_bytes() for path in out.iterdir()} == {"a.png": b"3", "b.json": b"4"}
    (out / "thesis.txt").write_text("precious")
    with pytest.raises(WorkdirError, match=r"thesis\.txt.*another folder"):
        workdir.write_folder(out, {"a.png": b"5", "b.json": b"6"})
    (out / "thesis.txt").unlink()
    with pytest.raises(TypeError):
        workdir.write_folder(out, {"a.png": b"5", "b.json": None})
    assert {path.name: path.read_bytes() for path in out.iterdir()} == {"a.png": b"3", "b.json": b"4"}
    assert [path.name for path in out.parent.iterdir()] == ["out"]
    (tmp_path / "file").write_bytes(b"")
    with pytest.raises(WorkdirError, match="holds something else"):
        workdir.write_folder(tmp_path / "file", {"a.png": b"1"})
