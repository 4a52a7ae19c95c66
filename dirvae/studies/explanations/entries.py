"""A map of each image by every method, [n, H, W], positive where the finding adds brightness or speaks for the label.

| entry | what it is |
|---|---|
| traversal: signed, integrated | ours, on the manifold (`dirvae.explain.maps`) |
| traversal: denoised, gated | what draws of the posterior agree on; that where the image's integrated gradients are |
| gate | what gates it: integrated gradients without sign, smoothed |
| as released: signed, variance | the published procedure |
| class-mean difference | decoded along the difference of the class's mean codes, as far as it is long: an interpolation |
| those of `dirvae.explain.attributions` | baselines |
| location prior | where the finding is on average: no model |
| mean effect | what it adds on average over training images: no model (phantom) |
| mean effect, Latent Shift, gated | the same gate as ours on what others draw: how much of ours is the gate's |
| permuted direction | the traversal's own displacement with its latents permuted: a path as long that says nothing |
| ceiling | decode(encode(x with it)) - decode(encode(x without)): what the decoder can show (phantom) |
"""

from collections.abc import Callable
from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from dirvae.explain import attributions, gated, maps, traversals
from dirvae.explain.truth import Truth
from dirvae.model import Model
from dirvae.types import Params

BASELINES = (
    "latent_shift",
    "grad_cam",
    "integrated_gradients",
    "smoothgrad",
    "input_gradient",
    "occlusion",
    "edges",
    "random",
)
SHIFT = "latent shift"

Entries = dict[str, Float[np.ndarray, "n H W"]]
Entrant = Callable[[Params, Array, Array], dict[str, Array]]
"""(params, images [n, H, W, C], label [n]) -> {entry: maps [n, H, W]}."""


def ours(model: Model, options: traversals.Options, sign: float, seed: int = 0) -> Entrant:
    """The traversal's four maps, what gates the last of them, and the permuted direction's."""

    def enter(params: Params, images: Array, label: Array) -> dict[str, Array]:
        signs = jnp.full(len(images), sign)
        path = traversals.on_manifold(model, params, images, label, signs, options)
        keys = jax.vmap(partial(jax.random.fold_in, jax.random.key(seed)))(jnp.arange(len(images)))
        astray = jnp.stack([path.images[:, 0], model.decode(params, permuted(model, path, keys)).location], axis=1)
        change, evidence = gated.change_and_evidence(model, params, images, label, signs, keys, gated.DRAWS, options)
        return {
            "traversal: signed": maps.signed(path.images, signs),
            "traversal: integrated": maps.integrated(path.images, signs, path.distance),
            "traversal: denoised": change,
            "traversal: gated": maps.gated(change, evidence),
            "gate": maps.gate(evidence),
            "permuted direction": maps.signed(astray, signs),
        }

    return jax.jit(enter)


def permuted(model: Model, path: traversals.Path, keys: Array) -> Float[Array, "n *event"]:
    """Where a path ends that goes as far, along the displacement with its latents (vectors, of several) permuted."""
    event = model.latent.spec.event
    start = path.coordinates[:, 0]
    whole = path.coordinates[:, -1] - start
    units = whole.reshape(len(whole), -1, event[-1] if len(event) > 1 else 1)
    mixed = jax.vmap(jax.random.permutation)(keys, units).reshape(whole.shape)
    return model.latent.retract(start, model.latent.raise_index(start, mixed, "identity"))


def released(model: Model, family: str, sign: float) -> Entrant:
    """The published procedure's signed and variance maps."""

    def enter(params: Params, images: Array, label: Array) -> dict[str, Array]:
        signs = jnp.full(len(images), sign)
        path = traversals.as_released(model, params, images, label, signs, family)
        return {
            "as released: signed": maps.signed(path.images, signs),
            "as released: variance": maps.variance(path.images),
        }

    return jax.jit(enter)


def difference(model: Model, differences: Float[np.ndarray, "L ..."], sign: float) -> Entrant:
    """From each image's code along its label's row of `traversals.class_differences`, which asks no classifier."""

    def enter(params: Params, images: Array, label: Array) -> dict[str, Array]:
        direction = sign * jnp.asarray(differences)[label].reshape(len(images), *model.latent.spec.event)
        start = model.latent.point(model.encode(params, images))
        tangent = model.latent.raise_index(start, direction, "identity")
        length = jnp.linalg.norm(tangent[0])  # of all rows, since they have one label
        path = traversals.along(model, params, images, direction, jnp.stack([jnp.zeros(()), length]))
        return {"class-mean difference": maps.signed(path.images, jnp.full(len(images), sign))}

    return jax.jit(enter)


def baseline(model: Model, name: str) -> Entrant:
    """One of `dirvae.explain.attributions`."""
    method = attributions.build(name, model)
    return lambda params, images, label: {name.replace("_", " "): method(params, images, label)}


def rendered(model: Model) -> Callable[[Params, Array], Array]:
    """Decoded points of images [n, H, W], [n, H, W]."""
    return jax.jit(
        lambda params, images: jnp.mean(
            model.decode(params, model.latent.point(model.encode(params, images[..., None]))).location, axis=-1
        )
    )


def drawn(entrants: list[Entrant], params: Params, truth: Truth, images: np.ndarray, rows: int) -> Entries:
    """Maps of the truth's finding for any images [n, H, W, C], which are filled up so that each entrant is compiled once."""
    filled = truth.filled_up(images, rows)
    made = [entrant(params, *filled) for entrant in entrants]
    found = {name: np.asarray(maps)[: len(images)] for one in made for name, maps in one.items()}
    return found | {f"{SHIFT}, gated": found[SHIFT] * found["gate"]} if SHIFT in found else found


def enter(entrants: list[Entrant], render: Callable, params: Params, truth: Truth, rows: int) -> Entries:
    """Maps of every entry for the true positives."""
    found = drawn(entrants, params, truth, truth.image, rows)
    found["location prior"] = np.asarray(truth.prior, np.float32)
    if len(truth.low):
        ends = (np.asarray(render(params, truth.filled_up(x, rows)[0])) for x in (truth.low, truth.high))
        low, high = (shown[: len(truth.image)] for shown in ends)
        found["mean effect"] = np.broadcast_to(truth.mean_effect, truth.mask.shape)
        found["mean effect, gated"] = found["mean effect"] * found["gate"]
        found["ceiling"] = high - low
    return found
