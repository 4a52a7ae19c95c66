"""The encoder: it turns images into the features of which a latent family makes a posterior."""

import jax.numpy as jnp
from flax import linen as nn
from jaxtyping import Array, Float

from dirvae.latents.family import LatentSpec, Levels, together
from dirvae.networks.layers import Block, Shrinking


class Encoder(nn.Module):
    """Images [B, H, W, C] in [0, 1] -> features [B, F], or [B, h, w, F] for a spatial latent.

    The first width is a `Shrinking` by `stem`, each further one by 2; once the grid of a spatial latent is reached the
    remaining widths are `Block`s at its resolution. The last layer starts at zero-mean small values, so that posteriors start near the
    prior. With `linear_path` a linear map of the pixels is added to the features of a global latent: the principal components
    are then within reach of the first hundred steps, and the convolutions add what they miss.

    For a latent of two levels the way to the global part is the same (so is its linear path). The cells' features branch off
    where the convolutions pass their grid's resolution, through a `Block` of their own. They come flat, the global part first.

    The last feature map is sown as `grid`; where `grid` is given it stands in for it, so that attributions can differentiate by
    it. The cells of two levels branch off before, and are those of the images.
    """

    spec: LatentSpec
    widths: tuple[int, ...]
    hidden: int
    stem: int = 2
    kind: str = "native"  # of convolution
    dtype: jnp.dtype = jnp.float32
    linear_path: bool = False

    @nn.compact
    def __call__(
        self, images: Float[Array, "B H W C"], grid: Float[Array, "B h w G"] | None = None
    ) -> Float[Array, "B *grid F"]:
        whole, local = self.spec.parts or (self.spec, None)
        small = nn.initializers.variance_scaling(0.01, "fan_in", "truncated_normal")
        x = 2.0 * images.astype(self.dtype) - 1.0
        for level, width in enumerate(self.widths):
            if self.spec.grid is None or x.shape[1] > self.spec.grid[0]:
                x = Shrinking(width, 2 if level else self.stem, kind=self.kind, dtype=self.dtype)(x)
            else:
                x = Block(width, kind=self.kind, dtype=self.dtype)(x)
            if local and x.shape[1] == local.grid[0]:
                seen = Block(width, kind=self.kind, dtype=self.dtype, name="places")(x)
                cells = nn.Dense(local.features, kernel_init=small, dtype=self.dtype, name="local")(seen)
        x = x if grid is None else grid
        self.sow("intermediates", "grid", x)
        if self.spec.grid is None:
            x = x.reshape(x.shape[0], -1)
            if self.hidden:
                x = nn.silu(nn.LayerNorm(dtype=self.dtype)(nn.Dense(self.hidden, dtype=self.dtype)(x)))
        features = nn.Dense(whole.features, kernel_init=small, dtype=self.dtype)(x).astype(jnp.float32)
        if self.linear_path:
            # Adam moves every weight alike: unscaled, a first step would add the learning rate times the number of pixels
            pixels = ((2.0 * images - 1.0) * images.shape[1] ** -0.5).reshape(images.shape[0], -1)
            initial = nn.initializers.normal(0.01)
            direct = nn.Dense(whole.features, use_bias=False, kernel_init=initial, name="linear_path")
            features = features + direct(pixels)
        return together(Levels(features, cells.astype(jnp.float32))) if local else features
