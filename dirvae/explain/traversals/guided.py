"""Gradient-guided traversals on the manifold.

At coordinates c the cotangent is the gradient of tau -> logit(retract(c, tau)) at tau = 0. A metric raises it to a direction
(`dirvae.explain.traversals.directions`). A step of fixed length is retracted, so that every point of the path is a legal latent.
The gradient is taken anew at every step. Without the retraction inside the derivative even a linear head's logit can fall
along "its gradient", because moving on the simplex renormalises. The geometry is the latent's own: log ratios (Aitchison's)
on a simplex, Euclidean elsewhere.
"""

import math
from functools import partial
from typing import NamedTuple

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, Int, Key

from dirvae.explain.traversals.directions import Options, steepest
from dirvae.explain.traversals.path import Path, in_chunks, on_image, render
from dirvae.model import Model, read
from dirvae.types import Params, PyTree

FLAT = 1e-12  # length of a direction below which there is none
LONGEST = 10.0  # times the step that `adaptive_step` may lengthen one, where a curved head is nearly flat
DEFAULT = Options()


def on_manifold(
    model: Model,
    params: Params,
    images: Float[Array, "B H W C"],
    label: Int[Array, "B *G"],
    sign: Float[Array, "B *G"],
    options: Options = DEFAULT,
) -> Path:
    """Follows a label's logit from each image's latent, up where the sign is +1 and down where it is -1, and decodes the path.

    `images` are float32 [B, H, W, C], grey levels in [0, 1]. `label` [B] holds columns of the classifier. With a further axis,
    [B, G], it holds several labels of each image. `sign` has its shape. The path has `options.steps` + 1 = T frames and starts at the
    posterior's `point`. It returns a `Path`: images [*B, T, H, W, C] in grey levels, sigmoids of the logits [*B, T, L], distances
    [*B, T] in the latent's coordinates, and the coordinates themselves.

    A path stops, and its frames repeat, once the label's probability has passed the target (its complement when
    lowering), or where the gradient vanishes. With `options.stop` "picture" it is the probability that the classifier re-reads from
    the image with the path's change, with "code" the head's of the latent. Steps are `step_size` long. With `adaptive_step` a step may
    be longer: the rest of the way to the target's logit, divided by the steps that are left. The slope is that of the code's logit
    here, or of the re-read one over the last step.

    Raises:
      ValueError: for `options.chunk` below 1.

    Example:
        >>> import jax, jax.numpy as jnp
        >>> from dirvae import Config, model, traverse
        >>> from dirvae.config import override
        >>> small = override(Config(), {"latents": 4, "widths": "4,4", "hidden": 8}).model
        >>> net = model.build(small, labels=2, image_size=16)
        >>> params = net.init(jax.random.key(0))
        >>> images = jnp.full((3, 16, 16, 1), 0.5)
        >>> path = traverse(net, params, images, label=jnp.array([0, 1, 1]), sign=jnp.array([1.0, 1.0, -1.0]))
        >>> path.images.shape, path.probability.shape
        ((3, 25, 16, 16, 1), (3, 25, 2))
        >>> bool(path.probability[0, -1, 0] > path.probability[0, 0, 0])
        True
    """
    start = model.latent.point(model.encode(params, images))

    def wide(x: Array) -> Array:
        several = x.reshape(len(images), *(1 for _ in label.shape[1:]), *x.shape[1:])
        return jnp.broadcast_to(several, (*label.shape, *x.shape[1:]))

    return _traverse(model, params, wide(images), wide(start), label, sign, options)


def from_draws(
    model: Model,
    params: Params,
    images: Float[Array, "B H W C"],
    label: Int[Array, " B"],
    sign: Float[Array, " B"],
    keys: Key[Array, " B"],
    draws: int,
    options: Options = DEFAULT,
) -> Path:
    """Follows `draws` paths [B, draws, ...] of each image, each from a draw of its posterior by the image's own key.

    What the paths have in common does not hang on the one point that the encoder settled for.
    """
    posterior = model.encode(params, images)
    several = jax.vmap(lambda key: jax.random.split(key, draws))(keys)

    def draw(key: Key[Array, ""], q: PyTree) -> Array:
        return model.latent.sample(key, q).coordinates

    def wide(x: Array) -> Array:
        return jnp.broadcast_to(x[:, None], (len(images), draws, *x.shape[1:]))

    start = jax.vmap(jax.vmap(draw, in_axes=(0, None)))(several, posterior)
    return _traverse(model, params, wide(images), start, wide(label), wide(sign), options)


def _traverse(
    model: Model, params: Params, images: Array, start: Array, label: Array, sign: Array, options: Options
) -> Path:
    """Follows paths from `start` [*B, *event] of images [*B, H, W, C], with labels and signs [*B]; `options.chunk` bounds the memory."""
    follow = jax.vmap(partial(_follow, model, params, options))
    flat = (x.reshape(-1, *x.shape[label.ndim :]) for x in (images, start, label, sign))
    coordinates, distance = in_chunks(lambda row: follow(*row), tuple(flat), options.chunk)

    def shaped(x: Array) -> Array:
        return x.reshape(*label.shape, *x.shape[1:])

    return render(model, params, images, shaped(coordinates), shaped(distance), options.chunk)


class _Place(NamedTuple):
    """A place on a path: coordinates, the distance gone, and what the logit that decides was at the last place, and how far away."""

    here: Array
    gone: Float[Array, ""]
    before: Float[Array, ""]
    size: Float[Array, ""]


def _follow(
    model: Model,
    params: Params,
    options: Options,
    image: Float[Array, "H W C"],
    start: Array,
    label: Int[Array, ""],
    sign: Float[Array, ""],
) -> tuple[Array, Float[Array, " T"]]:
    """One image's path: coordinates with a leading axis T = steps + 1, and the distance gone."""
    mask = None if options.mask is None else jnp.asarray(options.mask)[label]
    goal = math.log(options.target_probability / (1.0 - options.target_probability)) if options.adaptive_step else 0.0
    by_picture = options.stop == "picture"
    begun = model.decode(params, start[None]).location if by_picture else None

    def step(place: _Place, left: Array) -> tuple[_Place, tuple[Array, Array]]:
        here = place.here
        value, tangent, rise = steepest(model, params, options, here, label, sign, mask)
        length = jnp.sqrt(jnp.sum(jnp.square(tangent)))
        slope = jnp.maximum(rise, FLAT) / length
        if by_picture:
            decoded = model.decode(params, here[None]).location
            value = sign * read(model, params, on_image(image[None], decoded, begun))[0, label]
            secant = (value - place.before) / place.size
            slope = jnp.where((place.size > 0) & (secant > 0), secant, slope)
        going = (jax.nn.sigmoid(value) < options.target_probability) & (length > FLAT)
        needed = (goal - value) / (left * slope) if options.adaptive_step else 0.0
        wanted = jnp.clip(needed, options.step_size, LONGEST * options.step_size)
        size = jnp.where(going, wanted, 0.0)
        there = model.latent.retract(here, size / jnp.maximum(length, FLAT) * tangent)
        there = jnp.where(going, there, here)
        return _Place(there, place.gone + size, value, size), (there, place.gone + size)

    zero = jnp.zeros(())
    remaining = jnp.arange(options.steps, 0, -1, dtype=jnp.float32)
    _, (path, distance) = jax.lax.scan(step, _Place(start, zero, zero, zero), remaining)
    return jnp.concatenate([start[None], path]), jnp.concatenate([zero[None], distance])
