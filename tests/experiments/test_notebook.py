"""The notebook runs from top to bottom, with fewer steps."""

from pathlib import Path

import nbformat
from nbclient import NotebookClient

NOTEBOOK = Path(__file__).parents[2] / "experiments" / "colabs" / "dirvae.ipynb"


def test_the_notebook_runs_and_draws(tmp_path, monkeypatch):
    monkeypatch.setenv("DIRVAE_STEPS", "6")
    monkeypatch.setenv("DIRVAE_FOLDER", str(tmp_path))
    monkeypatch.delenv("XLA_FLAGS", raising=False)
    notebook = nbformat.read(NOTEBOOK, as_version=4)
    assert all(not cell.get("outputs") for cell in notebook.cells)  # nothing is committed executed
    done = NotebookClient(notebook, timeout=300, resources={"metadata": {"path": str(NOTEBOOK.parents[2])}}).execute()
    drawn = [o for cell in done.cells for o in cell.get("outputs", []) if "image/png" in o.get("data", {})]
    assert len(drawn) >= 3
