"""The coordinates of simplex codes: which of them show that a code is class-specific, and what is no simplex."""

import numpy as np
import pytest
from scipy import stats

from dirvae.metrics import coordinates, disentanglement
from dirvae.metrics.probes import LabelledCodes


def halves(code, target):
    weight = np.ones_like(target)
    middle = len(code) // 2
    return (LabelledCodes(code[part], target[part], weight[part]) for part in (slice(middle), slice(middle, None)))


def labels(count):
    return (np.random.default_rng(0).random((count, 4)) < (0.5, 0.4, 0.3, 0.2)).astype(np.float64)


def simplex(target, strength=6.0):
    """log z of a simplex whose first component is the background and whose others are a label's each."""
    scores = np.hstack([np.zeros((len(target), 1)), strength * target])
    scores += 0.3 * np.random.default_rng(1).normal(size=scores.shape)
    return scores - np.logaddexp.reduce(scores, axis=1, keepdims=True)


def test_a_perfect_simplex_code_is_perfect_in_log_ratios_to_its_background():
    target = labels(10_000)
    log_z = simplex(target)
    assert coordinates.background_component(log_z) == 0
    found = coordinates.simplex_coordinates(log_z, 0)
    value = {name: disentanglement.aug(*halves(code, target)).value.mean() for name, code in found.items()}
    assert value["alr"] > 0.95
    assert 0.38 < value["raw"] < 0.52
    assert 0.38 < value["clr"] < 0.52


def test_coordinates():
    z = np.array([[0.5, 0.25, 0.25], [0.1, 0.8, 0.1]])
    found = coordinates.simplex_coordinates(np.log(z), 1)
    np.testing.assert_allclose(found["raw"], z, rtol=1e-12)
    np.testing.assert_allclose(found["clr"].sum(axis=1), 0, atol=1e-12)
    np.testing.assert_allclose(found["clr"][:, 0] - found["clr"][:, 1], np.log(z[:, 0] / z[:, 1]), rtol=1e-12)
    np.testing.assert_allclose(found["alr"], np.log(z[:, [0, 2]] / z[:, [1]]), rtol=1e-12)


def test_the_background_varies_least():
    assert coordinates.background_component(np.log([[0.3, 0.6, 0.1], [0.3, 0.1, 0.6], [0.31, 0.39, 0.3]])) == 0


def test_coordinates_refuse_what_is_no_simplex():
    with pytest.raises(ValueError, match="does not sum to 1"):
        coordinates.simplex_coordinates(np.zeros((2, 3)), 0)
    with pytest.raises(ValueError, match="not finite in 1 of 2 examples"):
        coordinates.background_component(np.array([[0.0, -np.inf], [-np.log(2), -np.log(2)]]))
    with pytest.raises(ValueError, match="background is component 2, of 2"):
        coordinates.simplex_coordinates(np.log(np.full((2, 2), 0.5)), 2)


def test_a_reader_of_several_compositions_reads_each():
    """Centred log ratios of two compositions of three, with the background of each found or named."""
    rng = np.random.default_rng(2)
    log_z = np.log(rng.dirichlet((2.0, 2.0, 2.0), (50, 2)))
    log_z[:, 1] = np.log(np.stack([np.full(50, 0.2), *(0.8 * rng.dirichlet((1.0, 1.0), 50)).T], axis=1))
    code = (log_z - log_z.mean(axis=2, keepdims=True)).reshape(50, 6)
    named, found = coordinates.reader(code, 3, background=0)(code), coordinates.reader(code, 3)(code)
    np.testing.assert_allclose(named["raw"], np.exp(log_z).reshape(50, 6), rtol=1e-10)
    np.testing.assert_allclose(named["clr"], code, atol=1e-10)
    ratios = (log_z[..., 1:] - log_z[..., :1]).reshape(50, 4)
    np.testing.assert_allclose(named["alr"], ratios, atol=1e-10)
    np.testing.assert_allclose(found["alr"][:, 2:], ratios[:, 2:], atol=1e-10)
    stacked = coordinates.reader(code, 3, background=0)(code.reshape(5, 10, 6))
    np.testing.assert_array_equal(stacked["alr"].reshape(50, 4), named["alr"])


def test_two_components_are_one_number():
    share = np.random.default_rng(3).uniform(0.1, 0.9, (30, 4))
    log_z = np.log(np.stack([share, 1 - share], axis=-1))
    code = (log_z - log_z.mean(axis=2, keepdims=True)).reshape(30, 8)
    found = coordinates.reader(code, 2, background=0)(code)
    assert list(found) == ["raw", "alr"]
    np.testing.assert_allclose(found["raw"], 1 - share, rtol=1e-10)
    np.testing.assert_allclose(found["alr"], np.log((1 - share) / share), atol=1e-10)


def test_numbers_have_their_normal_distribution_function_beside():
    code = np.random.default_rng(4).normal(size=(5, 30, 3)).astype(np.float32)
    found = coordinates.numbers(code)
    np.testing.assert_array_equal(found["raw"], code)
    np.testing.assert_allclose(found["cdf"], stats.norm.cdf(code.astype(np.float64)), rtol=1e-12)


def test_what_is_beside_stays_as_it_is():
    rng = np.random.default_rng(5)
    code = rng.normal(size=(30, 7))
    read = coordinates.reader(code[:, :4], 2, background=0)
    found = coordinates.beside(read, 4)(code)
    assert list(found) == ["raw", "alr"]
    for name, values in read(code[:, :4]).items():
        np.testing.assert_array_equal(found[name], np.concatenate([values, code[:, 4:]], axis=1))
