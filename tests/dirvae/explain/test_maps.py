"""Maps of paths whose frames are written down."""

import jax.numpy as jnp
import numpy as np
import pytest
from scipy.ndimage import gaussian_filter

from dirvae.explain import maps

B, T, H, W = 3, 6, 9, 11
RNG = np.random.default_rng(0)
START = jnp.asarray(RNG.uniform(0.3, 0.7, (B, 1, H, W, 1)), jnp.float32)
CHANGE = RNG.normal(size=(B, H, W)).astype(np.float32)
SIGN = jnp.array([1.0, -1.0, 1.0])


def path(amount):
    """Frames that have gone `amount` [T] of the change, in the direction of each image's sign."""
    gone = jnp.asarray(amount, jnp.float32)[None, :, None, None, None] * SIGN[:, None, None, None, None]
    return START + gone * jnp.asarray(CHANGE)[:, None, ..., None]


def along(amount):
    return jnp.tile(jnp.asarray(amount, jnp.float32), (B, 1))


def test_a_gate_keeps_the_change_where_the_evidence_is_and_its_sign():
    change = jnp.stack([jnp.ones((32, 32)), -jnp.ones((32, 32))])
    evidence = jnp.zeros((2, 32, 32)).at[:, 8, 8].set(jnp.asarray([5.0, -5.0]))
    found = np.asarray(maps.gated(change, evidence))
    assert found[0, 8, 8] == pytest.approx(1.0)
    np.testing.assert_allclose(found[1], -found[0], atol=1e-6)
    rows = np.arange(-3, 4)  # a Gaussian of one pixel, a 32nd of the height, cut at three
    bell = np.exp(-0.5 * (rows[:, None] ** 2 + rows[None] ** 2))
    np.testing.assert_allclose(found[0, 5:12, 5:12], bell, atol=1e-5)
    assert np.abs(found[0, 20:]).max() == 0
    np.testing.assert_array_equal(maps.gated(change, jnp.zeros_like(change)), 0.0)
    np.testing.assert_allclose(maps.gate(evidence, width=0.0), evidence != 0)


def test_signed_is_what_the_finding_adds_whichever_way_the_path_went():
    np.testing.assert_allclose(maps.signed(path(np.linspace(0, 1, T)), SIGN), CHANGE, atol=1e-5)


@pytest.mark.parametrize("amount", [np.linspace(0, 1, T), [0, 0.1, 0.5, 0.6, 0.9, 1.0], [0, 0.4, 1, 1, 1, 1]])
def test_integrated_equals_signed_on_a_straight_path(amount):
    np.testing.assert_allclose(maps.integrated(path(amount), SIGN, along(amount)), CHANGE, atol=1e-5)


def test_integrated_is_the_mean_over_the_measure():
    amount, measure = np.array([0, 0.5, 0.9, 1.0, 1.0, 1.0]), np.array([0.1, 0.2, 0.4, 0.7, 0.9, 0.9])
    share = np.trapezoid(amount, measure) / 0.8
    np.testing.assert_allclose(
        maps.integrated(path(amount), SIGN, along(measure)), 2 * share * CHANGE, rtol=1e-4, atol=1e-5
    )
    falling = maps.integrated(path(amount), SIGN, along(1.0 - measure))
    np.testing.assert_allclose(falling, 2 * share * CHANGE, rtol=1e-4, atol=1e-5)


def test_the_published_variance():
    amount = np.linspace(0, 1, T)
    spread = CHANGE.astype(float) ** 2 * amount.var()
    low, high = spread.min(axis=(1, 2), keepdims=True), spread.max(axis=(1, 2), keepdims=True)
    expected = (spread - low) / (high - low)
    expected[expected <= 0.1] = 0.0
    np.testing.assert_allclose(maps.variance(path(amount)), expected, atol=2e-5)


def test_a_path_that_goes_nowhere_has_empty_maps():
    still = path(np.zeros(T))
    found = [maps.signed(still, SIGN), maps.integrated(still, SIGN, along(np.zeros(T))), maps.variance(still)]
    found += [maps.denoised(found[0][None])]
    for each in found:
        np.testing.assert_array_equal(each, np.zeros((B, H, W)))


@pytest.mark.parametrize("width", [0.7, 1.0, 2.5])
def test_smoothing_against_scipy(width):
    reach = int(np.ceil(3 * width))
    expected = [gaussian_filter(c.astype(float), width, mode="reflect", radius=reach) for c in CHANGE]
    np.testing.assert_allclose(maps.smoothed(jnp.asarray(CHANGE), width), expected, atol=1e-5)
    np.testing.assert_array_equal(maps.smoothed(jnp.asarray(CHANGE), 0.0), CHANGE)


def test_denoising_keeps_what_draws_agree_on():
    """A square in all draws, faint energy everywhere that is the same in all, and strong noise that is not."""
    size, draws = 24, 64
    rng = np.random.default_rng(1)
    square = np.zeros((1, size, size), np.float32)
    square[:, 8:14, 8:14] = -1.0
    noisy = square + 0.05 + 0.6 * rng.normal(size=(draws, 1, size, size))
    found = np.asarray(maps.denoised(jnp.asarray(noisy, jnp.float32), width=0.0, agreement=0.5, floor=0.1))
    inside = square[0] < 0
    assert np.all(found[0][inside] < -0.1)
    assert np.abs(found[0][~inside]).sum() < 1e-3 * np.abs(found[0][inside]).sum()
    raw = np.abs(noisy.mean(axis=0)[0])
    assert raw[~inside].sum() > 0.5 * raw[inside].sum()


def test_one_map_is_thresholded_softly():
    found = maps.denoised(jnp.asarray(CHANGE)[None], width=0.0, floor=0.2)
    least = 0.2 * np.abs(CHANGE).max(axis=(1, 2), keepdims=True)
    expected = np.sign(CHANGE) * np.maximum(np.abs(CHANGE) - least, 0)
    np.testing.assert_allclose(found, expected, atol=1e-6)


@pytest.mark.parametrize("wrong", [{"width": -1.0}, {"agreement": 1.0}, {"floor": -0.1}])
def test_settings_out_of_range_are_refused(wrong):
    with pytest.raises(ValueError, match="width must be >= 0"):
        maps.denoised(jnp.zeros((2, B, H, W)), **wrong)
