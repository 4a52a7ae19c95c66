"""The notebook runs from top to bottom, with fewer steps."""

import configparser
from pathlib import Path

import nbformat
import pytest
from nbclient import NotebookClient
from support import compiler

NOTEBOOK = Path(__file__).parents[2] / "experiments" / "colabs" / "dirvae.ipynb"
SMALL = (
    "steps=6 checkpoint_every=3 phantom_train=80 phantom_validation=20 phantom_test=40 "
    "image_size=32 widths=4,4 hidden=8 latents=8 batch_size=16 replicates=20 path_steps=4"
)


@pytest.fixture(scope="module")
def notebook():
    return nbformat.read(NOTEBOOK, as_version=4)


def test_nothing_is_committed_executed(notebook):
    nbformat.validate(notebook)
    assert all(not cell.get("outputs") and cell.get("execution_count") is None for cell in notebook.cells)


@pytest.mark.slow
def test_the_notebook_runs_and_draws(notebook, tmp_path, monkeypatch):
    monkeypatch.setenv("DIRVAE_CONFIG", SMALL)
    monkeypatch.setenv("DIRVAE_FOLDER", str(tmp_path))
    monkeypatch.setenv("XLA_FLAGS", compiler.flags(devices=1))
    folder = {"metadata": {"path": str(NOTEBOOK.parents[2])}}
    done = NotebookClient(notebook, timeout=600, resources=folder).execute()
    outputs = [output for cell in done.cells for output in cell.get("outputs", [])]
    drawn = [kind for output in outputs for kind in output.get("data", {}) if kind.startswith("image/")]
    assert drawn.count("image/png") == 6  # images, curves, scores, two traversals, maps
    assert drawn.count("image/gif") == 1
    assert (tmp_path / "run" / "checkpoints" / "6").is_dir()


@pytest.mark.parametrize(
    ("devices", "variables", "programs", "extra"),
    [
        ([], {}, [], ""),
        ([], {}, ["nvidia-smi"], "[cuda]"),
        (["/dev/accel0"], {}, [], "[tpu]"),
        (["/dev/vfio/0"], {"TPU_ACCELERATOR_TYPE": "v5e-1"}, [], "[tpu]"),
        ([], {"TPU_ACCELERATOR_TYPE": ""}, [], ""),
    ],
)
def test_the_extra_fits_the_runtime_and_exists(notebook, devices, variables, programs, extra):
    source = next(cell.source for cell in notebook.cells if "def runtime_extra" in cell.source)
    start, names = source.index("def runtime_extra"), {}
    exec(source[start : source.index("\n\n\n", start)], names)
    assert names["runtime_extra"](devices, variables, programs) == extra
    options = configparser.ConfigParser()
    options.read(NOTEBOOK.parents[2] / "setup.cfg")
    assert not extra or extra.strip("[]") in options["options.extras_require"]
