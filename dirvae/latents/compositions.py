"""Codes as compositions: shares of simplexes, pairs, free numbers and the title of a latent, from its configuration.

A composition of K components has K - 1 free numbers. One of two components, a pair, has one: its shares mirror each other,
and so do its centred log ratios, so that the second of either says all.
"""

import numpy as np
from jaxtyping import Float

from dirvae.config import ModelConfig


def components(model: ModelConfig) -> int:
    """The components of each simplex of the (global) code, 0 where the code is no composition."""
    return model.latents if model.family.simplex else 0


def in_pairs(model: ModelConfig) -> bool:
    """Tells whether the code is compositions of two components and nothing else."""
    return components(model) == 2 and model.structure != "hierarchical"


def title(model: ModelConfig) -> str:
    """The model's name, such as "Dirichlet VAE, Beta pairs"."""
    family = model.family
    return f"{family.title}, {family.pairs}" if in_pairs(model) else family.title


def free_numbers(model: ModelConfig) -> int:
    """Counts the free numbers of one image's code."""
    bound, places = model.family.simplex, model.grid**2
    count = (model.latents - bound) * model.groups * (places if model.structure == "spatial" else 1)
    if model.structure == "hierarchical":
        count += (model.local_latents - bound) * model.local_groups * places
    return count


def coordinates(model: ModelConfig, head_mean: Float[np.ndarray, "M D"]) -> Float[np.ndarray, "M d"]:
    """Returns what the head reads; of pairs, whose centred log ratios are c and -c, only c, hence d = D/2."""
    return head_mean[:, ::2] if in_pairs(model) else head_mean


def shares(model: ModelConfig, decoder_mean: Float[np.ndarray, "M D"]) -> Float[np.ndarray, "N K"]:
    """The shares E[z] of every simplex of every image, a row a simplex, from what the decoder reads, which is K z.

    Of a latent with a global and a spatial part these are the global part's.
    """
    hierarchical = model.structure == "hierarchical"
    whole = decoder_mean[:, : model.groups * model.latents] if hierarchical else decoder_mean
    return _closed(whole, model.latents)


def local_shares(model: ModelConfig, decoder_mean: Float[np.ndarray, "M D"]) -> Float[np.ndarray, "N K"]:
    """The shares of every simplex in the cells of a latent with a global and a spatial part, a row a simplex."""
    return _closed(decoder_mean[:, model.groups * model.latents :], model.local_latents)


def second_shares(model: ModelConfig, decoder_mean: Float[np.ndarray, "M D"]) -> Float[np.ndarray, "M n"]:
    """The second share of each of an image's n pairs."""
    return shares(model, decoder_mean)[:, 1].reshape(len(decoder_mean), -1)


def composition(model: ModelConfig, decoder_mean: Float[np.ndarray, "M D"]) -> Float[np.ndarray, "M C"]:
    """An image's shares as one row; of pairs the second share, which says all."""
    if components(model) == 2:
        return second_shares(model, decoder_mean)
    return shares(model, decoder_mean).reshape(len(decoder_mean), -1)


def _closed(scaled: np.ndarray, size: int) -> np.ndarray:
    z = scaled.reshape(-1, size) / size
    return z / z.sum(axis=-1, keepdims=True)
