"""Disentanglement from interventions: DCI of the effects, blind to the size of a finding and to latents that are idle."""

import numpy as np
import pytest

from dirvae.metrics import disentanglement, interventional

RNG = np.random.default_rng(0)


def test_interventional_disentanglement_is_dci_of_the_scaled_effects():
    observed, low = RNG.normal(size=(50, 4)), RNG.normal(size=(3, 20, 4))
    high = low + RNG.normal(size=(3, 20, 4)) * np.array([3.0, 0.1, 1.0, 0.0])
    drawn = RNG.integers(20, size=20)
    weights = np.stack([np.ones(20), np.bincount(drawn, minlength=20)]).astype(np.float64)
    changes = interventional.changes(observed, low, high)
    found = interventional.disentanglement(changes, weights), interventional.completeness(changes, weights)
    for d, c, rows in zip(*found, (np.arange(20), drawn), strict=True):
        effects = np.abs(high - low)[:, rows].mean(axis=1).T / observed.std(axis=0)[:, None]
        assert (d, c) == pytest.approx(disentanglement.dci(effects / effects.sum(axis=0)))


def test_latents_that_answer_alike_to_findings_of_any_size_are_not_specific():
    sizes = np.array([10.0, 1.0, 0.1])[:, None, None] * np.ones((3, 5, 7))
    assert interventional.disentanglement(sizes, np.ones((1, 5)))[0] == pytest.approx(0.0, abs=1e-9)
    own = np.zeros((3, 5, 3))
    own[np.arange(3), :, np.arange(3)] = np.array([10.0, 1.0, 0.1])[:, None]
    assert interventional.disentanglement(own, np.ones((1, 5)))[0] == pytest.approx(1.0)


def test_a_latent_that_hardly_varies_is_left_out_however_it_answers():
    code = RNG.normal(size=(100, 3)) * (1.0, 1.0, 1e-3)
    low = np.zeros((2, 10, 3))
    high = low + np.array([[1.0, 0.0, 1.0], [0.0, 1.0, 1.0]])[:, None]
    assert interventional.alive(code).tolist() == [True, True, False]
    found = interventional.changes(code, low, high)
    assert found.shape == (2, 10, 2)
    assert interventional.disentanglement(found, np.ones((1, 10)))[0] == pytest.approx(1.0)
