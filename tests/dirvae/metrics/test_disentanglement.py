"""Disentanglement on codes whose scores are known: perfect, duplicated, random, silent, on a simplex and under intervention."""

import numpy as np
import pytest
from scipy import stats
from sklearn.metrics import roc_auc_score

from dirvae.metrics import disentanglement, latent_panel, probes
from dirvae.metrics.probes import Split

NAMES = ("edema", "effusion", "nodule", "devices")
I5 = np.eye(5)


def labels(n, prevalences=(0.5, 0.4, 0.3, 0.2), seed=0):
    """Independent labels."""
    return (np.random.default_rng(seed).random((n, len(prevalences))) < prevalences).astype(float)


def halves(code, target, weight=None):
    """Train and test, half each."""
    weight = np.ones_like(target) if weight is None else weight
    middle = len(code) // 2
    return tuple(Split(code[p], target[p], weight[p]) for p in (slice(middle), slice(middle, None)))


def noisy(target, noise=0.1, seed=1):
    """A latent a label, and noise: for small noise a perfect code."""
    return target + noise * np.random.default_rng(seed).normal(size=target.shape)


def panel(train, test, names=NAMES, **options):
    return latent_panel.panel(*train, *test, names, **options)


@pytest.mark.parametrize(
    ("importance", "expected"),
    [
        (5 * I5, (1, 1)),
        (np.array([[1.0, 0], [0, 1], [0, 0]]), (1, 1)),
        (np.vstack([I5, I5]), (1, 1 - np.log(2) / np.log(10))),
        (np.hstack([I5, I5]), (1 - np.log(2) / np.log(10), 1)),
        (np.zeros((5, 5)), (0, 0)),
        (np.ones((3, 4)), (0, 0)),
        (np.array([[3.0, 0], [1, 1]]), (0.6, 0.2 + 0.8 * (0.75 * np.log2(3) - 1))),
    ],
)
def test_dci_vectors(importance, expected):
    """The last by hand: latents of mass 3 and 2, certain and undecided; labels of mass 4 (3 : 1) and 1 (from one latent)."""
    np.testing.assert_allclose(disentanglement.dci(importance), expected, atol=1e-12)


def test_duplicated_importances():
    assert disentanglement.dci(np.vstack([I5, I5])).completeness == pytest.approx(0.69897, abs=5e-6)


def test_areas_against_scikit_learn_with_ties_and_unknown_labels():
    target = labels(600)
    code = np.round(target @ np.random.default_rng(1).normal(size=(4, 6)) + noisy(np.zeros((600, 6)), 1.0), 1)
    weight = (np.random.default_rng(2).random(target.shape) < 0.7).astype(float)
    known = [weight[:, k] > 0 for k in range(4)]
    expected = [[roc_auc_score(target[rows, k], code[rows, j]) for k, rows in enumerate(known)] for j in range(6)]
    np.testing.assert_allclose(disentanglement.auc_matrix(Split(code, target, weight)), expected, rtol=1e-12)


def test_aug_picks_on_train_and_scores_on_test():
    target = labels(800)
    train, test = halves(noisy(np.hstack([target, target]), 1.5), target)
    ability = [
        [[abs(2 * roc_auc_score(s.target[:, k], s.code[:, j]) - 1) for j in range(8)] for k in range(4)]
        for s in (train, test)
    ]
    found = disentanglement.aug(train, test)
    for k, (trained, tested) in enumerate(zip(*ability, strict=True)):
        best, second = np.argsort(trained)[::-1][:2]
        assert found.winner[k] == best
        assert found.value[k] == pytest.approx(tested[best] - tested[second])
    assert (found.value != np.sort(ability[1], axis=1)[:, -1] - np.sort(ability[1], axis=1)[:, -2]).any()


def test_aug_of_monotone_transforms_and_in_another_order():
    target = labels(2000)
    code, order = noisy(target, 1.0), np.array([2, 0, 3, 1])
    moved = np.stack([np.exp(code[:, 0]), -code[:, 1], code[:, 2] ** 3, 5 - 2 * code[:, 3]], axis=1)[:, order]
    found, other = disentanglement.aug(*halves(code, target)), disentanglement.aug(*halves(moved, target))
    np.testing.assert_allclose(other.value, found.value, rtol=1e-9)
    np.testing.assert_array_equal(order[other.winner], found.winner)


