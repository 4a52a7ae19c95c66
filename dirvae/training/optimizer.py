"""AdamW with warm-up, decay and clipping as an Optax chain, and the average of the parameters."""

import jax
import optax

from dirvae.config import OptimizerConfig
from dirvae.types import Params, PyTree


def schedule(config: OptimizerConfig, steps: int) -> optax.Schedule:
    """Learning rate as a function of the step: linear warm-up, then a cosine to 0 or a constant."""
    warmup = round(config.warmup * steps)
    if config.schedule == "constant":
        return optax.warmup_constant_schedule(0.0, config.learning_rate, max(warmup, 1))
    return optax.warmup_cosine_decay_schedule(0.0, config.learning_rate, max(warmup, 1), max(steps, warmup + 1))


def build(config: OptimizerConfig, steps: int) -> optax.GradientTransformation:
    """Global-norm clipping, then AdamW; biases, normalisation gains, scalars and a learned prior are not decayed."""
    return optax.chain(
        optax.clip_by_global_norm(config.clip_norm),
        optax.adamw(schedule(config, steps), weight_decay=config.weight_decay, mask=_kernels),
    )


def _kernels(params: Params) -> PyTree:

    def decays(path: tuple, leaf: jax.Array) -> bool:
        return leaf.ndim > 1 and jax.tree_util.DictKey("prior") not in path[:1]

    return jax.tree_util.tree_map_with_path(decays, params)


def update_average(average: Params, params: Params, decay: float, step: jax.Array) -> Params:
    """Exponential moving average whose decay grows as min(decay, (1 + t)/(10 + t)), so that early values fade."""
    current = jax.numpy.minimum(decay, (1.0 + step) / (10.0 + step))
    return optax.incremental_update(params, average, 1.0 - current)
