"""Verdicts from numbers that leave no doubt, and everything else that a study's page shows."""

import numpy as np
import pytest
from support.scored import IMAGES, LATENTS, RNG, concluded, scored

from dirvae.metrics import disentanglement, statistics
from dirvae.metrics.comparison import Difference
from dirvae.studies.priors import code_scores, discrimination, verdicts
from dirvae.studies.priors.collection import Missing
from dirvae.studies.priors.verdicts import AdjustedP, Verdict

GOOD = {"auroc": 0.951, "aug": 0.5, "interventional": 0.4, "ceiling": 0.6}
POOR = {"auroc": 0.95, "aug": 0.3, "interventional": 0.4, "ceiling": 0.7}
RARE = {"Fracture": "3 positives and 57 negatives in test, of 20 needed of each"}


@pytest.fixture(scope="module")
def outcome():
    runs = {
        "DirVAE": {seed: scored(True, RARE, {"specificity": 0.2}, **GOOD) for seed in range(3)},
        "GVAE": {seed: scored(False, RARE, **POOR) for seed in range(3)},
        "Plain": {0: scored(False, RARE, **(POOR | {"aug": 0.1}))},
    }
    return concluded(runs, [Missing("GVAE", 3, "lacks train")], ("GVAE", "DirVAE"), ("DirVAE", "GVAE"))


def words(outcome):
    return {name: judgement.verdict for name, judgement in outcome.judgements.items()}


def test_verdicts(outcome):
    assert words(outcome) == {
        "auroc": Verdict.NOT_WORSE,
        "aug": Verdict.SUPERIOR,
        "interventional": Verdict.NOT_SHOWN,
        "ceiling": Verdict.BELOW,
    }
    assert {name for name, judgement in outcome.judgements.items() if judgement.test} == {
        "auroc",
        "aug",
        "interventional",
    }
    assert outcome.judgements["aug"].difference.difference == pytest.approx(0.2)
    assert outcome.judgements["aug"].test == AdjustedP(pytest.approx(2 * 2 / 301), True)  # second smallest of three
    assert not outcome.judgements["interventional"].test.at_floor


def difference(value, spread=0.001):
    replicates = value + spread * np.linspace(-1, 1, 200)
    return Difference(value, (replicates[4], replicates[-5]), 0.01, replicates)


@pytest.mark.parametrize(
    ("value", "p", "verdict"),
    [
        (0.02, 0.01, Verdict.SUPERIOR),
        (-0.02, 0.01, Verdict.INFERIOR),
        (0.02, 0.06, Verdict.SUPERIOR_UNCORRECTED),
        (-0.02, 0.06, Verdict.INFERIOR_UNCORRECTED),
        (0.0, 0.9, Verdict.NOT_SHOWN),
        (0.02, None, Verdict.OPEN),
    ],
)
def test_every_verdict_of_superiority(value, p, verdict):
    test = None if p is None else AdjustedP(p, False)
    assert verdicts.superiority(difference(value), test, 3).verdict is verdict


def test_described_differences_have_no_test():
    assert [verdicts.described(difference(value), 1).verdict for value in (0.02, -0.02, 0.0)] == [
        Verdict.ABOVE,
        Verdict.BELOW,
        Verdict.NOT_SHOWN,
    ]


def test_a_p_value_at_its_floor_is_known_as_one():
    gaps = Difference(0.1, (0.1, 0.1), 2 / 100, np.full(99, 0.1))
    assert verdicts.at_floor(2 / 100, gaps)
    assert not verdicts.at_floor(4 / 100, gaps)
    assert verdicts.at_floor(1 / 100, gaps, sides=1)
    assert not verdicts.at_floor(2 / 100, gaps, sides=1)


def test_a_loss_of_accuracy_is_not_waved_through():
    low = {"auroc": 0.93, "aug": 0.5, "interventional": 0.4, "ceiling": 0.6}
    runs = {arm: {s: scored(**(low | {"auroc": value})) for s in range(3)} for arm, value in (("A", 0.93), ("B", 0.95))}
    judgement = concluded(runs).judgements["auroc"]
    assert judgement.verdict is Verdict.LOSS_POSSIBLE
    assert judgement.difference.difference == pytest.approx(-0.02)


def test_an_arm_that_loses_is_said_to_lose():
    low, high = ({"auroc": 0.95, "aug": v, "interventional": v, "ceiling": 0.6} for v in (0.1, 0.5))
    runs = {"A": {s: scored(**low) for s in range(3)}, "B": {s: scored(**high) for s in range(3)}}
    found = words(concluded(runs))
    assert found["aug"] is found["interventional"] is Verdict.INFERIOR


def test_without_a_finished_arm_nothing_is_judged():
    missing = [Missing("A", 0, "not begun"), Missing("B", 0, "not begun")]
    outcome = concluded({"A": {}, "B": {}}, missing)
    assert outcome.judgements == outcome.others == outcome.estimates == {}
    assert outcome.discrimination is None
    assert outcome.codes is None
    assert [arm.missing for arm in outcome.exclusions.arms] == [1, 1]


def test_seeds_of_an_arm_are_ranked_by_their_likeness(outcome):
    """Equal codes have their own UDR, codes drawn apart a lower one, and a single seed none."""
    same = disentanglement.udr(*[outcome.runs["DirVAE"][0].basis.composition] * 2)
    assert [run.summary["udr"] for run in outcome.runs["DirVAE"].values()] == pytest.approx([same] * 3)
    assert np.isnan(outcome.runs["Plain"][0].summary["udr"])
    run = scored(auroc=0.9, aug=0.1)
    other = run._replace(basis=run.basis._replace(composition=RNG.random((IMAGES, LATENTS))))
    apart = concluded({"A": {0: run, 1: other}})
    assert apart.runs["A"][0].summary["udr"] == apart.runs["A"][1].summary["udr"] < same


