"""The objective, as named, unweighted terms of each example.

    L(x, y) = -log p(x|z) + beta KL(q(z|x) || p(z)) + lambda BCE(y, logits(z)),    z ~ q(z|x)

All terms are sums (over pixels, latent dimensions, labels), so that with beta = 1 and lambda = 0 the objective is the
negative ELBO in nats (Kingma & Welling 2014; Joo et al. 2020 for the Dirichlet). They are averaged over examples only at
the edge, in `dirvae.train`.
"""

from collections.abc import Callable

import jax
import jax.numpy as jnp
import numpy as np
import optax
from jaxtyping import Array, Float

from dirvae.config import LossConfig
from dirvae.latents.family import Latent
from dirvae.types import Batch, Key, LossTerms, ModelOutputs, Pixels, PyTree

BETA_LOGARITHMS = (-9.0, 9.0)  # bounds of a steered log beta
BETA_AVERAGE = 0.9  # decay of its moving average


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
    smoothing: float = 0.0,
) -> Float[Array, "*B"]:
    """Masked binary cross-entropy in nats, summed over the labels that the masks keep.

    `positive_weight` [L] multiplies the positives' terms; `smoothing` s moves targets to y (1 - s) + s/2.
    """
    smooth = target * (1.0 - smoothing) + 0.5 * smoothing
    if positive_weight is None:
        balance = jnp.ones_like(target)
    else:
        wide = jnp.broadcast_to(positive_weight, target.shape)
        balance = 1.0 + target * (wide - 1.0)
    return jnp.sum(weight * balance * optax.sigmoid_binary_cross_entropy(logits, smooth), axis=-1)


def terms(
    outputs: ModelOutputs,
    images: Float[Array, "B H W C"],
    batch: Batch,
    latent: Latent,
    likelihood: str,
    positive_weight: Float[Array, " L"] | None = None,
    smoothing: float = 0.0,
) -> LossTerms:
    """Every term of every example; padding rows are not yet masked."""
    return LossTerms(
        reconstruction=negative_log_likelihood(images, outputs.pixels, likelihood),
        kl=latent.kl(outputs.posterior, latent.prior),
        classification=cross_entropy(outputs.logits, batch.target, batch.weight, positive_weight, smoothing),
    )


def weighted(values: LossTerms, beta: Float[Array, ""], classification_weight: float) -> Float[Array, " B"]:
    """The objective of each example."""
    return values.reconstruction + beta * values.kl + classification_weight * values.classification


def log_weights(
    latent: Latent,
    key: Key,
    posterior: PyTree,
    samples: int,
    log_likelihood: Callable[[Float[Array, "S B ..."]], Float[Array, "S B"]],
) -> Float[Array, "S B"]:
    """log p(x|z) + log p(z) - log q(z|x) of S draws of z ~ q(z|x) an image; `log_likelihood` of the draws' coordinates.

    Both densities are with respect to one measure, that of the family's `log_prob`, and z is drawn from the very q: so the
    weights have mean p(x), in whatever coordinates the draws are kept.
    """
    lead = jax.tree.leaves(posterior)[0].shape
    wide = lambda leaf: jnp.broadcast_to(leaf, (samples, *lead))  # noqa: E731
    many, prior = jax.tree.map(wide, posterior), jax.tree.map(wide, latent.prior)
    z = latent.sample(key, many).coordinates
    return log_likelihood(z) + latent.log_prob(prior, z) - latent.log_prob(many, z)


def kl_weight(step: Float[Array, ""], log_beta: Float[Array, ""], steps: int, config: LossConfig) -> Float[Array, ""]:
    """beta: rising linearly from 0 over the warm-up's share of the steps or, with a target, where `steered` has it."""
    if config.target_kl:
        return jnp.exp(log_beta)
    ramp = jnp.minimum(1.0, step / max(1.0, config.kl_warmup * steps)) if config.kl_warmup else jnp.float32(1.0)
    return jnp.asarray(config.beta * ramp, jnp.float32)


def steered(log_beta: Float[Array, ""], kl: Float[Array, ""], config: LossConfig) -> Float[Array, ""]:
    """beta = (KL/target)^sharpness, with log beta averaged over steps: models with different priors at the same number of nats.

    Where the KL settles with a multiplier beta*, it is off its target by the factor beta*^(1/sharpness): 3.7 % for beta* = 3 at
    the default. Dual ascent, log beta + gain (KL/target - 1) (Rezende & Viola 2018, arXiv 1810.00597), would leave no such
    offset, but a Dirichlet's KL rises over most of the training, and the multiplier winds down to nothing meanwhile.
    """
    if not config.target_kl:
        return log_beta
    wanted = config.kl_sharpness * jnp.log(jnp.maximum(kl, 1e-6) / config.target_kl)
    return jnp.clip(log_beta + (1.0 - BETA_AVERAGE) * (jnp.clip(wanted, *BETA_LOGARITHMS) - log_beta), *BETA_LOGARITHMS)


def positive_weights(target: np.ndarray, weight: np.ndarray, limit: float = 10.0) -> np.ndarray:
    """negatives/positives of each label [L] among the training labels [N, L] that the masks keep, at most `limit`."""
    positives = np.sum(target * weight, axis=0)
    negatives = np.sum((1.0 - target) * weight, axis=0)
    return np.minimum(limit, negatives / np.maximum(positives, 1.0)).astype(np.float32)


def posterior_probability(logits: Float[Array, "*B L"], positive_weight: np.ndarray | None) -> Float[Array, "*B L"]:
    """P(y = 1): the sigmoid, with the odds that class weights inflated divided out again."""
    if positive_weight is None:
        return jax.nn.sigmoid(logits)
    return jax.nn.sigmoid(logits - jnp.broadcast_to(jnp.log(positive_weight), logits.shape))
