"""On-device augmentation: small affine maps, brightness and contrast, from a key for each image.

Flips are possible but off by default: they remove laterality, and with it situs, the aortic arch and the heart's apex.
"""

import jax
import jax.numpy as jnp
from jax.scipy.ndimage import map_coordinates
from jaxtyping import Array, Float

from dirvae.config import LossConfig
from dirvae.types import Key


def augment(keys: Key, images: Float[Array, "B H W C"], config: LossConfig) -> Float[Array, "B H W C"]:
    """Each image under its own random change; intensities stay within [0, 1], borders repeat the nearest pixel."""
    return jax.vmap(lambda key, image: _augment_one(key, image, config))(keys, images)


def _augment_one(key: Key, image: Float[Array, "H W C"], config: LossConfig) -> Float[Array, "H W C"]:
    geometry, intensity, mirror = jax.random.split(key, 3)
    turn, zoom, down, right = jax.random.uniform(geometry, (4,), minval=-1.0, maxval=1.0)
    angle = jnp.deg2rad(config.rotate_degrees) * turn
    warped = _affine(image, angle, 1.0 + config.zoom * zoom, config.translate * jnp.stack([down, right]))
    if config.flip:
        warped = jnp.where(jax.random.bernoulli(mirror), warped[:, ::-1], warped)
    brighter, stronger = jax.random.uniform(intensity, (2,), minval=-1.0, maxval=1.0)
    centre = jnp.mean(warped)
    graded = (warped - centre) * (1.0 + config.contrast * stronger) + centre + config.brightness * brighter
    return jnp.clip(graded, 0.0, 1.0)


def _affine(
    image: Float[Array, "H W C"], angle: Float[Array, ""], zoom: Float[Array, ""], shift: Float[Array, "2"]
) -> Float[Array, "H W C"]:
    """Rotation (radians) and zoom about the centre, then a shift (shares of the image), by bilinear interpolation."""
    height, width = image.shape[:2]
    rows, columns = jnp.meshgrid(
        jnp.arange(height) - (height - 1) / 2, jnp.arange(width) - (width - 1) / 2, indexing="ij"
    )
    cos, sin = jnp.cos(angle) / zoom, jnp.sin(angle) / zoom
    source_rows = cos * rows + sin * columns + (height - 1) / 2 - shift[0] * height
    source_columns = -sin * rows + cos * columns + (width - 1) / 2 - shift[1] * width

    def sample(plane: Float[Array, "H W"]) -> Float[Array, "H W"]:
        return map_coordinates(plane, [source_rows, source_columns], order=1, mode="nearest")

    return jax.vmap(sample, in_axes=-1, out_axes=-1)(image)
