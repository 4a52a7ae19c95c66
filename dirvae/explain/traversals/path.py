"""A traversal as images, and the decoding of its points in chunks that bound the memory.

A decoded frame D(z_t) is a blurred likeness of the image x. What a path changes can be laid onto the image itself:

    on_image_t = clip(x + D(z_t) - D(z_0), 0, 1)

keeps everything that the decoder cannot draw. The classifier reads this picture anew, since what it says of the latent z_t need not
be what it says of the picture.
"""

from collections.abc import Callable
from typing import NamedTuple

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from dirvae.model import Model, read
from dirvae.types import Params, PyTree

CHUNK = 128  # frames that are decoded at once, or images that are followed at once, on a device


class Path(NamedTuple):
    """Traversals, one for each of the leading axes; frame 0 is the start, later frames are the steps.

    `on_image` is the image with the path's change added, and `reread` what the classifier says of that picture. `images` are the
    decoded latents, and `probability` is what the head says of the latents themselves.
    """

    on_image: Float[Array, "*B T H W C"]
    reread: Float[Array, "*B T L"]
    images: Float[Array, "*B T H W C"]
    probability: Float[Array, "*B T L"]
    distance: Float[Array, "*B T"]  # length of the path so far, in the latent's coordinates (harkness2023: in z)
    coordinates: Array  # [*B, T, *event], the latent's own: log z for a Dirichlet, z for a Gaussian


def on_image(
    images: Float[Array, "*B H W C"], decoded: Float[Array, "*B H W C"], start: Float[Array, "*B H W C"]
) -> Float[Array, "*B H W C"]:
    """The images with the change from one decoded frame to another: clip(x + D(z_t) - D(z_0), 0, 1)."""
    return jnp.clip(images + decoded - start, 0.0, 1.0)


def render(
    model: Model,
    params: Params,
    images: Float[Array, "*B H W C"],
    coordinates: Array,
    distance: Float[Array, "*B T"],
    chunk: int = CHUNK,
) -> Path:
    """Decodes and classifies all points of paths from `images`, and classifies the pictures, `chunk` at a time."""
    lead, flat = distance.shape, coordinates.reshape(-1, *model.latent.spec.event)
    frames = lead[-1]

    def decoded(points: Array) -> tuple[Array, Array]:
        return model.decode(params, points).location, jax.nn.sigmoid(model.classify(params, points))

    shown, probability = in_chunks(decoded, flat, chunk)
    own = images.reshape(-1, *shown.shape[1:])

    def seen(rows: tuple[Array, Array]) -> tuple[Array, Array]:
        number, frame = rows
        pictures = on_image(own[number], frame, shown[number * frames])
        return pictures, jax.nn.sigmoid(read(model, params, pictures))

    pictures, reread = in_chunks(seen, (jnp.arange(len(flat)) // frames, shown), chunk)
    parts = (x.reshape(*lead, *x.shape[1:]) for x in (pictures, reread, shown, probability))
    return Path(*parts, distance, coordinates)


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
