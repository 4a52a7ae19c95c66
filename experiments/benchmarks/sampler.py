"""Part 2: value and gradient of log z for z ~ Dir(a), by this library and by others, and their gradients that are lost.

Forward and backward of sum w log z, with fixed random w, for concentrations [256, 100]. The peers are used as their
documentation shows: a draw of z, then its logarithm; jax.random also in its log form, softmax of `loggamma`.
"""

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from tensorflow_probability.substrates.jax import distributions as tfd

from dirvae.config import Config
from dirvae.latents import dirichlet
from dirvae.types import Key
from experiments.benchmarks import Settings, timing

SHAPE = (256, 100)
RANGE = (0.05, 5.0)  # of the concentrations that are timed, log-uniform
SMALL = (0.01, 0.03, 0.1, 0.3)  # concentrations at which lost gradients are counted
OURS = "dirvae.latents.dirichlet"

Gradient = Callable[[np.ndarray, int], np.ndarray]
"""(concentration, seed) -> the gradient with respect to the concentration, as a host array."""


def _ours(key: Key, concentration: jax.Array) -> jax.Array:
    return dirichlet.sample(key, dirichlet.Dirichlet(concentration)).coordinates


SAMPLERS: dict[str, Callable[[Key, jax.Array], jax.Array]] = {
    OURS: _ours,
    "tfp Dirichlet.sample": lambda key, a: jnp.log(tfd.Dirichlet(a).sample(seed=key)),
    "jax.random.dirichlet": lambda key, a: jnp.log(jax.random.dirichlet(key, a)),
    "jax.random.loggamma": lambda key, a: jax.nn.log_softmax(jax.random.loggamma(key, a)),
}
"""log z [..., K] from a key and concentrations."""


def gradients(torch: bool) -> dict[str, Gradient]:
    """Every sampler's gradient of sum w log z."""
    weights = np.random.default_rng(1).standard_normal(SHAPE).astype(np.float32)
    found = {name: _jax_gradient(log_z, weights) for name, log_z in SAMPLERS.items()}
    if torch:
        from experiments.benchmarks import torch_operations  # PyTorch is an optional extra

        found["torch Dirichlet.rsample"] = torch_operations.dirichlet_gradient(weights)
    return found


def _jax_gradient(log_z: Callable[[Key, jax.Array], jax.Array], weights: np.ndarray) -> Gradient:
    both = jax.jit(jax.value_and_grad(lambda a, key: jnp.sum(weights * log_z(key, a))))
    return lambda concentration, seed: np.asarray(jax.block_until_ready(both(concentration, jax.random.key(seed)))[1])


def measure(config: Config, settings: Settings) -> dict:
    del config
    low, high = np.log(RANGE)
    concentration = np.exp(np.random.default_rng(0).uniform(low, high, SHAPE)).astype(np.float32)
    samplers = gradients(settings.torch)
    seconds = timing.take_turns({n: (lambda f=f: f(concentration, 0)) for n, f in samplers.items()}, 3 * settings.turns)
    return {
        "milliseconds": {name: timing.milliseconds(each) for name, each in seconds.items()},
        "ratios": {name: timing.ratio(each, seconds[OURS])._asdict() for name, each in seconds.items()},
        "lost": {name: {str(a): _lost(gradient, a) for a in SMALL} for name, gradient in samplers.items()},
    }


def _lost(gradient: Gradient, concentration: float) -> int:
    return int(np.sum(~np.isfinite(gradient(np.full(SHAPE, concentration, np.float32), 0))))


def show(numbers: dict) -> str:
    rows: list[list[Any]] = [
        [name, timing.shown(ratio), f"{numbers['milliseconds'][name]:.1f}", *numbers["lost"][name].values()]
        for name, ratio in numbers["ratios"].items()
    ]
    head = ["sampler", "time over ours", "ms", *(f"lost at a = {a}" for a in SMALL)]
    return "\n".join(
        [
            "## Sampler",
            f"Value and gradient of log z, {SHAPE[0]} x {SHAPE[1]}, concentrations log-uniform in {RANGE[0]}..{RANGE[1]}; lost are",
            f"the non-finite ones of {np.prod(SHAPE)} gradients at one concentration.\n",
            timing.table(head, rows),
        ]
    )
