"""Multi-label heads that read the latent and nothing else."""

import math

import jax
import jax.numpy as jnp
from flax import linen as nn
from jaxtyping import Array, Float

from dirvae.config import ConfigError
from dirvae.latents import geometry

OWN = 0.3  # initial weight of a finding's own latents, above 0 so that all of them begin to speak for it


class Classifier(nn.Module):
    """Head coordinates [B, D], or [B, h, w, D] for a spatial latent -> logits [B, L].

    assigned: each finding reads `own` latents that are its alone (on simplexes: log ratios to the first component, the
            background), the latents that are left over speak to the decoder only.
    linear: one unit a finding on all coordinates; with centred log ratios its logits do not depend on normalisation, and
            its expectation under the posterior is its value at E[coordinates].
    mlp:    one hidden layer.
    pooled: linear evidence in each cell, pooled by log-mean-exp: a finding is present where one place shows it.

    Of a latent of two levels `pooled` reads the field and no other head reads any of it (dirvae/model.py).

    Raises:
      ConfigError: where there are fewer latents than findings to assign them to.
    """

    labels: int
    kind: str = "linear"
    hidden: int = 64
    own: int = 1
    simplex: int = 0  # components of each simplex of the coordinates, 0 for none
    dtype: jnp.dtype = jnp.float32

    @nn.compact
    def __call__(self, coordinates: Float[Array, "B *grid D"]) -> Float[Array, "B L"]:
        x = coordinates.astype(self.dtype)
        if self.kind == "pooled":
            evidence = nn.Dense(self.labels, dtype=self.dtype)(x).astype(jnp.float32)
            cells = evidence.shape[1] * evidence.shape[2]
            return jax.nn.logsumexp(evidence, axis=(1, 2)) - math.log(cells)
        x = x.reshape(x.shape[0], -1)
        if self.kind == "assigned":
            return self._assigned(x.astype(jnp.float32))
        if self.kind == "mlp":
            x = nn.silu(nn.Dense(self.hidden, dtype=self.dtype)(nn.LayerNorm(dtype=self.dtype)(x)))
        small = nn.initializers.variance_scaling(0.1, "fan_in", "truncated_normal")
        return nn.Dense(self.labels, kernel_init=small, dtype=self.dtype)(x).astype(jnp.float32)

    def _assigned(self, x: Float[Array, "B D"]) -> Float[Array, "B L"]:
        """w_c . r[block c] + b_c, the first blocks of `own` latents each."""
        evidence = geometry.log_ratios(x, self.simplex) if self.simplex else x
        needed = self.labels * self.own
        if evidence.shape[1] < needed:
            raise ConfigError(
                f"model.head=assigned needs {needed} latents for {self.labels} findings, but there are {evidence.shape[1]}; "
                "raise model.latents or model.groups, or lower model.latents_per_finding"
            )
        blocks = evidence[:, :needed].reshape(-1, self.labels, self.own)
        weight = self.param("own", nn.initializers.constant(OWN), (self.labels, self.own))
        bias = self.param("bias", nn.initializers.zeros, (self.labels,))
        return jnp.sum(blocks * weight[None], axis=-1) + bias[None]
