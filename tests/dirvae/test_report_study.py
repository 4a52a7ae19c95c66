"""Verdicts from numbers that leave no doubt, and a page that says what is missing."""

import csv
import json

import numpy as np
import pytest

from dirvae.endpoints import ENDPOINTS, Scored
from dirvae.report import study

LABELS = ("Edema", "Cardiomegaly")
RNG = np.random.default_rng(0)


def scored(**means):
    values = {name: np.append(means[name], means[name] + 0.002 * RNG.standard_normal(300)) for name in ENDPOINTS}
    scores = {"aug": 0.3, "dci_d": 0.2}
    panel = {"scores": scores, "ceilings": {"aug": 0.9, "dci_d": 1.0}, "nulls": {"aug": 0.0, "dci_d": 0.02}}
    described = {
        "kl": 120.0,
        "elbo": 6000.0,
        "l1": 0.04,
        "ssim": 0.77,
        "active": 64.0,
        "perplexity": 18.0,
        "aug_raw": 0.2,
    }
    return Scored(values, "clr", panel, RNG.random((6, 2)), LABELS, described)


@pytest.fixture
def outcome():
    good = {"auroc": 0.951, "aug": 0.5, "interventional": 0.4, "ceiling": 0.6}
    poor = {"auroc": 0.95, "aug": 0.3, "interventional": 0.4, "ceiling": 0.7}
    runs = {"DirVAE": {seed: scored(**good) for seed in range(3)}, "GVAE": {seed: scored(**poor) for seed in range(3)}}
    return study.conclude(
        "toy",
        "Is it <so>?",
        ("DirVAE", "GVAE"),
        0.01,
        runs,
        {"GVAE-3": "lacks train"},
        {"GVAE": 120.0, "DirVAE": 150.0},
    )


def test_verdicts(outcome):
    assert study.verdict(outcome, "aug") == "DirVAE is above GVAE"
    assert study.verdict(outcome, "ceiling") == "GVAE is above DirVAE (described, not tested)"
    assert study.verdict(outcome, "auroc") == "DirVAE is not worse than GVAE by more than 0.01"
    assert study.verdict(outcome, "interventional") == "no difference is shown"
    assert set(outcome.p) == {"auroc", "aug", "interventional"}


def test_a_loss_of_accuracy_is_not_waved_through():
    low = {"auroc": 0.93, "aug": 0.5, "interventional": 0.4, "ceiling": 0.6}
    runs = {arm: {s: scored(**(low | {"auroc": value})) for s in range(3)} for arm, value in (("A", 0.93), ("B", 0.95))}
    found = study.conclude("toy", "?", ("A", "B"), 0.01, runs, {}, {})
    assert study.verdict(found, "auroc") == "it is not shown that A loses less than 0.01"
    assert found.differences["auroc"].difference == pytest.approx(-0.02)


def test_the_page_and_its_tables(outcome, tmp_path):
    page = study.write(tmp_path, outcome).read_text()
    assert "Is it &lt;so&gt;?" in page
    assert "GVAE-3" in page
    assert "lacks train" in page
    assert "DirVAE has a KL of 120 nats instead of 150" in page
    assert "GVAE has a KL" not in page
    stored = json.loads((tmp_path / "study.json").read_text())
    assert stored["verdicts"]["aug"] == "DirVAE is above GVAE"
    assert stored["differences"]["aug"]["difference"] == pytest.approx(0.2)
    rows = list(csv.DictReader((tmp_path / "study.csv").open()))
    named = [(row["arm"], row["seed"]) for row in rows]
    assert named == [(arm, seed) for arm in ("DirVAE", "GVAE") for seed in "012"]
    assert float(rows[0]["aug"]) == 0.5


def test_without_a_finished_arm_everything_is_open(tmp_path):
    found = study.conclude(
        "toy", "?", ("A", "B"), 0.01, {"A": {}, "B": {}}, {"A-0": "not begun", "B-0": "not begun"}, {}
    )
    assert study.verdict(found, "aug") == "open: A and B are not both finished"
    assert "not begun" in study.write(tmp_path, found).read_text()


def test_two_seeds_decide_nothing():
    values = {"auroc": 0.95, "aug": 0.5, "interventional": 0.4, "ceiling": 0.6}
    runs = {
        "A": {0: scored(**values), 1: scored(**values)},
        "B": {s: scored(**(values | {"aug": 0.1})) for s in range(5)},
    }
    found = study.conclude("toy", "?", ("A", "B"), 0.01, runs, {}, {})
    assert study.verdict(found, "aug") == "open: 2 seeds of 3 needed; so far A ahead"
    assert found.p == {}


def test_endpoints_that_the_data_do_not_allow_are_not_spoken_of(tmp_path):
    full = scored(auroc=0.95, aug=0.5, interventional=0.4, ceiling=0.6)
    run = full._replace(endpoints={name: full.endpoints[name] for name in ("auroc", "aug")}, left_out={"Edema": "few"})
    found = study.conclude("toy", "?", ("A", "B"), 0.01, {arm: dict.fromkeys(range(3), run) for arm in "AB"}, {}, {})
    assert set(found.differences) == set(found.p) == {"auroc", "aug"}
    page = study.write(tmp_path, found).read_text()
    stored = json.loads((tmp_path / "study.json").read_text())
    assert set(stored["verdicts"]) == {"auroc", "aug"}
    assert stored["runs"]["A-0"]["left_out"] == {"Edema": "few"}
    assert "interventional D" not in page
