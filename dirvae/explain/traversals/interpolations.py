"""Straight lines between points of the latent space: interpolations, which explain no prediction.

Straight is meant in the latent's own geometry: in log ratios on a simplex, hence a geodesic of Aitchison's geometry and on
the manifold; in the coordinates themselves elsewhere.
"""

import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from dirvae.explain.traversals.path import CHUNK, Path, render
from dirvae.model import Model
from dirvae.types import Params


def along(
    model: Model,
    params: Params,
    images: Float[Array, "B H W C"],
    direction: Array,
    distances: Float[Array, " T"],
    chunk: int = CHUNK,
) -> Path:
    """Goes from each image's point in its direction [B, *event], such as a row of `class_differences`, of any length."""
    start = model.latent.point(model.encode(params, images))
    tangent = model.latent.raise_index(start, direction, "identity")
    unit = tangent / _wide(jnp.maximum(_norm(tangent), 1e-20), tangent)
    return _straight(model, params, images, start, unit, distances, chunk)


def class_differences(
    codes: Float[np.ndarray, "N *event"], target: Float[np.ndarray, "N L"], weight: Float[np.ndarray, "N L"]
) -> Float[np.ndarray, "L *event"]:
    """Mean of the coordinates (log ratios, on a simplex) over a label's positives less that over its negatives.

    Raises:
      ValueError: where a label lacks either.
    """
    flat = np.asarray(codes, np.float64).reshape(len(codes), -1)
    sides = [np.asarray(weight, np.float64) * (np.asarray(target) > 0), np.asarray(weight) * (np.asarray(target) <= 0)]
    for name, side in zip(("positives", "negatives"), sides, strict=True):
        empty = np.flatnonzero(side.sum(axis=0) == 0)
        if len(empty):
            raise ValueError(
                f"label {empty[0]} has no {name} among {len(codes)} images; leave it out or give more images"
            )
    positive, negative = ((side.T @ flat) / side.sum(axis=0)[:, None] for side in sides)
    return (positive - negative).reshape(target.shape[1], *codes.shape[1:]).astype(np.float32)


def _straight(
    model: Model, params: Params, images: Array, start: Array, tangent: Array, shares: Array, chunk: int
) -> Path:
    """Points retract(start, share * tangent) for every share [T]."""
    steps = tangent[:, None] * shares.reshape(1, -1, *(1 for _ in model.latent.spec.event))
    coordinates = model.latent.retract(jnp.broadcast_to(start[:, None], steps.shape), steps)
    return render(model, params, images, coordinates, _norm(tangent)[:, None] * jnp.abs(shares)[None], chunk)


def _norm(tangent: Array) -> Float[Array, " B"]:
    return jnp.linalg.norm(tangent.reshape(len(tangent), -1), axis=1)


def _wide(values: Float[Array, " B"], like: Array) -> Array:
    return values.reshape(-1, *(1 for _ in like.shape[1:]))
