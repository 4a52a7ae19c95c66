"""Halving and doubling of an image by moving pixels into channels, stride-1 convolutions, and group normalisation.

A k x k convolution of stride 2 is a special case of space_to_depth followed by a stride-1 convolution, and its transpose of a
stride-1 convolution followed by depth_to_space (Shi et al. 2016, arXiv 1609.05158). Only this form is used: it suits
matrix units, and XLA's CPU backend runs the gradients of strided and transposed convolutions tens of times more slowly.
`Shrinking` and `Growing` by a factor f are exactly 2f x 2f convolutions of stride f and their
transposes (those with a bias of its own for each of the f f phases).

On CPUs a convolution is computed as patches times a matrix, which XLA differentiates into matrix products again; elsewhere as
the backend's own convolution. Both give the same numbers up to rounding; `model.convolution` chooses.
"""

import jax
import jax.numpy as jnp
import numpy as np
from flax import linen as nn
from jaxtyping import Array, Float

GROUPS = (8, 4, 2, 1)  # of a group normalisation: the first that divides the channels


def space_to_depth(images: Float[Array, "*B H W C"], factor: int = 2) -> Float[Array, "*B h w D"]:
    """[..., H, W, C] -> [..., H/f, W/f, f*f*C]; the inverse of `depth_to_space`."""
    *batch, height, width, channels = images.shape
    cells = images.reshape(*batch, height // factor, factor, width // factor, factor, channels)
    return jnp.moveaxis(cells, -4, -3).reshape(*batch, height // factor, width // factor, factor**2 * channels)


def depth_to_space(images: Float[Array, "*B h w D"], factor: int = 2) -> Float[Array, "*B H W C"]:
    """[..., h, w, f*f*C] -> [..., h*f, w*f, C]; the inverse of `space_to_depth`."""
    *batch, height, width, channels = images.shape
    cells = images.reshape(*batch, height, width, factor, factor, channels // factor**2)
    return jnp.moveaxis(cells, -4, -3).reshape(*batch, height * factor, width * factor, channels // factor**2)


def pad(images: Float[Array, "B H W C"], by: int = 1) -> Float[Array, "B H2 W2 C"]:
    """Adds `by` pixels of zeros on each side."""
    return jnp.pad(images, ((0, 0), (by, by), (by, by), (0, 0)))


def native_convolution(images: Float[Array, "B H W C"], kernel: Float[Array, "k k C D"]) -> Float[Array, "B h w D"]:
    """Stride 1, no padding, by the backend's convolution."""
    return jax.lax.conv_general_dilated(images, kernel, (1, 1), "VALID", dimension_numbers=("NHWC", "HWIO", "NHWC"))


def product_convolution(images: Float[Array, "B H W C"], kernel: Float[Array, "k k C D"]) -> Float[Array, "B h w D"]:
    """Stride 1, no padding, as patches [B h w, k k C] times a matrix.

    The patches are a sum of k k shifted images, each padded with zero channels to its place: XLA's CPU backend fuses that into
    one loop, while it copies the parts of a concatenation one after the other.
    """
    side, _, channels, features = kernel.shape
    height, width = (extent - side + 1 for extent in images.shape[1:3])
    whole = side * side * channels

    def placed(offset: int) -> Array:
        row, column = divmod(offset, side)
        shifted = images[:, row : row + height, column : column + width]
        before = offset * channels
        return jnp.pad(shifted, ((0, 0), (0, 0), (0, 0), (before, whole - before - channels)))

    images = jax.lax.optimization_barrier(images)
    patches = sum(placed(offset) for offset in range(side * side))
    flat = patches.reshape(-1, whole) @ kernel.reshape(whole, features)
    return flat.reshape(images.shape[0], height, width, features)


CONVOLUTIONS = {"native": native_convolution, "product": product_convolution}


class Convolution(nn.Module):
    """k x k, stride 1, no padding."""

    features: int
    side: int
    kind: str = "native"
    dtype: jnp.dtype = jnp.float32

    @nn.compact
    def __call__(self, images: Float[Array, "B H W C"]) -> Float[Array, "B h w D"]:
        shape = (self.side, self.side, images.shape[-1], self.features)
        kernel = self.param("kernel", nn.initializers.he_normal(), shape)
        bias = self.param("bias", nn.initializers.zeros, (self.features,))
        convolve = CONVOLUTIONS[self.kind]
        return convolve(images.astype(self.dtype), kernel.astype(self.dtype)) + _wide(bias.astype(self.dtype))


class GroupNorm(nn.Module):
    """(x - mean)/sd over pixels and the channels of a group, then a gain and a shift a channel (Wu & He 2018).

    Sums over pixels first and over a group's channels by a small matrix: no reshape of the image, one pass to read and one to
    write it. Statistics are float32.
    """

    epsilon: float = 1e-5

    @nn.compact
    def __call__(self, images: Float[Array, "B H W C"]) -> Float[Array, "B H W C"]:
        channels = images.shape[-1]
        gain = self.param("scale", nn.initializers.ones, (channels,))
        shift = self.param("bias", nn.initializers.zeros, (channels,))
        groups = next(g for g in GROUPS if channels % g == 0)
        share = channels // groups
        spread = np.kron(np.eye(groups), np.ones((share, share))) / (share * images.shape[1] * images.shape[2])
        exact = images.astype(jnp.float32)

        def average(values: Array) -> Array:
            return jnp.sum(values, axis=(1, 2)) @ spread.astype(np.float32)

        mean, square = average(exact), average(jnp.square(exact))
        scale = jax.lax.rsqrt(jnp.maximum(square - jnp.square(mean), 0.0) + self.epsilon) * gain[None]
        offset = shift[None] - mean * scale
        return (exact * scale[:, None, None] + offset[:, None, None]).astype(images.dtype)


def _wide(values: Float[Array, " C"]) -> Float[Array, "1 1 1 C"]:
    return values[None, None, None]


class Block(nn.Module):
    """3 x 3 convolution with zero padding, group normalisation, SiLU: an image of the same size.

    No mutable state, no dependence on batch size or device count; so are the following.
    """

    features: int
    kind: str = "native"
    dtype: jnp.dtype = jnp.float32

    @nn.compact
    def __call__(self, images: Float[Array, "B H W C"]) -> Float[Array, "B H W D"]:
        return nn.silu(GroupNorm()(Convolution(self.features, 3, self.kind, self.dtype)(pad(images))))


class Shrinking(nn.Module):
    """2f x 2f convolution of stride f (2 x 2 after space_to_depth), group normalisation, SiLU; f = `factor`."""

    features: int
    factor: int = 2
    kind: str = "native"
    dtype: jnp.dtype = jnp.float32

    @nn.compact
    def __call__(self, images: Float[Array, "B H W C"]) -> Float[Array, "B h w D"]:
        cells = space_to_depth(pad(images, self.factor // 2), self.factor)
        return nn.silu(GroupNorm()(Convolution(self.features, 2, self.kind, self.dtype)(cells)))


class Growing(nn.Module):
    """Transposed 2f x 2f convolution of stride f (2 x 2 before depth_to_space); unless `bare`, normalisation and SiLU."""

    features: int
    factor: int = 2
    bare: bool = False
    kind: str = "native"
    dtype: jnp.dtype = jnp.float32

    @nn.compact
    def __call__(self, images: Float[Array, "B h w C"]) -> Float[Array, "B H W D"]:
        cells = Convolution(self.factor**2 * self.features, 2, self.kind, self.dtype)(pad(images))
        edge = self.factor // 2
        grown = depth_to_space(cells, self.factor)[:, edge:-edge, edge:-edge]
        return grown if self.bare else nn.silu(GroupNorm()(grown))
