"""Reconstruction scores against scikit-image."""

import jax.numpy as jnp
import numpy as np
import pytest
from skimage.metrics import peak_signal_noise_ratio, structural_similarity

from dirvae.metrics import reconstruction


@pytest.fixture(scope="module")
def pairs():
    """Smooth, noisy, flat and unlike pairs, not square."""
    rng = np.random.default_rng(0)
    rows, columns = np.mgrid[:24, :30] / 30
    smooth = 0.5 + 0.4 * np.sin(5 * rows + 3 * columns)
    clean = np.stack([smooth, smooth, np.full_like(smooth, 0.8), rng.random(smooth.shape)])
    other = np.stack(
        [smooth + 0.02 * rng.normal(size=smooth.shape), 1 - smooth, np.full_like(smooth, 0.7), rng.random(smooth.shape)]
    )
    return clean.astype(np.float32)[..., None], np.clip(other, 0, 1).astype(np.float32)[..., None]


def test_ssim_against_scikit_image(pairs):
    expected = [
        structural_similarity(
            a[..., 0].astype(float),
            b[..., 0].astype(float),
            data_range=1.0,
            gaussian_weights=True,
            sigma=1.5,
            use_sample_covariance=False,
        )
        for a, b in zip(*pairs, strict=True)
    ]
    np.testing.assert_allclose(reconstruction.ssim(*map(jnp.asarray, pairs)), expected, atol=2e-4)


def test_psnr_against_scikit_image(pairs):
    expected = [
        peak_signal_noise_ratio(a.astype(float), b.astype(float), data_range=1.0) for a, b in zip(*pairs, strict=True)
    ]
    np.testing.assert_allclose(reconstruction.psnr(*map(jnp.asarray, pairs)), expected, rtol=1e-4)


def test_l1(pairs):
    expected = np.abs(pairs[0].astype(float) - pairs[1]).mean(axis=(1, 2, 3))
    np.testing.assert_allclose(reconstruction.l1(*map(jnp.asarray, pairs)), expected, rtol=1e-5)


def test_a_perfect_reconstruction(pairs):
    same = jnp.asarray(pairs[0])
    np.testing.assert_allclose(reconstruction.ssim(same, same), 1.0, atol=1e-5)
    np.testing.assert_allclose(reconstruction.psnr(same, same), 100.0)
    np.testing.assert_array_equal(reconstruction.l1(same, same), np.zeros(4))


def test_ssim_is_symmetric_and_averages_channels(pairs):
    a, b = map(jnp.asarray, pairs)
    np.testing.assert_allclose(reconstruction.ssim(a, b), reconstruction.ssim(b, a), rtol=1e-5)
    both = reconstruction.ssim(jnp.concatenate([a, b], axis=-1), jnp.concatenate([b, b], axis=-1))
    np.testing.assert_allclose(both, (reconstruction.ssim(a, b) + 1) / 2, atol=1e-5)


def test_images_smaller_than_the_window_are_refused():
    small = jnp.zeros((1, 10, 16, 1))
    with pytest.raises(ValueError, match="at least 11 x 11 pixels, not"):
        reconstruction.ssim(small, small)
