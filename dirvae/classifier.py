"""Multi-label heads that read the latent and nothing else."""

import math

import jax
import jax.numpy as jnp
from flax import linen as nn
from jaxtyping import Array, Float


class Classifier(nn.Module):
    """Head coordinates [B, D], or [B, h, w, D] for a spatial latent -> logits [B, L].

    linear: one unit a finding on all coordinates; with centred log ratios its logits do not depend on normalisation, and
            its expectation under the posterior is its value at E[coordinates].
    mlp:    one hidden layer.
    pooled: linear evidence in each cell, pooled by log-mean-exp: a finding is present where one place shows it.
    """

    labels: int
    kind: str = "linear"
    hidden: int = 64
    dtype: jnp.dtype = jnp.float32

    @nn.compact
    def __call__(self, coordinates: Float[Array, "B *grid D"]) -> Float[Array, "B L"]:
        x = coordinates.astype(self.dtype)
        if self.kind == "pooled":
            evidence = nn.Dense(self.labels, dtype=self.dtype)(x).astype(jnp.float32)
            cells = evidence.shape[1] * evidence.shape[2]
            return jax.nn.logsumexp(evidence, axis=(1, 2)) - math.log(cells)
        x = x.reshape(x.shape[0], -1)
        if self.kind == "mlp":
            x = nn.silu(nn.Dense(self.hidden, dtype=self.dtype)(nn.LayerNorm(dtype=self.dtype)(x)))
        small = nn.initializers.variance_scaling(0.1, "fan_in", "truncated_normal")
        return nn.Dense(self.labels, kernel_init=small, dtype=self.dtype)(x).astype(jnp.float32)
