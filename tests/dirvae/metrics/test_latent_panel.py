"""The panel of scores between its null and its ceiling, and what it leaves out or refuses."""

import numpy as np
import pytest
from support.known_codes import halves, labels, noisy

from dirvae.metrics import latent_panel
from dirvae.metrics.probes import LabelledCodes

NAMES = ("edema", "effusion", "nodule", "devices")


def panel(train, test, names=NAMES, **options):
    return latent_panel.panel(*train, *test, names, **options)


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
    split = LabelledCodes(np.zeros((3, 5)), np.array([[1, 0], [0, 1], [1, 1]]), np.array([[1, 0], [1, 1], [0, 1]]))
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
