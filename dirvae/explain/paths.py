"""Explanation methods that follow a path through the latent space: ours, the published one, and an interpolation.

| method | its path |
|---|---|
| traversal | ours, on the manifold, in the configured metric; and from several draws of the posterior |
| traversal_identity | ours, along the gradient itself: the identity is the metric |
| harkness2023 | the published procedure (Harkness et al. 2023) |
| class_mean_difference | along the difference of the class's mean codes, as far as it is long: it asks no classifier |
"""

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from dirvae.explain import attributions, gated, maps, traversals
from dirvae.explain.contract import Explain, Map, Method, Role, Setting
from dirvae.explain.traversals.path import render
from dirvae.model import Model
from dirvae.types import Params, Query

BRIGHTER = "red where the finding adds brightness, blue where it takes brightness away"


def traversal(setting: Setting) -> Explain:
    """The traversal's four maps, what gates the last of them, and the permuted direction's."""
    model, options = setting.model, setting.options

    @jax.jit
    def explain(params: Params, query: Query) -> dict[str, Array]:
        images, label, signs = query
        path = traversals.on_manifold(model, params, images, label, signs, options)
        keys = attributions.image_keys(jax.random.key(setting.seed), images)
        astray = jnp.stack([path.images[:, 0], model.decode(params, permuted(model, path, keys)).location], axis=1)
        change, evidence = gated.change_and_evidence(model, params, images, label, signs, keys, setting.draws, options)
        return {
            "traversal_signed": maps.signed(path.images, signs),
            "traversal_integrated": maps.integrated(path.images, signs, path.distance),
            "traversal_denoised": change,
            "traversal_gated": maps.gated(change, evidence),
            "gate": maps.gate(evidence),
            "permuted_direction": maps.signed(astray, signs),
        }

    return explain


def permuted(model: Model, path: traversals.Path, keys: Array) -> Float[Array, "n *event"]:
    """The end of a control path: the path's whole displacement, dealt to other latents (to other vectors, where there are several)."""
    event = model.latent.spec.event
    start = path.coordinates[:, 0]
    whole = path.coordinates[:, -1] - start
    units = whole.reshape(len(whole), -1, event[-1] if len(event) > 1 else 1)
    mixed = jax.vmap(jax.random.permutation)(keys, units).reshape(whole.shape)
    return model.latent.retract(start, model.latent.raise_index(start, mixed, "identity"))


def traversal_identity(setting: Setting) -> Explain:
    """The signed map of the path in the identity's metric, whatever metric is configured."""
    options = setting.options._replace(metric="identity")

    @jax.jit
    def explain(params: Params, query: Query) -> dict[str, Array]:
        path = traversals.on_manifold(setting.model, params, *query, options)
        return {"traversal_identity": maps.signed(path.images, query.sign)}

    return explain


def harkness2023(setting: Setting) -> Explain:
    """The published procedure's signed change and its own map, the variance over the frames."""

    @jax.jit
    def explain(params: Params, query: Query) -> dict[str, Array]:
        path = traversals.harkness2023.traverse(setting.model, params, *query, setting.family)
        return {
            "harkness2023_signed": maps.signed(path.images, query.sign),
            "harkness2023_variance": maps.variance(path.images),
        }

    return explain


def class_mean_difference(setting: Setting) -> Explain:
    """The change from each image's code along its label's row of `setting.differences`, as far as that row is long."""
    model = setting.model

    @jax.jit
    def explain(params: Params, query: Query) -> dict[str, Array]:
        rows = jnp.asarray(setting.differences)[query.label]
        sign = query.sign.reshape(-1, *(1 for _ in model.latent.spec.event))
        direction = sign * rows.reshape(len(query.images), *model.latent.spec.event)
        start = model.latent.point(model.encode(params, query.images))
        tangent = model.latent.raise_index(start, direction, "identity")
        ends = jnp.stack([start, model.latent.retract(start, tangent)], axis=1)
        gone = jnp.linalg.norm(tangent.reshape(len(tangent), -1), axis=1)
        path = render(model, params, query.images, ends, jnp.stack([jnp.zeros_like(gone), gone], axis=1))
        return {"class_mean_difference": maps.signed(path.images, query.sign)}

    return explain


def change(name: str, title: str, role: Role, legend: str) -> Map:
    """A signed map of what a path changes, in grey levels."""
    return Map(name, title, True, role, f"{BRIGHTER}; {legend}", grey_levels=True)


TRAVERSAL = Method(
    "traversal",
    (
        change("traversal_gated", "Traversal, gated", "ours", "strong where the evidence is"),
        change("traversal_denoised", "Traversal, denoised", "ours", "what several draws agree on"),
        change("traversal_signed", "Traversal, signed", "ours", "the whole path's change"),
        change("traversal_integrated", "Traversal, integrated", "ours", "the mean change over the path"),
        Map("gate", "Gate", False, "control", "where the classifier's evidence is: smoothed integrated gradients"),
        change("permuted_direction", "Permuted direction", "control", "a path as long with its latents shuffled"),
    ),
    traversal,
)
TRAVERSAL_IDENTITY = Method(
    "traversal_identity",
    (change("traversal_identity", "Traversal, identity metric", "ours", "along the gradient itself"),),
    traversal_identity,
)
HARKNESS2023 = Method(
    "harkness2023",
    (
        change("harkness2023_signed", "As published, signed", "rival", "as published (Harkness et al. 2023)"),
        Map(
            "harkness2023_variance",
            "As published, variance",
            False,
            "rival",
            "where the frames of the path vary, as published (Harkness et al. 2023)",
        ),
    ),
    harkness2023,
)
CLASS_MEAN_DIFFERENCE = Method(
    "class_mean_difference",
    (
        change(
            "class_mean_difference", "Class-mean difference", "rival", "along the difference of the class's mean codes"
        ),
    ),
    class_mean_difference,
    needs=("differences",),
)