def test_sap_against_thresholds_tried_one_by_one():
    target = labels(240)
    train, test = halves(noisy(target, 1.0), target)
    accuracy = lambda y, called: (called[y == 1].mean() + (~called[y == 0]).mean()) / 2  # noqa: E731
    found = disentanglement.sap(train, test)
    for k in range(4):
        scores = []
        for j in range(4):
            values = np.sort(train.code[:, j])
            rules = [(sign, sign * t) for t in (values[1:] + values[:-1]) / 2 for sign in (1, -1)]
            trained = [accuracy(train.target[:, k], sign * train.code[:, j] >= t) for sign, t in rules]
            sign, t = rules[np.argmax(trained)]
            scores.append((max(trained), accuracy(test.target[:, k], sign * test.code[:, j] >= t)))
        best, second = np.argsort([-score[0] for score in scores], kind="stable")[:2]
        assert found.winner[k] == best
        assert found.value[k] == pytest.approx(scores[best][1] - scores[second][1])


def test_sap_of_perfect_and_silent_codes():
    target = labels(4000)
    np.testing.assert_allclose(disentanglement.sap(*halves(target, target)).value, 0.5, atol=0.05)
    silent = disentanglement.sap(*halves(np.full((4000, 3), 0.1), target))
    np.testing.assert_array_equal(silent.value, np.zeros(4))


def test_importances_find_the_latent_and_are_deterministic():
    target = labels(2000)
    code = np.hstack([noisy(np.zeros_like(target), 1.0, seed=3), noisy(target)])
    split = Split(code, target, np.ones_like(target))
    gains = disentanglement.gain_importances(split)
    np.testing.assert_allclose(gains.sum(axis=0), np.ones(4))
    assert np.diag(gains[4:]).min() > 0.95
    np.testing.assert_array_equal(gains, disentanglement.gain_importances(split))
    np.testing.assert_array_equal(disentanglement.gain_importances(split._replace(code=np.ones_like(code))), 0 * gains)


def test_importances_leave_unknown_labels_out():
    target = labels(1000)
    weight = (np.arange(1000) % 3 > 0)[:, None] * np.ones_like(target)
    other = np.where(weight > 0, target, 1 - target)
    code = noisy(target, 1.0)
    first, second = (disentanglement.gain_importances(Split(code, y, weight)) for y in (target, other))
    np.testing.assert_array_equal(first, second)


def test_specificity_of_blocks_that_own_and_that_share():
    target = labels(6000, (0.5, 0.5))
    code = np.hstack([noisy(target[:, [0]]), noisy(np.zeros((6000, 1))), noisy(target[:, [1]]), noisy(target[:, [1]])])
    blocks = [np.array([0, 1]), np.array([2])]
    np.testing.assert_allclose(probes.specificity(*halves(code, target), blocks), [0.5, 0], atol=0.04)
    whole = [np.arange(4), np.arange(4)]
    np.testing.assert_allclose(probes.specificity(*halves(code, target), whole), [0.5, 0.5], atol=1e-3)


def test_leakage_is_conditional_on_the_block_s_own_label():
    """Label 1 follows label 0. A code z = y shows the dependence in both AUCs, and leaks nothing; a mixed latent leaks."""
    rng = np.random.default_rng(0)
    first = rng.random(20_000) < 0.5
    target = np.stack([first, rng.random(20_000) < np.where(first, 0.7, 0.3)], axis=1).astype(float)
    blocks = [np.array([0]), np.array([1])]
    clean = probes.leakage(*halves(noisy(target), target), blocks)
    np.testing.assert_allclose(clean, [[np.nan, 0], [0, np.nan]], atol=0.05)  # four standard errors
    mixed = noisy(target + target[:, ::-1] * [0.5, 0])
    np.testing.assert_allclose(probes.leakage(*halves(mixed, target), blocks), [[np.nan, 1], [0, np.nan]], atol=0.05)


def test_leakage_needs_enough_of_both_values():
    target = labels(400, (0.5, 0.02))
    found = probes.leakage(*halves(noisy(target), target), [np.array([0]), np.array([1])])
    np.testing.assert_array_equal(np.isfinite(found), [[False, False], [True, False]])


