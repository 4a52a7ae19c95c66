"""Stride-1 convolutions, and halving and doubling of an image by moving pixels into channels.

A k x k convolution of stride 2 is a special case of space_to_depth followed by a stride-1 convolution, and its transpose of
a stride-1 convolution followed by depth_to_space (Shi et al. 2016, arXiv 1609.05158). Only this form is used: it suits
matrix units, and XLA's CPU backend runs the gradients of strided and transposed convolutions tens of times more slowly.
"""

import jax.numpy as jnp
from flax import linen as nn
from jaxtyping import Array, Float


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


def convolution(features: int, dtype: jnp.dtype) -> nn.Conv:
    """3x3, stride 1, zero padding."""
    return nn.Conv(features, (3, 3), padding="SAME", kernel_init=nn.initializers.he_normal(), dtype=dtype)


class Block(nn.Module):
    """Convolution, group normalisation, SiLU: no mutable state, no dependence on batch size or device count."""

    features: int
    dtype: jnp.dtype = jnp.float32

    @nn.compact
    def __call__(self, images: Float[Array, "*B H W C"]) -> Float[Array, "*B H W D"]:
        images = convolution(self.features, self.dtype)(images)
        groups = next(g for g in (8, 4, 2, 1) if self.features % g == 0)
        return nn.silu(nn.GroupNorm(num_groups=groups, dtype=self.dtype)(images))
