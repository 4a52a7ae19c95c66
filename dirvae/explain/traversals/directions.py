"""A direction says which way a traversal goes: it is the gradient of a logit, restricted, cleared of other logits, and raised by a metric.

At coordinates c let g be the gradient of tau -> logit(retract(c, tau)) at tau = 0, and M the metric that raises it
(`dirvae.latents.geometry`). Let P project onto the latents that may move, and A hold the gradients of logits that are to stay. The
direction

    v = P M P (g - A l),    l such that A^T v = 0,

is the shortest in the metric, to first order, among those that raise the logit by a given amount. It moves no other latent and
leaves the held logits as they are. Without restrictions it is v = M g.

The decoder's pull-back takes M = (J^T J + d I)^-1, J the Jacobian of the decoded image: the smallest change of pixels for a
change of the logit. It is solved for by conjugate gradients, so that J is never built.
"""

import math
from collections.abc import Callable
from functools import partial
from typing import Literal, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, Int

from dirvae.explain.traversals.path import CHUNK
from dirvae.latents import geometry
from dirvae.latents.family import LatentSpec
from dirvae.model import Model
from dirvae.types import Params

ITERATIONS = 16  # of conjugate gradients at most; fewer once the residual has fallen to TOLERANCE of the gradient
TOLERANCE = 1e-3
DAMPING = 0.1  # d, as a share of the curvature |J g|^2/|g|^2 along the gradient
REMAINDER = 1e-5  # share of the logit's rise below which what other logits leave of it is rounding
SINGULAR = 1e-5  # held gradients this dependent on others count as dependent

Stop = Literal["picture", "code"]

Raise = Callable[[Array], Array]
"""A function that raises an index: it turns a cotangent into a tangent, both of the event's shape."""


class Options(NamedTuple):
    """Options say how a traversal goes. Their names select code, so close over them: they are no argument of a jitted function."""

    steps: int = 24
    step_size: float = 0.6  # length of a step in the latent's coordinates
    target_probability: float = 0.95  # a path stops once the label's probability (lowering: its complement) passes this
    stop: Stop = (
        "picture"  # whose probability that is: the one re-read from the picture on the image, or the latent code's
    )
    metric: geometry.Metric = "identity"  # identity, fisher, pull_back or the coordinates' covariance
    mask: Float[Array, "M *event"] | None = None  # row c: 1 for the latents that may move for label c (`own_latents`)
    constrain_others: bool = False  # hold the other labels' logits, to first order
    chunk: int = CHUNK  # images followed, and frames decoded, at once
    adaptive_step: bool = (
        False  # longer steps where these would end short of the target, as far as the slope here tells
    )


def own_latents(spec: LatentSpec, own: int) -> Float[np.ndarray, "M *event"]:
    """Row c: the latents that an assigned head gives to its label c (`dirvae.networks.classifier`); a row for all that there are.

    On simplexes these are log ratios to the first component, which component k alone moves when the others keep theirs.

    Raises:
      ValueError: where not even one label can own as many.
    """
    whole = spec.parts[0] if spec.parts else spec
    free = np.ones(whole.event, bool)
    if whole.simplex:
        free[..., 0] = False
    latents = np.flatnonzero(free)
    rows = len(latents) // own
    if rows == 0:
        raise ValueError(
            f"no label can own {own} latents where there are {len(latents)}; set model.latents_per_finding to fewer"
        )
    mask = np.zeros((rows, free.size), np.float32)
    np.put_along_axis(mask, latents[: rows * own].reshape(rows, own), 1.0, axis=1)
    beside = np.zeros((rows, math.prod(spec.event) - free.size), np.float32)  # the places of two levels belong to none
    return np.concatenate([mask, beside], axis=1).reshape(rows, *spec.event)


def steepest(
    model: Model,
    params: Params,
    options: Options,
    here: Array,
    label: Int[Array, ""],
    sign: Float[Array, ""],
    mask: Array | None,
) -> tuple[Float[Array, ""], Array, Float[Array, ""]]:
    """sign * logit at one image's `here`, the direction in which it rises fastest, and how much it rises along it."""
    still, raised = jnp.zeros_like(here), _raiser(model, params, options, here, mask)
    value, cotangent = jax.value_and_grad(lambda tau: sign * _logits(model, params, here, label, tau))(still)
    if not options.constrain_others:
        tangent = raised(cotangent)
        return value, tangent, jnp.vdot(cotangent, tangent)
    every = jax.jacrev(partial(_logits, model, params, here, slice(None)))(still)
    other = (jnp.arange(len(every)) != label).reshape(-1, *(1 for _ in here.shape))
    tangent = cleared(raised, cotangent, every * other)
    return value, tangent, jnp.vdot(cotangent, tangent)


def _logits(model: Model, params: Params, here: Array, which: Array | slice, tau: Array) -> Array:
    """The logits `which` after a step tau from one image's coordinates."""
    latent = model.latent
    return model.classify_channels(params, latent.to_head(latent.retract(here, tau))[None])[0, which]


def cleared(raised: Raise, cotangent: Float[Array, "*event"], held: Float[Array, "M *event"]) -> Float[Array, "*event"]:
    """M (g - A l) with l such that A^T v = 0; nought where nothing but rounding is left."""
    flat = held.reshape(len(held), -1)
    flat = flat / jnp.maximum(jnp.linalg.norm(flat, axis=1, keepdims=True), 1e-20)
    tangent, sides = raised(cotangent), jax.vmap(raised)(flat.reshape(held.shape))
    inverse = jnp.linalg.pinv(flat @ sides.reshape(flat.shape).T, rtol=SINGULAR)

    def clear(v: Array) -> Array:
        return v - jnp.tensordot(inverse @ (flat @ v.reshape(-1)), sides, axes=1)

    left = clear(clear(tangent))  # twice, since little may be left and rounding with it
    return jnp.where(jnp.vdot(cotangent, left) > REMAINDER * jnp.vdot(cotangent, tangent), left, 0.0)


def _raiser(model: Model, params: Params, options: Options, here: Array, mask: Array | None) -> Raise:
    """P M P at one image's coordinates."""
    simplex = model.latent.spec.simplex > 0
    restrict: Raise = (lambda v: v) if mask is None else (lambda v: geometry.restrict(v, mask, simplex))
    if isinstance(options.metric, str) and options.metric == "pull_back":
        return partial(_pull_back, model, params, here, restrict)
    return lambda cotangent: restrict(model.latent.raise_index(here, restrict(cotangent), options.metric))


def _pull_back(model: Model, params: Params, here: Array, restrict: Raise, cotangent: Array) -> Array:
    """(P J^T J P + d I)^-1 P g."""
    latent, still, g = model.latent, jnp.zeros_like(here), restrict(cotangent)

    def shown(tau: Array) -> Array:
        return model.decode_channels(params, latent.to_decoder(latent.retract(here, tau))[None]).location

    push = jax.linearize(shown, still)[1]
    pull = jax.linear_transpose(push, still)

    def square(v: Array) -> Array:
        return restrict(pull(push(restrict(v)))[0])

    damping = DAMPING * (jnp.vdot(g, square(g)) / jnp.maximum(jnp.vdot(g, g), 1e-30) + 1e-12)
    solved, _ = jax.scipy.sparse.linalg.cg(lambda v: square(v) + damping * v, g, tol=TOLERANCE, maxiter=ITERATIONS)
    return solved
