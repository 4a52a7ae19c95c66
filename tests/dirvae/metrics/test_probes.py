"""Specificity and leakage of blocks of latents that own a label, share it, or mix in another."""

import numpy as np
from support.known_codes import halves, labels, noisy

from dirvae.metrics import probes


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
