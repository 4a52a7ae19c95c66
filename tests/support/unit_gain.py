"""Random parameters for tests of a model; Flax's own initialisation takes seconds to compile."""

import jax
import jax.numpy as jnp
import numpy as np


def parameters(net, seed=0):
    """Normal, kernels with variance 1/fan-in, all else with variance 1/4."""
    rng = np.random.default_rng(seed)

    def draw(leaf):
        fan_in = np.prod(leaf.shape[:-1]) if leaf.ndim > 1 else 4.0
        return jnp.asarray(rng.normal(size=leaf.shape) / np.sqrt(fan_in), jnp.float32)

    return jax.tree.map(draw, jax.eval_shape(net.init, jax.random.key(0)))
