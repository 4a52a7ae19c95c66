"""A traversal as images, and the decoding of its points in chunks that bound the memory."""

from collections.abc import Callable
from typing import NamedTuple

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from dirvae.model import Model
from dirvae.types import Params, PyTree

CHUNK = 128  # frames that are decoded at once, or images that are followed at once, on a device


class Path(NamedTuple):
    """Traversals, one for each of the leading axes; frame 0 is the start, later frames are the steps."""

    images: Float[Array, "*B T H W C"]
    probability: Float[Array, "*B T L"]
    distance: Float[Array, "*B T"]  # length of the path so far, in the latent's coordinates (harkness2023: in z)
    coordinates: Array  # [*B, T, *event], the latent's own: log z for a Dirichlet, z for a Gaussian


def render(
    model: Model, params: Params, coordinates: Array, distance: Float[Array, "*B T"], chunk: int = CHUNK
) -> Path:
    """Decodes and classifies all points, `chunk` at a time."""
    flat = coordinates.reshape(-1, *model.latent.spec.event)

    def show(points: Array) -> tuple[Array, Array]:
        return model.decode(params, points).location, jax.nn.sigmoid(model.classify(params, points))

    shown, probability = (x.reshape(*distance.shape, *x.shape[1:]) for x in in_chunks(show, flat, chunk))
    return Path(shown, probability, distance, coordinates)


def in_chunks(function: Callable[[PyTree], PyTree], rows: PyTree, chunk: int) -> PyTree:
    """`function` of all rows, of `chunk` of them at a time and then of those left over: its memory is that of a chunk.

    Raises:
      ValueError: for a chunk below 1.
    """
    if chunk < 1:
        raise ValueError(f"chunk={chunk} is no number of rows; give at least 1")
    count = len(jax.tree.leaves(rows)[0])
    if count <= chunk:
        return function(rows)
    whole = count - count % chunk
    chunks = jax.tree.map(lambda x: x[:whole].reshape(-1, chunk, *x.shape[1:]), rows)
    results = jax.tree.map(lambda x: x.reshape(-1, *x.shape[2:]), jax.lax.map(function, chunks))
    if whole == count:
        return results
    rest = function(jax.tree.map(lambda x: x[whole:], rows))
    return jax.tree.map(lambda first, last: jnp.concatenate([first, last]), results, rest)
