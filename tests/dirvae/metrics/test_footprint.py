"""Footprints of differences whose make-up is known."""

import numpy as np
import pytest

from dirvae.metrics import footprint

N, F, H, W = 5, 4, 6, 7
RNG = np.random.default_rng(0)
EFFECTS = RNG.normal(size=(N, F, H, W))
UNIT = EFFECTS / np.linalg.norm(EFFECTS, axis=(2, 3), keepdims=True)


def test_a_mixture_of_effects_is_recovered():
    b = RNG.normal(size=(N, F)) + np.array([3.0, 0.0, -1.0, 0.5])
    found = footprint.footprint(np.einsum("nf,nfhw->nhw", b, UNIT), EFFECTS)
    np.testing.assert_allclose(found.coefficients, b)
    expected = b.mean(axis=0) / np.abs(b.mean(axis=0)).sum()
    assert expected[2] < 0
    np.testing.assert_allclose(found.share, expected)
    np.testing.assert_allclose(found.residual, 0.0, atol=1e-12)


def test_what_no_factor_explains_is_residual():
    """d = b + r with r orthogonal to every effect: |r|^2/(|b|^2 + |r|^2)."""
    flat = UNIT.reshape(N, F, -1)
    noise = RNG.normal(size=(N, H * W))
    for row in range(N):
        q = np.linalg.qr(flat[row].T)[0]
        noise[row] -= q @ (q.T @ noise[row])
    explained = 2.0 * flat[:, 1]
    found = footprint.footprint((explained + noise).reshape(N, H, W), EFFECTS)
    power = (noise**2).sum(axis=1)
    np.testing.assert_allclose(found.residual, power / (power + 4.0))
    np.testing.assert_allclose(found.share, [0, 1, 0, 0], atol=1e-12)


def test_scale_of_effects_does_not_matter():
    d = RNG.normal(size=(N, H, W))
    scaled = EFFECTS * np.array([1e-3, 1.0, 50.0, 7.0])[None, :, None, None]
    for a, b in zip(footprint.footprint(d, EFFECTS), footprint.footprint(d, scaled), strict=True):
        np.testing.assert_allclose(a, b)


def test_absent_and_coinciding_factors():
    effects = EFFECTS.copy()
    effects[:, 2] = 0.0
    effects[:, 3] = effects[:, 0]
    found = footprint.footprint(UNIT[:, 0], effects)
    np.testing.assert_allclose(found.coefficients, np.tile([0.5, 0.0, 0.0, 0.5], (N, 1)), atol=1e-12)
    still = footprint.footprint(np.zeros((N, H, W)), EFFECTS)
    assert np.isnan(still.share).all()
    assert np.isnan(still.residual).all()


def test_all_but_coinciding_factors_do_not_cancel_each_other():
    """Without a least difference both would come out in the tens, and the other factor's share as nothing."""
    effects = EFFECTS.copy()
    effects[:, 3] = effects[:, 0] + 1e-3 * RNG.normal(size=(N, H, W))
    d = UNIT[:, 1] + 0.3 * RNG.normal(size=(N, H, W)) / np.sqrt(H * W)
    found = footprint.footprint(d, effects)
    np.testing.assert_allclose(found.coefficients[:, 0], found.coefficients[:, 3], atol=1e-3)
    assert found.share[1] > 0.6


def test_calibration_by_each_factors_own_null():
    null = RNG.normal([0.1, 0.5], [0.01, 0.1], size=(4000, 2))
    found = footprint.calibrated(np.array([[0.13, 0.5], [0.1, 0.8]]), null)
    np.testing.assert_allclose(found, [[3.0, 0.0], [0.0, 3.0]], atol=0.2)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: footprint.footprint(np.zeros((N - 1, H, W)), EFFECTS[:1]), "do not fit"),
        (lambda: footprint.footprint(np.full((N, H, W), np.inf), EFFECTS), "finite"),
        (lambda: footprint.calibrated(np.ones((1, 2)), np.ones((1, 2))), "at least two"),
        (lambda: footprint.calibrated(np.ones((1, 2)), np.ones((3, 2))), "no width"),
    ],
)
def test_bad_input_is_one_clear_sentence(call, message):
    with pytest.raises(ValueError, match=message):
        call()
