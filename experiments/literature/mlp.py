"""The published networks around one of this library's latents, and their training."""

import math
from collections.abc import Callable

import jax
import jax.numpy as jnp
import numpy as np
import optax
from flax import linen as nn
from jaxtyping import Array, Float

from dirvae import latents, losses
from dirvae.config import ModelConfig, override
from dirvae.latents import learning
from dirvae.latents.family import Latent
from dirvae.training import train
from dirvae.types import Key, Params, Pixels, PyTree, grey_levels
from experiments.literature.digits import Part

UNITS, PIXELS, FLOOR = 500, 784, 1e-3


class Layers(nn.Module):
    """ReLU layers of `hidden` units, then `outputs` numbers."""

    hidden: tuple[int, ...]
    outputs: int

    @nn.compact
    def __call__(self, inputs: Float[Array, "B D"]) -> Float[Array, "B E"]:
        for units in self.hidden:
            inputs = nn.relu(nn.Dense(units)(inputs))
        return nn.Dense(self.outputs)(inputs)


def latent(prior: str, components: int, concentration: float, parametrisation: str) -> Latent:
    """One global vector."""
    chosen = {
        "prior": prior,
        "structure": "global",
        "groups": 1,
        "latents": components,
        "concentration": concentration,
        "parametrisation": parametrisation,
        "min_concentration": FLOOR,
    }
    return latents.build(override(ModelConfig(), chosen))


def initial(latent: Latent, seed: int, learns: str = "fixed") -> Params:
    keys = jax.random.split(jax.random.key(seed))
    prior = {"prior": learning.initial(latent, learns, FLOOR)} if learns != "fixed" else {}
    return prior | {
        "encoder": Layers((UNITS, UNITS), latent.spec.features).init(keys[0], jnp.zeros((1, PIXELS)))["params"],
        "decoder": Layers((UNITS,), PIXELS).init(keys[1], jnp.zeros((1, latent.spec.channels)))["params"],
    }


def encode(latent: Latent, params: Params, images: Float[Array, "B D"]) -> PyTree:
    return latent.posterior(Layers((UNITS, UNITS), latent.spec.features).apply({"params": params["encoder"]}, images))


def negative_log_likelihood(
    latent: Latent, params: Params, images: Float[Array, "B D"], coordinates: PyTree
) -> Float[Array, " B"]:
    """-log p(x|z), nats, of binary images at one z each."""
    logits = Layers((UNITS,), PIXELS).apply({"params": params["decoder"]}, latent.to_decoder(coordinates))
    square = (-1, 28, 28, 1)
    return losses.negative_log_likelihood(
        images.reshape(square), Pixels(logits.reshape(square), jnp.float32(0.0)), "bernoulli"
    )


def objective(
    latent: Latent, params: Params, images: Float[Array, "B D"], keys: Key
) -> tuple[Float[Array, ""], PyTree]:
    """The negative ELBO, averaged over a batch of binary images, one draw and one key each; and the posterior."""
    posterior = encode(latent, params, images)
    drawn = jax.vmap(latent.sample)(keys, posterior).coordinates
    nats = negative_log_likelihood(latent, params, images, drawn) + latent.kl(posterior, latent.prior)
    return jnp.mean(nats), posterior


def fit(
    latent: Latent,
    part: Part,
    epochs: int,
    batch: int,
    rate: float,
    seed: int,
    say: Callable[[str], None],
    learns: str = "fixed",
) -> Params:
    """Adam for so many epochs; every image is binarised at random each time it is seen. `learns`: how the prior does.

    Raises:
      NonFiniteError: when the objective stops being finite.
    """
    transform = optax.adam(rate)
    params = initial(latent, seed, learns)
    pixels = jnp.asarray(part.pixels)

    @jax.jit
    def step(carry: tuple, rows: Array, number: Array) -> tuple[tuple, Array]:
        params, moments = carry
        keys = jax.vmap(lambda key: jax.random.split(key))(train.example_keys(seed, number, rows))
        shades = grey_levels(pixels[rows])
        images = jax.vmap(jax.random.bernoulli)(keys[:, 0], shades).astype(jnp.float32)
        prior_of = lambda p: learning.learned(latent, p, learns, FLOOR)  # noqa: E731
        value = jax.value_and_grad(lambda p: objective(prior_of(p), p, images, keys[:, 1]), has_aux=True)
        (loss, posterior), gradient = value(params)
        updates, moments = transform.update(gradient, moments)
        moved = optax.apply_updates(params, updates)
        if learns == "moments":
            seen = learning.batch_moments(latent, posterior, jnp.full(batch, 1.0 / batch))
            moved |= {"prior": learning.followed(params["prior"], seen)}
        return (moved, moments), loss

    carry, number = (params, transform.init(params)), 0
    for epoch in range(epochs):
        order = np.random.default_rng((seed, epoch)).permutation(len(pixels))
        found = []
        for first in range(0, len(order) - batch + 1, batch):
            carry, loss = step(carry, order[first : first + batch], np.int32(number))
            number += 1
            found.append(loss)
        mean = float(jnp.mean(jnp.stack(found)))
        if not math.isfinite(mean):
            raise train.NonFiniteError(f"the objective became {mean} in epoch {epoch + 1}")
        say(f"epoch {epoch + 1}/{epochs}: -ELBO {mean:.2f} nats")
    return carry[0]
