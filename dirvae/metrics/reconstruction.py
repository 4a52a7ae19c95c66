"""These scores say how close a reconstruction is, per image; images are in [0, 1]."""

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

WINDOW = 11  # pixels a side of the window of `ssim`


def l1(images: Float[Array, "B H W C"], shown: Float[Array, "B H W C"]) -> Float[Array, " B"]:
    """Mean absolute error, in grey levels of [0, 1]."""
    return jnp.mean(jnp.abs(images - shown), axis=(-3, -2, -1))


def psnr(images: Float[Array, "B H W C"], shown: Float[Array, "B H W C"]) -> Float[Array, " B"]:
    """Peak signal-to-noise ratio, -10 log10 of the mean squared error, in dB; at most 100 (1e-5 root mean square)."""
    error = jnp.mean(jnp.square(images - shown), axis=(-3, -2, -1))
    return -10.0 * jnp.log10(jnp.maximum(error, 1e-10))


def ssim(images: Float[Array, "B H W C"], shown: Float[Array, "B H W C"]) -> Float[Array, " B"]:
    """Structural similarity (Wang et al. 2004): 11 x 11 Gaussian window of sigma 1.5, K1 = .01, K2 = .03, data range 1.

    Averaged over the pixels whose window lies within the image ("valid": no padding), population covariances.

    Raises:
      ValueError: for images smaller than the window.
    """
    if min(images.shape[-3:-1]) < WINDOW:
        raise ValueError(f"SSIM needs images of at least {WINDOW} x {WINDOW} pixels, not {images.shape[-3:-1]}")
    c1, c2 = 0.01**2, 0.03**2
    x, y = images - 0.5, shown - 0.5  # the middle of the range: second moments less squared means lose least there
    mean_x, mean_y = _blur(x), _blur(y)
    var_x, var_y = _blur(x * x) - mean_x**2, _blur(y * y) - mean_y**2
    covariance = _blur(x * y) - mean_x * mean_y
    mean_x, mean_y = mean_x + 0.5, mean_y + 0.5
    luminance = (2 * mean_x * mean_y + c1) / (mean_x**2 + mean_y**2 + c1)
    structure = (2 * covariance + c2) / (var_x + var_y + c2)
    return jnp.mean(luminance * structure, axis=(-3, -2, -1))


def _blur(images: Float[Array, "B H W C"]) -> Float[Array, "B h w C"]:
    """Separable Gaussian window, as sums of shifted images."""
    offsets = np.arange(WINDOW) - WINDOW // 2
    window = np.exp(-0.5 * (offsets / 1.5) ** 2)
    window = (window / window.sum()).astype(np.float32)
    for axis in (-3, -2):
        length = images.shape[axis] - WINDOW + 1
        shifted = [jax.lax.slice_in_dim(images, i, i + length, axis=axis % images.ndim) for i in range(WINDOW)]
        images = sum(w * s for w, s in zip(window, shifted, strict=True))
    return images
