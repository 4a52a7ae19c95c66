"""kNN error, active units and likelihood bounds of a model of MNIST."""

import functools

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float
from sklearn.neighbors import KNeighborsClassifier

from dirvae import losses
from dirvae.latents import families
from dirvae.latents.family import Latent
from dirvae.metrics import iwae as metric
from dirvae.metrics import sparsity
from dirvae.training import parallel
from dirvae.types import Key, Params, grey_levels
from experiments.literature import mlp
from experiments.literature.digits import Digits, Part

NEIGHBOURS = (3, 5, 10)
CHUNK = 1000  # images encoded at once
PAIRS = 2000  # images times samples decoded at once


def score(
    latent: Latent, params: Params, digits: Digits, split: str, samples: int, scored: int, seed: int
) -> dict[str, object]:
    """{"knn_error": {k: percent}, "active", "nll", "negative_elbo", "kl", "effective_samples", ...}, nats an image."""
    part = getattr(digits, split)
    codes, train_codes = (means(latent, params, each) for each in (part, digits.train))
    bound = bounds(latent, params, binarised(part)[:scored], samples, seed)
    return {
        "split": split,
        "knn_error": {
            str(k): knn_error(train_codes[0], digits.train.digit, codes[0], part.digit, k) for k in NEIGHBOURS
        },
        "active": sparsity.active_units(codes[1]),
        "latents": codes[1].shape[1],
        **bound,
    }


def binarised(part: Part, seed: int = 0) -> np.ndarray:
    """float32 [N, 784] of 0 and 1, the same whenever it is asked for."""
    shades = grey_levels(part.pixels)
    return (np.random.default_rng(seed).random(shades.shape, np.float32) < shades).astype(np.float32)


def means(latent: Latent, params: Params, part: Part) -> tuple[np.ndarray, np.ndarray]:
    """Returns what decoder and head read of every binarised image's posterior in expectation, [N, K] each."""
    read = jax.jit(lambda images: _means(latent, params, images))
    images = binarised(part)
    columns = [read(images[first : first + CHUNK]) for first in range(0, len(images), CHUNK)]
    return tuple(np.concatenate([np.asarray(row[i]) for row in columns]) for i in range(2))


def _means(latent: Latent, params: Params, images: Array) -> tuple[Array, Array]:
    posterior = mlp.encode(latent, params, images)
    return latent.decoder_mean(posterior), latent.head_mean(posterior)


def knn_error(codes: np.ndarray, digit: np.ndarray, others: np.ndarray, truth: np.ndarray, k: int) -> float:
    """Percent of `others` whose k nearest training codes (Euclidean) vote for another digit."""
    found = KNeighborsClassifier(k, algorithm="brute").fit(codes, digit).predict(others)
    return float(100.0 * np.mean(found != truth))


def bounds(latent: Latent, params: Params, images: np.ndarray, samples: int, seed: int) -> dict[str, float]:
    """-ELBO, KL, the importance-weighted bound and its effective samples (`dirvae.metrics.iwae`), means over images.

    A latent without a density has no bounds: NaN.
    """
    if not families.family(latent.name).density:
        return dict.fromkeys(("negative_elbo", "kl", "nll", "effective_samples"), float("nan"))
    size = max(1, PAIRS // samples)
    run = jax.jit(functools.partial(_log_weights, latent, params, samples=samples))
    rows, kl = [], []
    for first in range(0, len(images), size):
        chunk = parallel.fill(images[first : first + size], size)
        key = jax.random.fold_in(jax.random.key(seed), first)
        log_weights, nats = run(key, chunk)
        kept = min(size, len(images) - first)
        rows.append(np.asarray(log_weights[:, :kept], np.float64))
        kl.append(np.asarray(nats[:kept]))
    found = metric.bounds(np.concatenate(rows, axis=1))
    return {
        "negative_elbo": float(-found.elbo.mean()),
        "kl": float(np.concatenate(kl).mean()),
        "nll": float(-found.importance_weighted.mean()),
        "effective_samples": float(found.effective_samples.mean()),
        "samples": samples,
    }


def _log_weights(
    latent: Latent, params: Params, key: Key, images: Float[Array, "B D"], samples: int
) -> tuple[Float[Array, "S B"], Float[Array, " B"]]:
    """log p(x, z) - log q(z|x) of S draws a image, and KL(q || p) in closed form."""
    posterior = mlp.encode(latent, params, images)

    def log_likelihood(z: Float[Array, "S B K"]) -> Float[Array, "S B"]:
        flat, wide = z.reshape(-1, z.shape[-1]), jnp.tile(images, (samples, 1))
        return -mlp.negative_log_likelihood(latent, params, wide, flat).reshape(samples, -1)

    weights = losses.log_weights(latent, key, posterior, samples, log_likelihood)
    return weights, latent.kl(posterior, latent.prior)


def show(name: str, found: dict) -> str:
    """One row under the published ones."""
    errors = "/".join(f"{found['knn_error'][str(k)]:.2f}" for k in NEIGHBOURS)
    nats = " | ".join(f"{found[name]:.2f}" for name in ("nll", "negative_elbo", "kl"))
    head = f"MNIST, {found['split']} | NLL | -ELBO | KL | kNN error % k=3/5/10 | active | effective samples of {found.get('samples', 0)}"
    row = f"{name} | {nats} | {errors} | {found['active']} of {found['latents']} | {found['effective_samples']:.1f}"
    return f"| {head} |\n|{'---|' * 7}\n| {row} |"
