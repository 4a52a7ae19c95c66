"""A study's page, JSON and CSV show the numbers of its outcome, and say what is missing."""

import csv
import json
import re

import numpy as np
import pytest
from support.scored import concluded, scored

from dirvae.report import flaw_tables, study_page, study_tables
from dirvae.report.html import study_figures
from dirvae.studies.priors import results
from dirvae.studies.priors.collection import Missing
from dirvae.studies.priors.verdicts import AdjustedP, FlawVerdict, Verdict

FIGURES = ("differences", "arms", "others", "roc", "reliability", "strengths", "compositions")


@pytest.fixture(scope="module")
def outcome():
    good = {"auroc": 0.951, "aug": 0.5, "interventional": 0.4, "ceiling": 0.6}
    poor = {"auroc": 0.95, "aug": 0.3, "interventional": 0.4, "ceiling": 0.7}
    rare = {"Fracture": "3 positives and 57 negatives in test, of 20 needed of each"}
    runs = {
        "DirVAE, <x>": {seed: scored(True, rare, {"specificity": 0.2}, **good) for seed in range(3)},
        "GVAE": {seed: scored(False, rare, **poor) for seed in range(3)},
        "Plain": {0: scored(False, rare, **(poor | {"aug": 0.1}))},
    }
    missing = [Missing("GVAE", 3, "lacks train")]
    return concluded(runs, missing, ("GVAE", "DirVAE, <x>"), ("DirVAE, <x>", "GVAE"), "Is it <so>?")


@pytest.fixture(scope="module")
def written(outcome, tmp_path_factory):
    """The page, and what lies beside it."""
    directory = tmp_path_factory.mktemp("study")
    results.write(directory, outcome)
    page = study_page.write(directory, outcome).read_text()
    return page, json.loads((directory / "study.json").read_text()), directory / "study.csv"


def cells(page, title):
    """Cells of the first row with this title, as text."""
    row = re.search(rf"<tr><th scope='row'>{re.escape(title)}</th>(.*?)</tr>", page, re.DOTALL)[1]
    return [re.sub(r"<[^>]*>", "", cell) for cell in re.findall(r"<td>(.*?)</td>", row, re.DOTALL)]


def test_the_page_and_its_tables(written):
    page, stored, table = written
    assert "Is it &lt;so&gt;?" in page
    assert "DirVAE, &lt;x&gt;" in page
    assert "<x>" not in page
    assert page.count("<img ") == len(FIGURES)
    aug = cells(page, "AUG, normalised")
    assert aug[:2] == ["0.500", "0.300"]
    assert aug[2].startswith("+0.200")
    assert aug[3:] == ["at the floor (.013)", pytest.approx(aug[4]), "superior"]
    assert cells(page, "macro AUROC")[-1] == "not worse by .01"
    assert cells(page, "encode-decode score")[-1] == "below"
    assert re.findall(r"0\.200|–", " ".join(cells(page, "specificity of own latents"))) == ["0.200", "–", "–"]
    assert "DCI disentanglement" in page
    assert "dci_d" not in page
    assert cells(page, "DirVAE, &lt;x&gt;")[:3] == ["3", "120, 120, 120", "yes"]  # another KL budget
    assert stored["verdicts"]["aug"] == "superior"
    assert stored["differences"]["aug"]["difference"] == pytest.approx(0.2)
    assert stored["differences"]["aug"]["p_at_floor"] is True
    rows = list(csv.DictReader(table.open()))
    named = [(row["arm"], row["seed"]) for row in rows]
    assert named == [*((arm, seed) for arm in ("DirVAE, <x>", "GVAE") for seed in "012"), ("Plain", "0")]
    assert float(rows[0]["aug"]) == 0.5
    assert float(rows[0]["probe_linear"]) == pytest.approx(0.931)


def test_legends_explain_every_word_that_a_page_uses(written):
    page, _, _ = written
    for said in ("superior", "not worse by .01", "no difference shown", "below"):
        assert f"<dt>{said}</dt>" in page
    assert "Three seeds are few" in page
    assert set(study_tables.MEANINGS) == set(Verdict)
    assert set(flaw_tables.FLAW_MEANINGS) == set(FlawVerdict)


def test_a_p_value_says_where_the_bootstrap_ends():
    assert study_tables.p_value(AdjustedP(0.002, True)) == "at the floor (.002)"
    assert study_tables.p_value(AdjustedP(0.2, False)) == "0.200"
    assert study_tables.p_value(None) == "–"


def test_without_a_finished_arm_everything_is_open(tmp_path):
    empty = concluded({"A": {}, "B": {}}, [Missing("A", 0, "not begun"), Missing("B", 0, "not begun")])
    page = study_page.write(tmp_path, empty).read_text()
    assert "open: not finished" in page
    assert "not begun" in page
    assert "open: not finished" in study_page.summary(empty)


def test_few_seeds_are_open(tmp_path):
    values = {"auroc": 0.95, "aug": 0.5, "interventional": 0.4, "ceiling": 0.6}
    two = concluded({arm: {s: scored(**values) for s in range(2)} for arm in ("A", "B")})
    assert results.to_json(two)["verdicts"]["aug"] == "open: 2 of 3 seeds"


def test_nothing_is_left_out_silently(written):
    page, stored, _ = written
    assert "3 positives and 57 negatives in test, of 20 needed of each" in page
    assert "1 of 6" in page  # idle latents
    assert "lacks train" in page
    assert stored["runs"]["gvae-1"]["left_out"].keys() == {"Fracture"}
    assert stored["missing"] == [{"arm": "GVAE", "seed": 3, "reason": "lacks train"}]


def test_the_summary_is_lines_of_differences_and_verdicts(outcome):
    lines = study_page.summary(outcome).splitlines()
    assert lines[0] == "DirVAE, <x> (3 seeds) less GVAE (3 seeds)"
    assert lines[2].startswith("  AUG, normalised: +0.200")
    assert lines[2].endswith("superior")
    assert lines[-1] == "  DirVAE, <x> has a KL of 120 nats, GVAE of 113: not the same budget"


def test_names_of_narrow_groups_keep_their_distance():
    np.testing.assert_allclose(study_figures.apart(np.array([0.0, 1.0, 50.0]), 4.0, 100.0), [0.0, 4.0, 50.0])
    np.testing.assert_allclose(study_figures.apart(np.array([90.0, 98.0, 99.0]), 4.0, 100.0), [88.0, 92.0, 96.0])


def test_endpoints_that_the_data_do_not_allow_have_no_verdict(tmp_path):
    runs = {arm: {s: scored(auroc=0.95, aug=0.5) for s in range(3)} for arm in ("A", "B", "C")}
    some = concluded(runs)
    results.write(tmp_path, some)
    page, stored = study_page.write(tmp_path, some).read_text(), json.loads((tmp_path / "study.json").read_text())
    assert stored["verdicts"].keys() == stored["others"]["C"].keys() == {"auroc", "aug"}
    assert "<th scope='row'>interventional D</th>" not in page
    assert "interventional D, encode-decode score" in page  # not measured, among what was left out
    assert "interventional" not in (tmp_path / "study.csv").read_text()
    assert "interventional D" not in study_page.summary(some)
