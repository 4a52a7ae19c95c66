"""This module asks what a model makes of an intervention: how its code moves, and what of the exact effect it can draw at all.

Given an image x(do c = 0) and the same with c = 1, the code's response needs no probe and no labels, and

    ceiling = NCC(decode(encode(x(do 1))) - decode(encode(x(do 0))),  x(do 1) - x(do 0))

says how much of an intervention survives encoding and decoding. Traversals start from what was encoded and show what the decoder
can render, so a low value explains a poor traversal. It is a bound in the strict sense only for a projection, since an encoder
may answer with more than the decoder's best.
"""

from typing import NamedTuple

import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from dirvae.metrics import counterfactual
from dirvae.model import Model
from dirvae.training import parallel
from dirvae.types import Params


class Response(NamedTuple):
    """The response of n images to one intervention."""

    low: np.ndarray  # float32 [n, D], what the head reads of x(do 0), in expectation
    high: np.ndarray  # float32 [n, D], of x(do 1)
    ceiling: np.ndarray  # float32 [n], 0 where the intervention changes no pixel


def respond(
    model: Model,
    params: Params,
    low: Float[np.ndarray, "n H W"],
    high: Float[np.ndarray, "n H W"],
    batch: int = 100,
) -> Response:
    """Encodes and decodes both versions of each image, `batch` at a time; the last batch is filled up."""
    parts = []
    for first in range(0, len(low), batch):
        pair = [images[first : first + batch] for images in (low, high)]
        count = len(pair[0])
        filled = [jnp.asarray(parallel.fill(images, batch))[..., None] for images in pair]
        parts.append([np.asarray(column)[:count] for column in _respond(model, params, *filled)])
    return Response(*(np.concatenate(column) for column in zip(*parts, strict=True)))


def _respond(model: Model, params: Params, low: Array, high: Array) -> tuple[Array, Array, np.ndarray]:
    (code_low, shown_low), (code_high, shown_high) = (_read(model, params, images) for images in (low, high))
    drawn, exact = (np.asarray(difference)[..., 0] for difference in (shown_high - shown_low, high - low))
    return code_low, code_high, np.nan_to_num(counterfactual.ncc(drawn, exact)).astype(np.float32)


def _read(model: Model, params: Params, images: Array) -> tuple[Array, Array]:
    """Returns what the head reads [B, D] and the reconstruction, both from the posterior's expectations."""
    outputs = model.expected(params, images)
    read = model.latent.head_mean(outputs.posterior)
    return read.reshape(read.shape[0], -1), outputs.pixels.location
