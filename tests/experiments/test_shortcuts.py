"""The shortcut grid from its command, with models that have learned nothing."""

import json

import numpy as np
import pytest
from support.tiny import PAIRS, TINY

from data_prep.phantom.factors import CONFOUNDERS
from dirvae.metrics.counterfactual import reliance as relied
from dirvae.studies.shortcuts import detection, reliance
from experiments import shortcuts
from experiments.configs import shortcuts as grid

SMALL = (
    TINY
    | PAIRS
    | {
        "labels": ("Pneumothorax", "Pleural Effusion"),
        "phantom": "shortcut",
        "bound_images": 0,
        "cases": 0,
        "path_steps": 2,
    }
)
MODELS = [("token", 0.0, 0), ("token", 0.0, 1), ("token", 0.0, 2), ("tube", 0.9, 0)]


@pytest.fixture
def small(monkeypatch):
    planned = [grid.planned(SMALL, *model) for model in MODELS]
    monkeypatch.setattr(grid, "runs", lambda seeds: planned)
    monkeypatch.setattr(reliance, "IMAGES", 6)
    monkeypatch.setattr(reliance, "EXPLAINED", 3)


def test_the_real_grid_has_null_models_of_every_finding_and_all_kinds():
    runs = {run.folder: run.config for run in grid.runs()}
    null = [config for config in runs.values() if config.data.rho == 0]
    findings = {reliance.finding_of(config) for config in runs.values()}
    assert {finding: sum(reliance.finding_of(c) == finding for c in null) for finding in findings} == dict.fromkeys(
        findings, 6
    )
    assert {c.data.confounder for c in runs.values() if c.data.rho} == set(grid.KINDS)
    assert len(runs) == len(grid.NULL_SEEDS) * 2 + len(grid.KINDS) * len(grid.STRENGTHS) * len(grid.SEEDS)


def test_one_command_trains_measures_and_reports(small, tmp_path, capsys):
    flags = [f"--workdir={tmp_path / 'grid'}", f"--data_dir={tmp_path / 'data'}"]
    with pytest.raises(
        SystemExit, match="no finished model with a shortcut and 3 null models of its finding yet; 0 of 4"
    ):
        shortcuts.main([*flags, "--report"])
    shortcuts.main(flags)
    assert "traversal, covariance" in capsys.readouterr().out
    found = json.loads((tmp_path / "grid" / "shortcuts.json").read_text())
    row = found["detection"]["traversal, identity"]["tube"]
    assert row[0] == 4  # three null models stand beside the one trained on the tube
    with np.load(tmp_path / "grid" / "tube-0.9-0" / "evidence" / "reliance.npz") as arrays:
        np.testing.assert_allclose(np.abs(arrays["share"]).sum(axis=1), 1.0)
        assert found["reliance"]["tube-0.9-0"]["tube"] == pytest.approx(arrays["reliance"][CONFOUNDERS.index("tube")])
    assert "Which shortcut" in (tmp_path / "grid" / "shortcuts.html").read_text()
    stale = tmp_path / "grid" / "token-0-0" / reliance.PLACE
    np.savez(stale, share=np.zeros(1))  # as another version would have left it
    with pytest.raises(SystemExit, match="3 null models of its finding yet; 4 of 4"):
        shortcuts.main([*flags, "--report"])
    shortcuts.main([*flags, "--list"])
    assert "0 runs left" in capsys.readouterr().out


def test_the_tables_read_signs_nulls_and_shortcuts_apart():
    """Six null models and three on a tube: one for the finding, one against it, and one that ignores it."""
    rng, at, count = np.random.default_rng(0), CONFOUNDERS.index("tube"), len(reliance.FACTORS)
    models = []
    for used in (0, 0, 0, 0, 0, 0, 1.0, -1.0, 0):
        share = 0.01 * rng.normal(size=count)
        share[reliance.FACTORS.index("tube")] += 0.3 * used
        average = 0.01 * rng.normal(size=(4, 4)) + abs(used) * np.eye(4)
        each = np.zeros(len(CONFOUNDERS))
        each[at] = used
        mass = 0.1 + 0.01 * rng.random(len(CONFOUNDERS)) + 0.2 * abs(each)
        models.append(reliance.Found(np.array(["path"]), share[None], rng.random(1), mass[None], average[None], each))
    null = np.repeat([True, False], [6, 3])
    found = detection.tables(models, np.where(null, "token", "tube"), null, ["Pleural Effusion"] * 9)
    assert set(found["path"]) == {"tube", "pooled"}
    signed, unsigned = found["path"]["tube"], found["path: without its sign"]["tube"]
    assert (signed.used, unsigned.used) == (1, 2)
    assert (signed.models, signed.auroc, signed.found, signed.first) == (9, 1.0, 1.0, 1.0)
    assert (unsigned.auroc, unsigned.found) == (1.0, 1.0)
    assert found["path: departure from the null"]["tube"].auroc == 1.0
    assert found["path: share within the mask"]["tube"].auroc == 1.0


def test_seeds_choose_models_and_keep_the_null():
    names = [run.folder for run in grid.runs((7,))]
    assert "tube-0.9-7" in names
    assert "token-0-0" in names
    assert len(names) == 2 * len(grid.NULL_SEEDS) + len(grid.KINDS) * len(grid.STRENGTHS)


def test_reliance_is_exact_for_a_linear_reader():
    rng = np.random.default_rng(0)
    usual, low = rng.normal(size=50), rng.normal(size=20)
    assert relied(low, low + 0.5, usual) == pytest.approx(0.5 / usual.std())


@pytest.mark.parametrize("flag", ["--index=4", "--config.confounder=tubes"])
def test_bad_input_gives_one_clear_sentence(small, tmp_path, flag):
    with pytest.raises(SystemExit, match=r"there are 4 runs|did you mean 'tube'"):
        shortcuts.main([f"--workdir={tmp_path}", f"--data_dir={tmp_path}", flag])
