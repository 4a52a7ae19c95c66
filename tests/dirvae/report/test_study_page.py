"""Verdicts from numbers that leave no doubt, and a page that says what is missing."""

import csv
import json
import re

import numpy as np
import pytest
from support.scored import IMAGES, LATENTS, RNG, scored

from dirvae.metrics import disentanglement, statistics
from dirvae.report import abstract, codes, discrimination, study_page
from dirvae.report.html import study_figures
from dirvae.studies.priors.outcome import beside

FIGURES = ("differences", "arms", "others", "roc", "reliability", "strengths", "compositions")


@pytest.fixture(scope="module")
def outcome():
    good = {"auroc": 0.951, "aug": 0.5, "interventional": 0.4, "ceiling": 0.6}
    poor = {"auroc": 0.95, "aug": 0.3, "interventional": 0.4, "ceiling": 0.7}
    rare = {"Fracture": "3 positives and 57 negatives in test, of 20 needed of each"}
    assigned = {"specificity": 0.2}
    runs = {
        "DirVAE": {seed: scored(True, rare, assigned, **good) for seed in range(3)},
        "GVAE": {seed: scored(False, rare, **poor) for seed in range(3)},
        "Plain": {0: scored(False, rare, **(poor | {"aug": 0.1}))},
    }
    return study_page.conclude(
        "toy",
        "Is it <so>?",
        ("DirVAE", "GVAE"),
        0.01,
        runs,
        {"GVAE-3": "lacks train"},
        ("GVAE", "DirVAE"),
    )


@pytest.fixture(scope="module")
def written(outcome, tmp_path_factory):
    """The page, and what lies beside it."""
    directory = tmp_path_factory.mktemp("study")
    page = study_page.write(directory, outcome).read_text()
    return page, json.loads((directory / "study.json").read_text()), directory / "study.csv"


def test_verdicts(outcome):
    assert study_page.verdict(outcome, "aug") == "DirVAE is above GVAE"
    assert study_page.verdict(outcome, "ceiling") == "GVAE is above DirVAE (described, not tested)"
    assert study_page.verdict(outcome, "auroc") == "DirVAE is not worse than GVAE by more than 0.01"
    assert study_page.verdict(outcome, "interventional") == "no difference is shown"
    assert set(outcome.p) == {"auroc", "aug", "interventional"}


def test_a_loss_of_accuracy_is_not_waved_through():
    low = {"auroc": 0.93, "aug": 0.5, "interventional": 0.4, "ceiling": 0.6}
    runs = {arm: {s: scored(**(low | {"auroc": value})) for s in range(3)} for arm, value in (("A", 0.93), ("B", 0.95))}
    found = study_page.conclude("toy", "?", ("A", "B"), 0.01, runs, {}, ())
    assert study_page.verdict(found, "auroc") == "it is not shown that A loses less than 0.01"
    assert found.differences["auroc"].difference == pytest.approx(-0.02)


def test_the_page_and_its_tables(written):
    page, stored, table = written
    assert "Is it &lt;so&gt;?" in page
    assert "GVAE-3" in page
    assert "lacks train" in page
    assert "DirVAE has a KL of 120 nats, GVAE of 113: not the same budget" in page
    assert "GVAE has a KL" not in page
    assert "Plain has a KL" not in page  # which was not steered
    cells = re.search(r"<tr>(?:(?!</tr>).)*>specificity<.*?</tr>", page, re.DOTALL)[0]
    assert re.findall(r"0\.200|–", cells) == ["0.200", "–", "–"]  # DirVAE alone has assigned latents here
    assert page.count("<img ") == len(FIGURES)
    assert stored["verdicts"]["aug"] == "DirVAE is above GVAE"
    assert stored["differences"]["aug"]["difference"] == pytest.approx(0.2)
    rows = list(csv.DictReader(table.open()))
    named = [(row["arm"], row["seed"]) for row in rows]
    assert named == [*((arm, seed) for arm in ("DirVAE", "GVAE") for seed in "012"), ("Plain", "0")]
    assert float(rows[0]["aug"]) == 0.5
    assert float(rows[0]["probe_linear"]) == pytest.approx(0.931)


