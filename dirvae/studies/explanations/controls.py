"""Maps that need more than a method is asked: those drawn from what is known of the images, and the gate laid on others' maps.

They are controls of a comparison. `dirvae.explain.methods` has the maps of the methods themselves.
"""

from collections.abc import Callable

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from dirvae.explain import methods
from dirvae.explain.contract import Explain, Map, Setting
from dirvae.explain.truth import Truth
from dirvae.model import Model
from dirvae.types import Params, Query

Maps = dict[str, Float[np.ndarray, "n H W"]]
"""{map: one an image}."""

LOCATION_PRIOR = Map("location_prior", "Location prior", False, "control", "where the finding is on average; no model")
MEAN_EFFECT = Map("mean_effect", "Mean effect", True, "control", "what the finding adds on average; no model")
MEAN_EFFECT_GATED = Map("mean_effect_gated", "Mean effect, gated", True, "control", "the same times our gate")
LATENT_SHIFT_GATED = Map("latent_shift_gated", "Latent Shift, gated", True, "control", "Latent Shift times our gate")
ENCODE_DECODE = Map(
    "encode_decode",
    "Encode-decode",
    True,
    "control",
    "difference of the two reconstructions, of the image with the finding and of the same image without it",
)


def known_maps() -> dict[str, Map]:
    """Every map of a comparison by name: ours first, then others' explanations, then controls."""
    added = (LATENT_SHIFT_GATED, LOCATION_PRIOR, MEAN_EFFECT, MEAN_EFFECT_GATED, ENCODE_DECODE)
    by_role = [methods.maps_of(role) for role in ("ours", "rival", "control")]
    return {name: drawn for maps in by_role for name, drawn in maps.items()} | {drawn.name: drawn for drawn in added}


def explainer(setting: Setting) -> Explain:
    """(params, query) -> every registered map that can be built, and Latent Shift with our gate."""
    explain = methods.build_maps(setting)

    def every(params: Params, query: Query) -> dict[str, Array]:
        maps = explain(params, query)
        return maps | {LATENT_SHIFT_GATED.name: maps["latent_shift"] * maps["gate"]}

    return every


def reconstruction(model: Model) -> Callable[[Params, Float[Array, "n H W"]], Float[Array, "n H W"]]:
    """(params, images) -> their reconstructions from the posteriors' points, channels averaged."""

    @jax.jit
    def reconstruct(params: Params, images: Array) -> Array:
        point = model.latent.point(model.encode(params, images[..., None]))
        return jnp.mean(model.decode(params, point).location, axis=-1)

    return reconstruct


def query_of(truth: Truth, images: Float[np.ndarray, "n ..."], sign: float, rows: int) -> Query:
    """A query of exactly `rows` images, these repeated in turn, so that everything is compiled once for all findings."""
    filled, label = truth.filled_up(images, rows)
    return Query(filled, label, jnp.full(rows, sign))


def draw(
    explain: Explain, params: Params, truth: Truth, images: Float[np.ndarray, "n H W C"], sign: float, rows: int
) -> Maps:
    """{map: [n, H, W]} of the truth's finding for any n images."""
    maps = explain(params, query_of(truth, images, sign, rows))
    return {name: np.asarray(values)[: len(images)] for name, values in maps.items()}


def reference_maps(
    truth: Truth, gate: Float[np.ndarray, "n H W"], reconstruct: Callable, params: Params, rows: int
) -> Maps:
    """The maps that are drawn from what is known of the true positives; without exact effects the location prior alone."""
    maps = {LOCATION_PRIOR.name: np.asarray(truth.prior, np.float32)}
    if not len(truth.low):
        return maps
    low, high = (
        np.asarray(reconstruct(params, truth.filled_up(images, rows)[0]))[: len(truth.image)]
        for images in (truth.low, truth.high)
    )
    mean_effect = np.broadcast_to(truth.mean_effect, truth.mask.shape)
    return maps | {
        MEAN_EFFECT.name: mean_effect,
        MEAN_EFFECT_GATED.name: mean_effect * gate,
        ENCODE_DECODE.name: high - low,
    }
