"""The decoder: it turns what a latent shows it into a distribution over pixels."""

import math

import jax.numpy as jnp
from flax import linen as nn
from jaxtyping import Array, Float

from dirvae.latents.family import LatentSpec, channels_apart
from dirvae.networks.layers import Block, Growing
from dirvae.types import Pixels


class Decoder(nn.Module):
    """Channels [B, D], or [B, h, w, D] for a spatial latent -> `Pixels` of [B, H, W, C].

    The encoder backwards: a `Block` for each width that the encoder spent on a spatial latent's grid, a `Growing` for
    each `Shrinking`, the last of them bare. A global latent enters through the first dense layer alone,
    whose kernel's columns tell which components the decoder listens to. With `linear_path` it also enters through a linear map to
    the logits of the pixels, in which each component has a template of its own.

    For a latent of two levels the global part goes that way; the cells join it at their grid's resolution, in a `Block` that
    reads both.
    """

    spec: LatentSpec
    widths: tuple[int, ...]
    hidden: int
    image_size: int
    stem: int = 2
    image_channels: int = 1
    scale: float = 0.05
    learn_scale: bool = False
    kind: str = "native"  # of convolution
    dtype: jnp.dtype = jnp.float32
    linear_path: bool = False

    @nn.compact
    def __call__(self, channels: Float[Array, "B *grid D"]) -> Pixels:
        side = self.spec.grid[0] if self.spec.grid else self.image_size // self.stem >> (len(self.widths) - 1)
        whole, local = channels_apart(self.spec, channels)
        x = (local if whole is None else whole).astype(self.dtype)
        if whole is not None:
            x = nn.silu(nn.Dense(self.hidden or self.widths[-1], dtype=self.dtype, name="entrance")(x))
            x = nn.silu(nn.Dense(side * side * self.widths[-1], dtype=self.dtype)(x))
            x = x.reshape(x.shape[0], side, side, self.widths[-1])
        levels = 1 + round(math.log2(self.image_size // self.stem / side))
        for width in reversed(self.widths[levels:]):
            x = Block(width, kind=self.kind, dtype=self.dtype)(x)
        for width in reversed(self.widths[: levels - 1]):
            x = Growing(width, kind=self.kind, dtype=self.dtype)(self._joined(x, local))
        x = self._joined(x, local)
        x = Growing(self.image_channels, self.stem, bare=True, kind=self.kind, dtype=self.dtype)(x)
        if self.linear_path:
            templates = nn.Dense(x[0].size, kernel_init=nn.initializers.normal(0.02), name="linear_path")
            x = x + templates(whole).reshape(x.shape)
        log_scale = jnp.float32(math.log(self.scale))
        if self.learn_scale:
            log_scale = self.param("log_scale", lambda _: log_scale)
        return Pixels(x.astype(jnp.float32), log_scale)

    def _joined(self, x: Float[Array, "B h w C"], local: Float[Array, "B h w D"] | None) -> Float[Array, "B h w C"]:
        """`x` mixed with the local level by a block, at the depth whose grid is the local one's; elsewhere `x` itself."""
        if not self.spec.parts or x.shape[1] != local.shape[1]:
            return x
        both = jnp.concatenate([x, local.astype(self.dtype)], axis=-1)
        return Block(x.shape[-1], kind=self.kind, dtype=self.dtype, name="places")(both)