def test_without_a_finished_arm_everything_is_open(tmp_path):
    found = study_page.conclude(
        "toy", "?", ("A", "B"), 0.01, {"A": {}, "B": {}}, {"A-0": "not begun", "B-0": "not begun"}, ()
    )
    assert study_page.verdict(found, "aug") == "open: A and B are not both finished"
    assert "not begun" in study_page.write(tmp_path, found).read_text()


def test_seeds_of_an_arm_are_ranked_by_their_likeness(outcome):
    """Equal codes have their own UDR, codes drawn apart a lower one, and a single seed none."""
    same = disentanglement.udr(*[outcome.runs["DirVAE"][0].basis.composition] * 2)
    assert [run.summary["udr"] for run in outcome.runs["DirVAE"].values()] == pytest.approx([same] * 3)
    assert np.isnan(outcome.runs["Plain"][0].summary["udr"])
    run = scored(auroc=0.9, aug=0.1)
    other = run._replace(basis=run.basis._replace(composition=RNG.random((IMAGES, LATENTS))))
    apart = study_page.conclude("toy", "?", ("A", "B"), 0.01, {"A": {0: run, 1: other}}, {}, ())
    assert apart.runs["A"][0].summary["udr"] == apart.runs["A"][1].summary["udr"] < same


def test_two_seeds_decide_nothing():
    values = {"auroc": 0.95, "aug": 0.5, "interventional": 0.4, "ceiling": 0.6}
    runs = {
        "A": {0: scored(**values), 1: scored(**values)},
        "B": {s: scored(**(values | {"aug": 0.1})) for s in range(5)},
    }
    found = study_page.conclude("toy", "?", ("A", "B"), 0.01, runs, {}, ())
    assert study_page.verdict(found, "aug") == "open: 2 seeds of 3 needed; so far A ahead"
    assert found.p == {}


def test_nothing_is_left_out_silently(written):
    page, stored, _ = written
    assert "3 positives and 57 negatives in test, of 20 needed of each" in page
    assert "1 of 6" in page  # idle latents
    assert stored["runs"]["GVAE-1"]["left_out"].keys() == {"Fracture"}


def test_the_page_in_words_follows_the_numbers(outcome):
    assert abstract.answer(outcome) == (
        "In part: DirVAE is above GVAE on AUG, normalised, which is not shown on interventional D. "
        "Accuracy: DirVAE is not worse than GVAE by more than 0.01."
    )
    assert "DirVAE 3 seeds (KL 120, 120, 120 nats)" in abstract.basis(outcome)
    assert "60 test images of 30 patients, on 2 findings" in abstract.basis(outcome)
    points = " ".join(abstract.open_points(outcome))
    assert "The sign of the difference in macro AUROC and interventional D is not known" in points
    assert "Too rare to score, hence not part of any answer: Fracture" in points
    assert "GVAE-3" in points


def test_an_arm_that_loses_is_said_to_lose():
    low, high = ({"auroc": 0.95, "aug": v, "interventional": v, "ceiling": 0.6} for v in (0.1, 0.5))
    runs = {"A": {s: scored(**low) for s in range(3)}, "B": {s: scored(**high) for s in range(3)}}
    found = study_page.conclude("toy", "?", ("A", "B"), 0.01, runs, {}, ())
    assert abstract.answer(found).startswith("No: B is above A on AUG, normalised and interventional D.")


def test_other_arms_are_described_against_the_second_of_the_contrast(outcome):
    assert outcome.others.keys() == {"Plain"}
    assert outcome.others["Plain"]["aug"].difference == pytest.approx(-0.2)
    assert beside(outcome, "Plain", "aug") == "below GVAE (described, one run)"
    assert beside(outcome, "Plain", "ceiling") == "not told apart from GVAE (described, one run)"


