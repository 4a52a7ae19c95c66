"""The shortcut grid from its command, with models that have learned nothing."""

import json

import numpy as np
import pytest
from support.tiny import PAIRS, TINY

from data_prep.phantom.factors import ACQUISITION, ANATOMY, CONFOUNDERS, PATHOLOGIES
from data_prep.phantom.simulator import PhantomSimulator
from dirvae.metrics.counterfactual import reliance as relied
from dirvae.metrics.shortcuts import Detection
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
FACTORS = (*PATHOLOGIES, *CONFOUNDERS, *ANATOMY, *ACQUISITION)
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
    followed = PhantomSimulator(64).followed
    findings = {followed(config.data.confounder) for config in runs.values()}
    assert {
        finding: sum(followed(c.data.confounder) == finding for c in null) for finding in findings
    } == dict.fromkeys(findings, 6)
    assert {c.data.confounder for c in runs.values() if c.data.rho} == set(grid.KINDS)
    assert len(runs) == len(grid.NULL_SEEDS) * 2 + len(grid.KINDS) * len(grid.STRENGTHS) * len(grid.SEEDS)


@pytest.mark.slow
def test_one_command_trains_measures_and_reports(small, tmp_path, capsys):
    flags = [f"--workdir={tmp_path / 'grid'}", f"--data_dir={tmp_path / 'data'}"]
    with pytest.raises(
        SystemExit, match="no finished model with a shortcut and 3 null models of its finding yet; 0 of 4"
    ):
        shortcuts.main([*flags, "--report"])
    shortcuts.main(flags)
    shown = capsys.readouterr().out
    assert "Traversal, identity metric" in shown
    assert "Endpoints" in shown
    found = json.loads((tmp_path / "grid" / "shortcuts.json").read_text())
    assert set(found["detection"]) == set(reliance.explained_maps())
    row = found["detection"]["traversal_identity"]["footprint"]["tube"]
    assert row["models"] == 4  # three null models stand beside the one trained on the tube
    with np.load(tmp_path / "grid" / "tube-0.9-0" / "evidence" / "reliance.npz") as arrays:
        np.testing.assert_allclose(np.abs(arrays["share"]).sum(axis=1), 1.0)
        assert found["reliance"]["tube-0.9-0"]["tube"] == pytest.approx(arrays["reliance"][CONFOUNDERS.index("tube")])
    assert "Shortcuts: detection by explanations" in (tmp_path / "grid" / "shortcuts.html").read_text()
    stale = tmp_path / "grid" / "token-0-0" / reliance.PLACE
    np.savez(stale, share=np.zeros(1))  # as another version would have left it
    with pytest.raises(SystemExit, match="3 null models of its finding yet; 4 of 4"):
        shortcuts.main([*flags, "--report"])
    shortcuts.main([*flags, "--list"])
    assert "0 runs left" in capsys.readouterr().out


def test_the_tables_read_signs_nulls_and_shortcuts_apart():
    """Six null models and three on a tube: one for the finding, one against it, and one that ignores it."""
    rng, at, count = np.random.default_rng(0), CONFOUNDERS.index("tube"), len(FACTORS)
    models = []
    for used in (0, 0, 0, 0, 0, 0, 1.0, -1.0, 0):
        share = 0.01 * rng.normal(size=count)
        share[FACTORS.index("tube")] += 0.3 * used
        average = 0.01 * rng.normal(size=(4, 4)) + abs(used) * np.eye(4)
        each = np.zeros(len(CONFOUNDERS))
        each[at] = used
        mass = 0.1 + 0.01 * rng.random(len(CONFOUNDERS)) + 0.2 * abs(each)
        names = np.array("Pleural Effusion"), np.array(["path"]), np.array(FACTORS), np.array(CONFOUNDERS)
        models.append(reliance.Measurement(*names, share[None], rng.random(1), mass[None], average[None], each))
    null = np.repeat([True, False], [6, 3])
    scores = detection.detect(models, np.where(null, "token", "tube"), null)["path"]
    assert set(scores["footprint"]) == {"tube", "pooled"}
    signed, unsigned = scores["footprint"]["tube"], scores["footprint_size"]["tube"]
    assert (signed.used, unsigned.used) == (1, 2)
    assert (signed.models, signed.auroc, signed.detected, signed.ranked_first) == (9, 1.0, 1.0, 1.0)
    assert (unsigned.auroc, unsigned.detected) == (1.0, 1.0)
    assert scores["departure"]["tube"].auroc == 1.0
    assert scores["within_mask"]["tube"].auroc == 1.0


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
@pytest.mark.slow
def test_bad_input_gives_one_clear_sentence(small, tmp_path, flag):
    with pytest.raises(SystemExit, match=r"there are 4 runs|did you mean 'tube'"):
        shortcuts.main([f"--workdir={tmp_path}", f"--data_dir={tmp_path}", flag])


def test_endpoints_are_met_missed_or_not_defined():
    good, poor, unused = (shortcuts_metric(auroc) for auroc in (0.95, 0.8, np.nan))
    kinds = {"tube": good, "token": poor, "drain": unused, "pooled": good}
    grid_detections = {detection.LED: {detection.LED_SCORE: kinds}}
    points = {point.name: point.met for point in detection.endpoints(grid_detections)}
    assert points == {
        "AUROC, tube": True,
        "AUROC, token": False,
        "AUROC, drain": None,
        "AUROC, pooled": True,
        "false alarms, pooled": True,
    }


def shortcuts_metric(auroc):
    return Detection(9, 3, auroc, auroc - 0.1, auroc + 0.01, 0.05, 0.9, 0.8)


def test_without_a_simulator_nothing_can_be_switched(tmp_path, monkeypatch):
    monkeypatch.setattr(reliance.workdir, "finished", lambda directory: {"evaluate": 1.0})
    with pytest.raises(ValueError, match="no simulator draws these images"):
        reliance.measure(tmp_path, None)
