"""This module measures how tightly a trained model bounds log p(x), by importance weights, and what its draws tell of the image."""

import jax
import jax.numpy as jnp
import numpy as np

from dirvae import losses
from dirvae.config import Config
from dirvae.metrics import iwae
from dirvae.model import Model
from dirvae.training import data, parallel
from dirvae.types import Key, Params, PyTree, grey_levels

PAIRS = 512  # images times draws that are decoded at once


def scores(model: Model, config: Config, params: Params, examples: data.Examples) -> dict[str, float]:
    """Bounds of log p(x) and what z tells of x, on the first `bound_images` of a split; see `dirvae.metrics.iwae`.

    Nothing where none are asked for or the latent has no density.
    """
    count, samples = min(config.evaluate.bound_images, len(examples.split)), config.evaluate.bound_samples
    if not count or not samples or not config.model.family.density:
        return {}
    key = jax.random.key(config.seed)
    images = grey_levels(examples.split.images(np.arange(count)))
    posterior = jax.tree.map(np.asarray, model.encode(params, images))
    z = model.latent.sample(key, posterior).coordinates

    def density(draw: PyTree) -> jax.Array:
        """log q(z|x) of one draw under the posterior of every image."""
        repeated = jax.tree.map(lambda leaf: jnp.broadcast_to(leaf[None], (count, *leaf.shape)), draw)
        return model.latent.log_prob(posterior, repeated)

    # One draw after the other: of a vmap of this, XLA's CPU backend (jax 0.10.2) gets the sums over broadcast concentrations wrong
    information = iwae.mutual_information(np.asarray(jax.jit(lambda z: jax.lax.map(density, z))(z)))
    bounds = iwae.bounds(_log_weights(model, config, params, posterior, images, key))
    return {
        "iw_bound": float(bounds.importance_weighted.mean()),
        "iw_elbo": float(bounds.elbo.mean()),
        "iw_samples": samples,
        "iw_images": count,
        "effective_samples": float(bounds.effective_samples.mean()),
        "mutual_information": information.value,
        "mutual_information_error": information.error,
        "mutual_information_ceiling": information.ceiling,
    }


def _log_weights(
    model: Model, config: Config, params: Params, posterior: PyTree, images: np.ndarray, key: Key
) -> np.ndarray:
    """[S, N], a few images at a time."""
    samples = config.evaluate.bound_samples
    size = max(1, min(len(images), PAIRS // samples))

    @jax.jit
    def weigh(params: Params, key: Key, posterior: PyTree, images: jax.Array) -> jax.Array:
        wide = jnp.broadcast_to(images, (samples, *images.shape))

        def log_likelihood(z: PyTree) -> jax.Array:
            pairs = jax.tree.map(lambda leaf: leaf.reshape(-1, *leaf.shape[2:]), z)
            pixels = model.decode_channels(params, model.latent.to_decoder(pairs))
            nats = losses.negative_log_likelihood(wide.reshape(-1, *images.shape[1:]), pixels, config.model.likelihood)
            return -nats.reshape(samples, -1)

        return losses.log_weights(model.learned(params), key, posterior, samples, log_likelihood)

    chunks = []
    for first in range(0, len(images), size):
        rows = np.arange(first, min(first + size, len(images)))
        filled = parallel.fill(rows, size)
        chunk = jax.tree.map(lambda leaf: leaf[filled], posterior)  # noqa: B023
        chunks.append(np.asarray(weigh(params, jax.random.fold_in(key, first), chunk, images[filled]))[:, : len(rows)])
    return np.concatenate(chunks, axis=1)