def test_endpoints_that_not_every_run_has_are_not_shown():
    some = {"auroc": 0.95, "aug": 0.5}
    runs = {"A": {s: scored(**some) for s in range(3)}, "B": {s: scored(**some, ceiling=0.6) for s in range(3)}}
    found = study_page.conclude("toy", "?", ("A", "B"), 0.01, runs, {}, ())
    assert set(found.differences) == {"auroc", "aug"}
    assert set(found.p) == {"auroc", "aug"}
    absent = "Not measured in every run, hence not shown: interventional D, encode-decode ceiling (NCC)."
    assert absent in " ".join(abstract.open_points(found))
    assert study_page.as_json(found)["verdicts"].keys() == {"auroc", "aug"}


def test_areas_of_findings_with_delong_beside(outcome):
    assert outcome.findings["Edema"].difference == pytest.approx(0.001)
    a, b = discrimination.paired_seeds(outcome)[1]
    shifted = a.basis._replace(probability=a.basis.probability[:, ::-1])
    worse = outcome._replace(runs=outcome.runs | {"GVAE": {1: b._replace(basis=shifted)}})
    y, p = a.basis.target[:, 0], a.basis.probability
    expected = statistics.delong(y, np.stack([p[:, 0], p[:, 1]])).p
    assert expected < 0.001
    assert "DeLong p, seed 1" in discrimination.areas(worse)
    assert discrimination.areas(worse).count("&lt; .001") == 2
    assert discrimination.areas(outcome).count("<td>1.000</td>") == 6  # the same predictions, three seeds, two findings


def test_mean_curves_are_those_of_each_seed_averaged():
    y = np.array([0, 0, 1, 1])
    right, wrong = np.array([0.1, 0.2, 0.8, 0.9]), np.array([0.9, 0.8, 0.2, 0.1])
    np.testing.assert_allclose(study_figures.mean_curve([(y, right)]), 1.0)
    halfway = study_figures.mean_curve([(y, right), (y, wrong)])
    np.testing.assert_allclose(halfway[study_figures.GRID < 1], 0.5)
    tied = study_figures.mean_curve([(y, np.full(4, 0.5))])
    np.testing.assert_allclose(tied, study_figures.GRID)  # ties are chance


@pytest.mark.parametrize("simplex", [True, False])
def test_heat_maps_group_images_and_components_by_finding(simplex):
    run = scored(simplex, auroc=0.9)
    found = codes.heat(run)
    assert found.rows == [codes.SHOWN] * 2
    assert sum(found.columns) == LATENTS
    first = 0, found.columns[0]  # the components that tell each finding best come first in their groups
    mean = [found.values[: codes.SHOWN, c].mean() - found.values[codes.SHOWN :, c].mean() for c in first]
    assert mean[0] > 0 > mean[1]
    source = run.basis.composition[run.basis.target[:, 0] > 0][0]
    if simplex:
        np.testing.assert_allclose(np.sort(found.values[0]), np.sort(source))
        assert found.values[0, 0] == source[4]


def test_names_of_narrow_groups_keep_their_distance():
    np.testing.assert_allclose(study_figures.apart(np.array([0.0, 1.0, 50.0]), 4.0, 100.0), [0.0, 4.0, 50.0])
    np.testing.assert_allclose(study_figures.apart(np.array([90.0, 98.0, 99.0]), 4.0, 100.0), [88.0, 92.0, 96.0])


def test_endpoints_that_the_data_do_not_allow_have_no_verdict(tmp_path):
    runs = {arm: {s: scored(auroc=0.95, aug=0.5) for s in range(3)} for arm in ("A", "B", "C")}
    found = study_page.conclude("toy", "?", ("A", "B"), 0.01, runs, {}, ())
    page, stored = study_page.write(tmp_path, found).read_text(), json.loads((tmp_path / "study.json").read_text())
    assert set(found.differences) == set(found.others["C"]) == set(found.p) == {"auroc", "aug"}
    assert stored["verdicts"].keys() == {"auroc", "aug"}
    assert "<th scope='row'>interventional D</th>" not in page
    assert "The ceiling is described" not in page
    assert "interventional" not in (tmp_path / "study.csv").read_text()
    assert "interventional D" not in study_page.summary(found)
