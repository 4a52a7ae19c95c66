"""Operations of a training step, counted by XLA on the lowered program; nothing is run or even allocated."""

import math
from typing import NamedTuple

import jax
import jax.numpy as jnp

from dirvae import model
from dirvae.config import Config
from dirvae.training import parallel, train
from dirvae.types import Batch, TrainState


class Cost(NamedTuple):
    parameters: int
    operations: float  # floating-point operations of a step: forward, backward and update of a global batch


def shapes(config: Config, labels: int) -> tuple[TrainState, Batch]:
    """Shapes of a state and of a global batch."""
    net = model.build(config.model, labels, config.data.image_size)
    state = jax.eval_shape(lambda: train.fresh_state(net, config))
    rows, side = config.train.batch_size, config.data.image_size
    table = jax.ShapeDtypeStruct((rows, labels), jnp.float32)
    image = jax.ShapeDtypeStruct((rows, side, side, 1), jnp.uint8)
    each = (jax.ShapeDtypeStruct((rows,), kind) for kind in (jnp.float32, jnp.int32))
    return state, Batch(image, table, table, *each)


def of_step(config: Config, labels: int) -> Cost:
    """The cost of a training step with a global batch on one device."""
    net = model.build(config.model, labels, config.data.image_size)
    state, batch = shapes(config, labels)
    step = jax.vmap(train.make_step(net, config), in_axes=(None, 0), axis_name=parallel.AXIS)
    one_device = jax.tree.map(lambda x: jax.ShapeDtypeStruct((1, *x.shape), x.dtype), batch)
    analysis = jax.jit(step).lower(state, one_device).cost_analysis()
    count = sum(math.prod(leaf.shape) for leaf in jax.tree.leaves(state.params))
    return Cost(count, float(analysis["flops"]))