def test_effects_are_changes_in_units_of_spread():
    rng = np.random.default_rng(0)
    observed = rng.normal(size=(5000, 3)) * [1.0, 10.0, 0.0] + [0, 0, 4]
    without = np.zeros((2, 50, 3))
    within = without.copy()
    within[0, :, 0], within[1, :, 1] = 2.0, -5.0
    spread = observed.std(axis=0)
    found = disentanglement.intervention_effects(observed, without, within)
    np.testing.assert_allclose(found, [[2 / spread[0], 0], [0, 5 / spread[1]], [0, 0]], rtol=1e-12)
    assert disentanglement.dci(found) == (1, 1)
    whole = disentanglement.intervention_effects(observed, without, within, [np.array([0, 1]), np.array([2])])
    np.testing.assert_allclose(whole[0], np.array([2, 5]) / np.hypot(*spread[:2]), rtol=1e-12)
    within[1, :, 2] = 1.0
    with pytest.raises(ValueError, match=r"blocks \[2\] are constant among the observed codes, yet"):
        disentanglement.intervention_effects(observed, without, within)


def test_udr_of_codes_that_agree_up_to_order_sign_and_transform():
    code = np.random.default_rng(0).normal(size=(20_000, 4))
    same = np.stack([-code[:, 2], np.exp(code[:, 0]), code[:, 3] ** 3, code[:, 1], np.full(20_000, 2.0)], axis=1)
    rotated = code @ stats.ortho_group.rvs(4, random_state=0)
    assert disentanglement.udr(code, same) == pytest.approx(1, abs=0.03)
    assert disentanglement.udr(code, rotated) < 0.6
    assert disentanglement.udr(code, np.random.default_rng(1).normal(size=(20_000, 4))) < 0.03
    assert disentanglement.udr(code, np.ones((20_000, 2))) == 0


def test_udr_by_hand_over_informative_latents():
    rng = np.random.default_rng(0)
    a, b = rng.normal(size=(60, 3)), rng.integers(0, 5, (60, 4)).astype(float)
    a[:, 0] += b[:, 1]
    masks = np.array([True, True, False]), np.array([True, True, False, True])
    table = np.array([[abs(stats.spearmanr(x, y)[0]) for y in b.T[masks[1]]] for x in a.T[masks[0]]])
    rows, columns = table.max(axis=1) ** 2 / table.sum(axis=1), table.max(axis=0) ** 2 / table.sum(axis=0)
    assert disentanglement.udr(a, b, masks) == pytest.approx((rows.sum() + columns.sum()) / 5)
    assert disentanglement.udr(b, a, masks[::-1]) == pytest.approx((rows.sum() + columns.sum()) / 5)


def test_normalised_runs_from_noise_to_the_oracle():
    assert latent_panel.normalised(0.3, 0.5, 0.1) == pytest.approx(0.5)
    with pytest.raises(ValueError, match=r"score 0.2 is not above that of permuted codes, 0.2"):
        latent_panel.normalised(0.3, 0.2, 0.2)


@pytest.fixture(scope="module")
def panels():
    """Of a perfect code, of its rows permuted and of silence, 20,000 examples each."""
    target = labels(20_000)
    code = noisy(target)[:, [2, 0, 3, 1]]
    codes = {"perfect": code, "permuted": np.random.default_rng(5).permutation(code), "silent": np.zeros_like(code)}
    blocks = {name: [latent] for name, latent in zip(NAMES, (1, 3, 0, 2), strict=True)}
    return {name: panel(*halves(c, target), blocks=blocks, permutations=1) for name, c in codes.items()}


def test_perfect_codes_reach_the_oracle(panels):
    found = panels["perfect"]["normalised"]
    assert set(found) == set(panels["perfect"]["scores"])
    assert min(found.values()) > 0.9
    assert max(found.values()) < 1.05
    assert panels["perfect"]["winners"] == dict(zip(NAMES, (1, 3, 0, 2), strict=True))


@pytest.mark.parametrize("name", ["permuted", "silent"])
def test_codes_without_labels_stay_at_the_null(panels, name):
    """Silence is scored against a perfect code's null, for its own is as silent."""
    found = panels[name]
    scores = {
        key: latent_panel.normalised(value, found["ceilings"][key], panels["perfect"]["nulls"][key])
        for key, value in found["scores"].items()
    }
    assert max(scores.values()) < 0.2


