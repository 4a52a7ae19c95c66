"""Endpoints on resamples agree with the plain metrics on the sample, and with the plain metrics on a resampled set."""

import numpy as np
import pytest
from support.settings import plain

from dirvae.metrics import coordinates, disentanglement
from dirvae.metrics.probes import LabelledCodes
from dirvae.studies.priors import endpoints
from dirvae.studies.priors.codes import Responses, ScoredCodes, reader

RNG = np.random.default_rng(0)


def split(count, seed):
    rng = np.random.default_rng(seed)
    target = rng.integers(0, 2, (count, 3)).astype(np.float32)
    code = rng.normal(size=(count, 5)) + np.pad(2.0 * target, ((0, 0), (0, 2)))
    return LabelledCodes(code, target, (rng.random((count, 3)) < 0.9).astype(np.float32))


def test_the_gap_under_weights_is_that_of_the_resampled_examples():
    picked, scored = split(300, 1), split(200, 2)
    drawn = RNG.integers(200, size=200)
    weights = np.stack([np.ones(200), np.bincount(drawn, minlength=200)]).astype(np.float64)
    found = endpoints.augs(picked, scored, weights)
    resampled = LabelledCodes(*(column[drawn] for column in scored))
    expected = [disentanglement.aug(picked, each).value.mean() for each in (scored, resampled)]
    np.testing.assert_allclose(found, expected, rtol=1e-9)
    assert found[0] > 0.5


def material(count, seed, responses=None):
    code, target, weight = split(count, seed)
    probability = 1 / (1 + np.exp(1.0 - code[:, :3]))
    patient = np.array([f"p{row // 2}" for row in range(count)])
    return ScoredCodes(probability, target, weight, patient, code, responses)


NAMES = ("Edema", "Fracture", "Lung Lesion")


def score(picked, scored, **more):
    return endpoints.score(picked, scored, coordinates.numbers, NAMES, {"kl": 1.0}, replicates=10, **more)


def test_without_interventions_their_endpoints_are_absent_and_the_others_unchanged():
    low = RNG.normal(size=(2, 20, 5))
    answers = Responses(low, low + RNG.normal(size=low.shape), RNG.random((2, 20)))
    without, with_them = score(material(300, 1), material(200, 2)), score(material(300, 1), material(200, 2, answers))
    assert set(without.endpoints) == {"auroc", "aug"}
    assert set(with_them.endpoints) == set(endpoints.ENDPOINTS)
    for name, values in without.endpoints.items():
        assert np.isfinite(values).all()
        np.testing.assert_array_equal(values, with_them.endpoints[name])
    assert without.left_out == {}


@pytest.mark.slow
def test_assigned_latents_have_a_specificity_where_they_vary():
    picked, scored = material(300, 1), material(200, 2)
    owned = {name: range(row, row + 1) for row, name in enumerate(NAMES)}
    assert np.isnan(score(picked, scored).summary["specificity"])
    found = score(picked, scored, owned=owned)
    assert found.summary["specificity"] > 0.5
    assert np.isnan(found.summary["c"])  # nothing was switched
    swapped = score(picked, scored, owned={name: range(4 - row, 5 - row) for row, name in enumerate(NAMES)})
    assert swapped.summary["specificity"] < 0.5
    for each in (picked, scored):
        each.code[:, 0] = 0.0
    assert np.isnan(score(picked, scored, owned=owned).summary["specificity"])


def test_a_rare_finding_is_left_out_with_its_counts():
    picked, scored = material(300, 1), material(200, 2)
    scored.target[:, 1] *= np.cumsum(scored.target[:, 1] * scored.weight[:, 1]) <= 12
    found = score(picked, scored)
    negatives = int(scored.weight[:, 1].sum()) - 12
    assert found.left_out == {"Fracture": f"12 positives and {negatives} negatives in test, of 20 needed of each"}
    assert found.labels == ("Edema", "Lung Lesion")
    assert found.strength.shape == (5, 2)
    assert score(picked, scored, enough=12).labels == NAMES
    scored.target[:, 0] = 0
    with pytest.raises(
        ValueError, match=r"fewer than two findings .*Edema: 0 positives and .*; Fracture: 12 positives"
    ):
        score(picked, scored)


@pytest.mark.parametrize(("prior", "names"), [("dirichlet", {"raw", "clr", "alr"}), ("gaussian", {"raw", "cdf"})])
def test_every_shape_of_codes_is_read_in_its_coordinates(prior, names):
    config = plain({"prior": prior, "latents": 6})
    flat = RNG.normal(size=(30, 6)).astype(np.float32)
    read = reader(config, flat)
    assert set(read(flat)) == names
    stacked = read(flat.reshape(5, 6, 6))
    for name, values in read(flat).items():
        np.testing.assert_allclose(stacked[name].reshape(values.shape), values)
    if prior == "dirichlet":
        np.testing.assert_allclose(read(flat)["raw"].sum(axis=1), 1.0)
        np.testing.assert_allclose(read(flat)["clr"], flat - flat.mean(axis=1, keepdims=True), atol=1e-5)


@pytest.mark.slow
def test_coordinates_that_rank_alike_are_told_apart_by_interventions():
    """A cubed code has the AUCs of the code and another D; whichever is offered first, the same is chosen."""
    low = RNG.normal(size=(2, 40, 5))
    answers = Responses(low, low + 0.5 * np.abs(RNG.normal(size=low.shape)), RNG.random((2, 40)))
    picked, scored = material(300, 1, answers), material(200, 2, answers)

    def found(*powers):
        read = lambda code: {name: code**power for name, power in powers}  # noqa: E731
        return endpoints.score(picked, scored, read, NAMES, {}, replicates=5)

    raw, cubed = found(("raw", 1)), found(("raw", 3))
    assert raw.endpoints["aug"] == pytest.approx(cubed.endpoints["aug"])
    assert raw.summary["d_raw"] != pytest.approx(cubed.summary["d_raw"], rel=0.01)
    best = "raw" if raw.summary["d_raw"] > cubed.summary["d_raw"] else "cubed"  # the same interventions in both splits
    for order in ((("raw", 1), ("cubed", 3)), (("cubed", 3), ("raw", 1))):
        assert found(*order).coordinates == best
