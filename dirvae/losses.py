"""The objective, as named, unweighted terms of each example.

    L(x, y) = -log p(x|z) + beta KL(q(z|x) || p(z)) + lambda BCE(y, logits(z)),    z ~ q(z|x)

All terms are sums (over pixels, latent dimensions, labels), so that with beta = 1 and lambda = 0 the objective is the
negative ELBO in nats (Kingma & Welling 2014; Joo et al. 2020 for the Dirichlet). They are averaged over examples only at
the edge, in `dirvae.training.train`.
"""

from collections.abc import Callable

import jax
import jax.numpy as jnp
import numpy as np
import optax
from jaxtyping import Array, Float

from dirvae.config import LossConfig
from dirvae.latents.family import Latent
from dirvae.types import Batch, Key, LossTerms, ModelOutputs, Pixels, PyTree, Steering

MIN_BETA = 1e-4  # where a KL target starts from when beta is 0
PUSH = (-5.0, 1.5)  # bounds of the proportional part of a steered log beta
SHARPNESS = 10.0  # a steered beta is proportional to (KL/target)^SHARPNESS
EXCESS_AVERAGE = 0.9  # decay of the moving average of what both follow


def negative_log_likelihood(images: Float[Array, "*B H W C"], pixels: Pixels, likelihood: str) -> Float[Array, "*B"]:
    """-log p(x|z) in nats, summed over pixels, for images in [0, 1].

    laplace:   |x - m|/s + log 2s            gaussian:  (x - m)^2/(2 s^2) + log s + log(2 pi)/2
    bernoulli: the cross-entropy of x as a probability, as is usual though grey levels are not binary
    """
    if likelihood == "bernoulli":
        nats = optax.sigmoid_binary_cross_entropy(pixels.logits, images)
    else:
        error = jnp.abs(images - pixels.location) * jnp.exp(-pixels.log_scale)
        if likelihood == "laplace":
            nats = error + pixels.log_scale + jnp.log(2.0)
        else:
            nats = 0.5 * jnp.square(error) + pixels.log_scale + 0.5 * jnp.log(2.0 * jnp.pi)
    return jnp.sum(nats, axis=(-3, -2, -1))


def cross_entropy(
    logits: Float[Array, "*B L"],
    target: Float[Array, "*B L"],
    weight: Float[Array, "*B L"],
    positive_weight: Float[Array, " L"] | None = None,
) -> Float[Array, "*B"]:
    """Masked binary cross-entropy in nats, summed over the labels that the masks keep.

    `positive_weight` [L] multiplies the positives' terms.
    """
    if positive_weight is None:
        balance = jnp.ones_like(target)
    else:
        wide = jnp.broadcast_to(positive_weight, target.shape)
        balance = 1.0 + target * (wide - 1.0)
    return jnp.sum(weight * balance * optax.sigmoid_binary_cross_entropy(logits, target), axis=-1)


def terms(
    outputs: ModelOutputs,
    images: Float[Array, "B H W C"],
    batch: Batch,
    latent: Latent,
    likelihood: str,
    positive_weight: Float[Array, " L"] | None = None,
) -> LossTerms:
    """Every term of every example; padding rows are not yet masked."""
    return LossTerms(
        reconstruction=negative_log_likelihood(images, outputs.pixels, likelihood),
        kl=latent.kl(outputs.posterior, latent.prior),
        classification=cross_entropy(outputs.logits, batch.target, batch.weight, positive_weight),
    )


def weighted(values: LossTerms, beta: Float[Array, ""], classification_weight: float) -> Float[Array, " B"]:
    """The objective of each example."""
    return values.reconstruction + beta * values.kl + classification_weight * values.classification


def log_weights(
    latent: Latent,
    key: Key,
    posterior: PyTree,
    samples: int,
    log_likelihood: Callable[[PyTree], Float[Array, "S B"]],
) -> Float[Array, "S B"]:
    """log p(x|z) + log p(z) - log q(z|x) of S draws of z ~ q(z|x) an image; `log_likelihood` of the draws' coordinates.

    Both densities are with respect to one measure, that of the family's `log_prob`, and z is drawn from the very q: so the
    weights have mean p(x), in whatever coordinates the draws are kept.
    """
    many = jax.tree.map(lambda leaf: jnp.broadcast_to(leaf, (samples, *leaf.shape)), posterior)
    prior = jax.tree.map(lambda leaf, like: jnp.broadcast_to(leaf, like.shape), latent.prior, many)
    z = latent.sample(key, many).coordinates
    return log_likelihood(z) + latent.log_prob(prior, z) - latent.log_prob(many, z)


def kl_weight(step: Float[Array, ""], steering: Steering, steps: int, config: LossConfig) -> Float[Array, ""]:
    """beta: rising linearly from 0 over the warm-up's share of the steps or, with a target, where `steered` has it."""
    if config.target_kl:
        return jnp.exp(steering.level + jnp.clip(SHARPNESS * steering.excess, *PUSH))
    ramp = jnp.minimum(1.0, step / max(1.0, config.kl_warmup * steps)) if config.kl_warmup else jnp.float32(1.0)
    return jnp.asarray(config.beta * ramp, jnp.float32)


def unsteered(config: LossConfig) -> Steering:
    """Before the first step: on target, at `beta`."""
    return Steering(jnp.float32(0.0), jnp.log(jnp.float32(max(config.beta, MIN_BETA))))


def steered(steering: Steering, kl: Float[Array, ""], config: LossConfig) -> Steering:
    """Proportional and integral control of log beta, so that models with different priors spend the same number of nats.

        log beta = level + clip(sharpness excess),    level <- level + gain excess unless the clip holds it from below,

    excess being log(KL/target), averaged over some ten steps. The push is gentle upwards: a Gaussian whose beta is raised
    tenfold loses latents for good, and its KL swings ever after. Where that is not enough the level rises. It waits while the
    KL is far below its target, since a Dirichlet's KL rises over much of the training. Plain dual ascent, log beta + gain
    (KL/target - 1) (Rezende & Viola 2018, arXiv 1810.00597), would wind down to nothing meanwhile.
    """
    if not config.target_kl:
        return steering
    now = jnp.log(jnp.maximum(kl, 1e-6) / config.target_kl)
    excess = steering.excess + (1.0 - EXCESS_AVERAGE) * (now - steering.excess)
    push = SHARPNESS * excess
    return Steering(excess, steering.level + config.kl_gain * (push > PUSH[0]) * excess)


def positive_weights(target: np.ndarray, weight: np.ndarray, limit: float = 10.0) -> np.ndarray:
    """negatives/positives of each label [L] among the training labels [N, L] that the masks keep, at most `limit`.

    They inflate the odds that are learned, which `dirvae.model.calibrated` undoes after training.
    """
    positives = np.sum(target * weight, axis=0)
    negatives = np.sum((1.0 - target) * weight, axis=0)
    return np.minimum(limit, negatives / np.maximum(positives, 1.0)).astype(np.float32)
