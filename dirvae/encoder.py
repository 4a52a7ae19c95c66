"""From images to the features that a latent family turns into a posterior."""

import jax.numpy as jnp
from flax import linen as nn
from jaxtyping import Array, Float

from dirvae.latents.family import LatentSpec
from dirvae.layers import Block, space_to_depth


class Encoder(nn.Module):
    """Images [B, H, W, C] in [0, 1] -> features [B, F], or [B, h, w, F] for a spatial latent.

    Each width is a halving (space_to_depth) and a block; once the grid of a spatial latent is reached the remaining
    widths go on at its resolution. The last layer starts at zero-mean small values, so that posteriors start near the
    prior.
    """

    spec: LatentSpec
    widths: tuple[int, ...]
    hidden: int
    dtype: jnp.dtype = jnp.float32

    @nn.compact
    def __call__(self, images: Float[Array, "B H W C"]) -> Float[Array, "B *grid F"]:
        x = 2.0 * images.astype(self.dtype) - 1.0
        for width in self.widths:
            if self.spec.grid is None or x.shape[1] > self.spec.grid[0]:
                x = space_to_depth(x)
            x = Block(width, self.dtype)(x)
        if self.spec.grid is None:
            x = x.reshape(x.shape[0], -1)
            if self.hidden:
                x = nn.silu(nn.LayerNorm(dtype=self.dtype)(nn.Dense(self.hidden, dtype=self.dtype)(x)))
        small = nn.initializers.variance_scaling(0.01, "fan_in", "truncated_normal")
        return nn.Dense(self.spec.features, kernel_init=small, dtype=self.dtype)(x).astype(jnp.float32)