def test_two_seeds_decide_nothing():
    values = {"auroc": 0.95, "aug": 0.5, "interventional": 0.4, "ceiling": 0.6}
    runs = {
        "A": {0: scored(**values), 1: scored(**values)},
        "B": {s: scored(**(values | {"aug": 0.1})) for s in range(5)},
    }
    judgements = concluded(runs).judgements
    assert (judgements["aug"].verdict, judgements["aug"].seeds, judgements["aug"].test) == (Verdict.OPEN, 2, None)
    assert judgements["auroc"].verdict is Verdict.OPEN
    assert judgements["ceiling"].verdict is Verdict.NOT_SHOWN  # described, whatever the seeds


def test_steered_arms_of_another_budget_are_named(outcome):
    assert outcome.other_budgets == {"DirVAE": (120.0, 113.0)}  # Plain was not steered


def test_other_arms_are_described_against_the_second_of_the_contrast(outcome):
    assert outcome.others.keys() == {"Plain"}
    plain = outcome.others["Plain"]
    assert plain["aug"].difference.difference == pytest.approx(-0.2)
    assert (plain["aug"].verdict, plain["aug"].seeds, plain["aug"].test) == (Verdict.BELOW, 1, None)
    assert plain["ceiling"].verdict is Verdict.NOT_SHOWN


def test_endpoints_that_not_every_run_has_are_not_compared():
    some = {"auroc": 0.95, "aug": 0.5}
    runs = {"A": {s: scored(**some) for s in range(3)}, "B": {s: scored(**some, ceiling=0.6) for s in range(3)}}
    outcome = concluded(runs)
    assert set(outcome.judgements) == set(outcome.estimates["B"]) == {"auroc", "aug"}
    assert outcome.exclusions.absent == ("interventional", "ceiling")


def test_exclusions_count_runs_findings_and_latents(outcome):
    exclusions = outcome.exclusions
    assert [(one.arm, one.seeds, one.missing) for one in exclusions.arms] == [
        ("DirVAE", (0, 1, 2), 0),
        ("GVAE", (0, 1, 2), 1),
        ("Plain", (0,), 0),
    ]
    assert [(one.finding, one.reason, one.everywhere) for one in exclusions.rare] == [
        ("Fracture", RARE["Fracture"], True)
    ]
    first = exclusions.within[0]
    assert (first.images, first.patients, first.idle, first.latents, first.absent) == (IMAGES, 30, 1, LATENTS, ())


def test_areas_of_findings_with_delong_beside(outcome):
    assert outcome.findings["Edema"].difference.difference == pytest.approx(0.001)
    a, b = discrimination.paired_seeds(outcome.runs, ("DirVAE", "GVAE"))[1]
    shifted = a.basis._replace(probability=a.basis.probability[:, ::-1])
    y, p = a.basis.target[:, 0], a.basis.probability
    expected = statistics.delong(y, np.stack([p[:, 0], p[:, 1]])).p
    assert expected < 0.001
    assert discrimination.delong(a, b._replace(basis=shifted), 0) == expected
    assert discrimination.delong(a, b._replace(basis=b.basis._replace(target=1 - b.basis.target)), 0) is None
    rows = outcome.discrimination.findings
    assert [row.delong for row in rows] == [{0: 1.0, 1: 1.0, 2: 1.0}] * 2  # the same predictions
    assert (rows[0].positives, rows[0].known) == (int(y.sum()), IMAGES)


def test_mean_curves_are_those_of_each_seed_averaged():
    y = np.array([0, 0, 1, 1])
    right, wrong = np.array([0.1, 0.2, 0.8, 0.9]), np.array([0.9, 0.8, 0.2, 0.1])
    np.testing.assert_allclose(discrimination.mean_curve([(y, right)]), 1.0)
    halfway = discrimination.mean_curve([(y, right), (y, wrong)])
    np.testing.assert_allclose(halfway[discrimination.GRID < 1], 0.5)
    tied = discrimination.mean_curve([(y, np.full(4, 0.5))])
    np.testing.assert_allclose(tied, discrimination.GRID)  # ties are chance


@pytest.mark.parametrize("simplex", [True, False])
def test_heat_maps_group_images_and_components_by_finding(simplex):
    run = scored(simplex, auroc=0.9)
    heat, shown = code_scores.heat(run), code_scores.SHOWN
    assert heat.rows == [shown] * 2
    assert sum(heat.columns) == LATENTS
    first = 0, heat.columns[0]  # the components that tell each finding best come first in their groups
    mean = [heat.values[:shown, c].mean() - heat.values[shown:, c].mean() for c in first]
    assert mean[0] > 0 > mean[1]
    source = run.basis.composition[run.basis.target[:, 0] > 0][0]
    if simplex:
        np.testing.assert_allclose(np.sort(heat.values[0]), np.sort(source))
        assert heat.values[0, 0] == source[4]


def test_strengths_are_in_the_order_in_which_they_are_drawn(outcome):
    strengths = outcome.codes.strengths["DirVAE"]
    best, highest = strengths.argmax(axis=1), strengths.max(axis=1)
    assert (np.diff(best) >= 0).all()
    for finding in np.unique(best):
        assert (np.diff(highest[best == finding]) <= 0).all()
