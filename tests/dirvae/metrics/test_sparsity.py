"""Sparsity on worked vectors, what the prior itself expects, and collapsed latents."""

import numpy as np
import pytest
import scipy.stats

from dirvae.metrics import sparsity


def test_vector():
    found = sparsity.sparsity(np.array([[0.7, 0.1, 0.1, 0.1]]))
    np.testing.assert_allclose(np.concatenate(found), [0.6132, 2.5611, 1.9231], atol=5e-5)


def test_extremes():
    found = sparsity.sparsity(np.stack([np.full(5, 0.2), np.eye(5)[2]]))
    np.testing.assert_allclose(found.hoyer, [0, 1], atol=1e-12)
    np.testing.assert_allclose(found.perplexity, [5, 1], rtol=1e-12)
    np.testing.assert_allclose(found.inverse_simpson, [5, 1], rtol=1e-12)


def test_only_points_of_a_simplex_are_sparse():
    with pytest.raises(ValueError, match="do not sum to 1"):
        sparsity.sparsity(np.ones((2, 3)))


@pytest.mark.parametrize("b", [0.3, 1.0, 4.0])
def test_the_priors_hoyer_against_quadrature(b):
    """Of two components: z ~ Beta(b, b)."""
    root = np.sqrt(2.0)
    hoyer = lambda z: (root - 1.0 / np.hypot(z, 1.0 - z)) / (root - 1.0)  # noqa: E731
    exact = scipy.stats.beta(b, b).expect(hoyer)
    assert sparsity.prior_expectation(2, b).hoyer == pytest.approx(exact, abs=0.03)


def test_a_prior_whose_draws_underflow_is_one_hot():
    assert sparsity.prior_expectation(20, 1e-5).hoyer == pytest.approx(1.0, abs=0.01)


@pytest.mark.parametrize(("b", "perplexity", "simpson"), [(0.1, 8.4, 5.5), (0.3, 18.4, 12.3), (0.99, 33, 25.4)])
def test_expectations_of_the_prior(b, perplexity, simpson):
    found = sparsity.prior_expectation(50, b)
    np.testing.assert_allclose(found[1:], [perplexity, simpson], atol=0.06 if b < 0.9 else 0.3)
    z = np.random.default_rng(0).dirichlet(np.full(50, b), 20_000)
    drawn = sparsity.sparsity(z)
    np.testing.assert_allclose(found.perplexity, np.exp(np.log(drawn.perplexity).mean()), rtol=0.01)
    np.testing.assert_allclose(found.hoyer, drawn.hoyer.mean(), atol=0.01)
    np.testing.assert_allclose(found.inverse_simpson, 1 / np.mean(1 / drawn.inverse_simpson), rtol=0.01)


def test_expectations_of_an_asymmetric_prior():
    b = np.array([0.2, 1.5, 0.6])
    z = np.random.default_rng(0).dirichlet(b, 40_000)
    drawn, found = sparsity.sparsity(z), sparsity.prior_expectation(3, b)
    np.testing.assert_allclose(found.perplexity, np.exp(np.log(drawn.perplexity).mean()), rtol=0.01)
    np.testing.assert_allclose(found.hoyer, drawn.hoyer.mean(), atol=0.03)
    np.testing.assert_allclose(found.inverse_simpson, 1 / np.mean(1 / drawn.inverse_simpson), rtol=0.01)
    both = sparsity.prior_expectation(3, np.stack([b, np.full(3, 0.5)]))
    np.testing.assert_allclose(both, np.mean([found, sparsity.prior_expectation(3, 0.5)], axis=0), rtol=1e-12)


def test_pairs_are_off_in_between_or_on():
    second = np.array([[0.0, 0.5, 0.95], [0.05, 0.2, 0.99], [0.3, 0.89, 0.02], [0.92, 0.91, 1.0]])
    found = sparsity.switching(second)
    np.testing.assert_allclose(found, [[0.5, 0, 0.25], [0.25, 0.75, 0], [0.25, 0.25, 0.75]], atol=1e-12)


@pytest.mark.parametrize("b", [0.2, 1.0, 3.0])
def test_the_priors_switching_is_that_of_its_draws(b):
    drawn = sparsity.switching(np.random.default_rng(0).dirichlet([b, b], 100_000)[:, 1:])
    np.testing.assert_allclose(sparsity.prior_switching(b), np.ravel(drawn), atol=0.005)


def test_the_switching_of_priors_that_differ_is_that_of_their_draws():
    b = np.array([[0.3, 1.2], [0.5, 0.2]])
    rng = np.random.default_rng(1)
    drawn = np.stack([rng.dirichlet(row, 100_000)[:, 1] for row in b], axis=1)
    found = np.mean(sparsity.switching(drawn), axis=1)
    np.testing.assert_allclose(sparsity.prior_switching(b), found, atol=0.005)


def test_active_units_are_those_that_vary():
    rng = np.random.default_rng(0)
    coordinates = np.stack([rng.normal(0, s, 5000) for s in (1.0, 0.2, 0.05, 0.0)], axis=1)
    np.testing.assert_allclose(sparsity.activity(coordinates), [1, 0.04, 0.0025, 0], rtol=0.1)
    assert sparsity.active_units(coordinates) == 2


def test_both_collapses():
    z = np.array([[0.5, 0.48, 0.02, 0.0], [0.3, 0.68, 0.01, 0.01]])
    assert sparsity.dead_components(z) == 2
    assert sparsity.dead_components(np.vstack([z, [0.2, 0.2, 0.2, 0.4]])) == 0
    assert sparsity.dead_columns(np.array([[3.0, 4.0], [0.03, 0.03], [0.0, 1.0]])) == 1
