"""From what a latent shows the decoder to a distribution over pixels."""

import math

import jax.numpy as jnp
from flax import linen as nn
from jaxtyping import Array, Float

from dirvae.latents.family import LatentSpec
from dirvae.layers import Block, convolution, depth_to_space
from dirvae.types import Pixels


class Decoder(nn.Module):
    """Channels [B, D], or [B, h, w, D] for a spatial latent -> `Pixels` of [B, H, W, C].

    The encoder backwards: a block and a doubling (depth_to_space) for each halving, a block without doubling for each
    width that the encoder spent on a spatial latent's grid. A global latent enters through the first dense layer alone,
    whose kernel's columns tell which components the decoder listens to.
    """

    spec: LatentSpec
    widths: tuple[int, ...]
    hidden: int
    image_size: int
    image_channels: int = 1
    scale: float = 0.05
    learn_scale: bool = False
    dtype: jnp.dtype = jnp.float32

    @nn.compact
    def __call__(self, channels: Float[Array, "B *grid D"]) -> Pixels:
        side = self.image_size >> len(self.widths) if self.spec.grid is None else self.spec.grid[0]
        x = channels.astype(self.dtype)
        if self.spec.grid is None:
            x = nn.silu(nn.Dense(self.hidden or self.widths[-1], dtype=self.dtype, name="entrance")(x))
            x = nn.silu(nn.Dense(side * side * self.widths[-1], dtype=self.dtype)(x))
            x = x.reshape(x.shape[0], side, side, self.widths[-1])
        doublings = round(math.log2(self.image_size / side))
        for level, width in enumerate(reversed(self.widths)):
            x = Block(width, self.dtype)(x)
            remaining = len(self.widths) - level
            if remaining <= doublings:
                following = self.image_channels if remaining == 1 else self.widths[remaining - 2]
                x = convolution(4 * following, self.dtype)(x)
                x = depth_to_space(x)
        log_scale = jnp.float32(math.log(self.scale))
        if self.learn_scale:
            log_scale = self.param("log_scale", lambda _: log_scale)
        return Pixels(x.astype(jnp.float32), log_scale)
