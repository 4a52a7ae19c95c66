"""Sparsity on worked vectors, what the prior itself expects, and collapsed latents."""

import numpy as np
import pytest
import scipy.stats

from dirvae.metrics import sparsity

NAMES = sparsity.Sparsity._fields


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
def test_the_priors_sparsity_against_quadrature(b):
    """Of two components: z ~ Beta(b, b)."""
    measures = {
        name: lambda z, name=name: getattr(sparsity.sparsity(np.array([[z, 1 - z]])), name)[0] for name in NAMES
    }
    for name, value in sparsity.prior_expectation(2, b).items():
        exact = scipy.stats.beta(b, b).expect(measures[name])
        assert value == pytest.approx(exact, abs=0.01)


def test_a_prior_whose_draws_underflow_is_one_hot():
    assert sparsity.prior_expectation(20, 1e-5)["hoyer"] == pytest.approx(1.0, abs=0.01)


@pytest.mark.parametrize(("components", "b"), [(2, 0.2), (64, 0.05), (8, 0.1), (50, 0.99), (1024, 0.5)])
def test_codes_that_are_draws_of_the_prior_are_as_sparse_as_the_prior(components, b):
    """exp(E entropy) and 1/E sum z^2 would be 3 to 16 % lower than the means over draws in the first three."""
    z = np.random.default_rng(0).dirichlet(np.full(components, b), 20_000 if components < 1000 else 2000)
    z = np.where(np.isfinite(z), z, 1.0)
    z /= z.sum(axis=1, keepdims=True)
    summary = sparsity.summary(z, z, b)
    for name in NAMES:
        assert summary["draws"][name] == pytest.approx(summary["prior"][name], rel=0.015)
        assert summary["draws"][name] == summary[name]


def test_a_posterior_that_equals_the_prior_has_equal_columns_and_means_that_are_not_sparse():
    z = np.random.default_rng(0).dirichlet([0.2, 0.2], 20_000)
    summary = sparsity.summary(np.full_like(z, 0.5), z, 0.2)
    assert summary["hoyer"] == pytest.approx(0.0)
    assert summary["draws"]["hoyer"] == pytest.approx(summary["prior"]["hoyer"], abs=0.01)
    assert summary["draws"]["perplexity"] == pytest.approx(summary["prior"]["perplexity"], rel=0.01)


def test_expectations_of_an_asymmetric_prior():
    b = np.array([0.2, 1.5, 0.6])
    drawn = sparsity.means(np.random.default_rng(1).dirichlet(b, 40_000))
    asymmetric, symmetric = sparsity.prior_expectation(3, b), sparsity.prior_expectation(3, 0.5)
    both = sparsity.prior_expectation(3, np.stack([b, np.full(3, 0.5)]))
    for name in NAMES:
        assert asymmetric[name] == pytest.approx(drawn[name], rel=0.015)
        assert both[name] == pytest.approx((asymmetric[name] + symmetric[name]) / 2, rel=0.015)


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