def test_silent_latents_are_named(panels):
    assert panels["silent"]["excluded"]["latents"] == dict.fromkeys(range(4), "constant in train")
    assert panels["perfect"]["excluded"] == {"labels": {}, "latents": {}, "scores": {}}


def test_ceilings_are_those_of_the_oracle(panels):
    expected = {"aug": 0.97, "sap": 0.48, "mig": 0.99, "modularity": 0.99, "infom": 0.97, "infoe": 0.99, "infoc": 0.97}
    found = panels["perfect"]["ceilings"]
    for name, value in (expected | {"dci_d": 0.99, "dci_c": 0.99, "specificity": 0.48}).items():
        assert value < found[name] < value + 0.04, name


def test_the_oracle_guesses_what_is_not_known():
    split = Split(np.zeros((3, 5)), np.array([[1, 0], [0, 1], [1, 1]]), np.array([[1, 0], [1, 1], [0, 1]]))
    found = latent_panel.oracle(split, np.array([0.5, 0.2]))
    np.testing.assert_array_equal(found.code, [[1, 0.2], [0, 1], [0.5, 1]])


def test_labels_that_go_together_cap_the_ceiling():
    """A label that follows another four times in five: A of the other is .6, so no code's AUG is above .4 + noise."""
    rng = np.random.default_rng(0)
    first = rng.random(20_000) < 0.5
    target = np.stack([first, np.where(rng.random(20_000) < 0.8, first, ~first)], axis=1).astype(float)
    ceiling = latent_panel.ceilings(*halves(target, target))
    assert ceiling["aug"] == pytest.approx(0.4, abs=0.02)
    assert ceiling["infoe"] > 0.98


def test_unknown_labels_are_ignored_whatever_they_hold():
    target = labels(2000)
    weight = (np.random.default_rng(3).random(target.shape) < 0.8).astype(float)
    code = noisy(target, 0.5)
    unknown = [np.where(weight > 0, target, filler) for filler in (0.0, -1.0, np.nan)]
    first, *others = (panel(*halves(code, y, weight)) for y in unknown)
    assert all(other == first for other in others)


def test_rare_and_one_sided_labels_are_named_and_left_out():
    target = labels(2000)
    target[:, 1], target[:, 2] = 1, np.arange(2000) % 100 == 0
    found = panel(*halves(noisy(target), target))
    assert found["excluded"]["labels"] == {
        "effusion": "1000 positives and 0 negatives in train, of 20 needed of each",
        "nodule": "10 positives and 990 negatives in train, of 20 needed of each",
    }
    assert list(found["labels"]) == ["edema", "devices"]
    alone = panel(*halves(noisy(target), target[:, [0, 3]]), names=("edema", "devices"))
    assert found["scores"] == alone["scores"]
    assert found["scores"]["aug"] == pytest.approx(np.mean([found["labels"][name]["aug"] for name in found["labels"]]))


def test_codes_that_are_not_finite_are_refused():
    target = labels(400)
    train, test = halves(noisy(target), target)
    test.code[3, 2] = np.nan
    with pytest.raises(ValueError, match=r"the test code is not finite in latents \[2\]"):
        panel(train, test)


def test_what_cannot_be_scored_is_refused_in_one_sentence():
    target = labels(400)
    train, test = halves(noisy(target), target)
    half = train._replace(weight=train.weight / 2)
    graded = train._replace(target=train.target / 2)
    narrow = [split._replace(code=split.code[:, :1]) for split in (train, test)]
    for splits, options, sentence in (
        ((half, test), {}, "the train weights are not all 0 or 1"),
        ((graded, test), {}, "the train targets of edema, effusion, nodule, devices are not all 0 or 1"),
        (narrow, {}, "the code has 1 latent: a gap"),
        ((train, test), {"names": NAMES[:3]}, "targets of 4 labels, but 3 names"),
        ((train, test), {"enough": 90}, "fewer than two labels can be scored"),
        (
            (train, test),
            {"blocks": {"edema": [0], "nodule": []}},
            "no latents are assigned to effusion, nodule, devices",
        ),
        ((train, test), {"blocks": {key: [4] for key in NAMES}}, "latents outside 0 to 3"),
    ):
        with pytest.raises(ValueError, match=sentence):
            panel(*splits, **options)
