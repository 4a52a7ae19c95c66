"""Sanity checks by randomisation (Adebayo et al. 2018): a map that survives a classifier without knowledge explains nothing.

Layers are drawn anew from the head down to the first convolution; after each the map is compared with the trained
classifier's by rank correlation. The decoder keeps its weights, since a traversal drawn by a random decoder differs for a reason
that says nothing of the classifier. A head that assigns latents to findings is but a scale of each, which changes no map's
order: there the check begins with the encoder. The other check, random labels, is a training of its own (`data.shuffle_labels`).
"""

from collections.abc import Callable, Iterator

import jax
import numpy as np

from dirvae.metrics import faithfulness
from dirvae.types import Params, PyTree

ORDER = (
    "linear_path",
    "Dense",
    "local",
    "LayerNorm",
    "places",
    "Block",
    "Shrinking",
)
"""The order in which an encoder's modules are randomised, from its end to its beginning.

The linear path adds to the last dense layer's features, so it goes first. Left to the end it would keep the features trained, since a
fresh dense layer is small."""
TITLES = {
    "classifier": "the head",
    "linear_path": "linear path",
    "Dense": "dense layer",
    "local": "latents of places",
    "LayerNorm": "normalisation",
    "places": "features of places",
    "Block": "block",
    "Shrinking": "strided convolution",
}
"""{kind of module: its name for people}; modules of a kind are counted from the image on."""


def layers(params: Params) -> list[tuple[str, str | None]]:
    """(network, module) from the logit to the image; the head is one layer, (classifier, None).

    Raises:
      ValueError: for an encoder with modules of unknown kind, whose place in the order is not known.
    """
    unknown = [name for name in params["encoder"] if not name.startswith(ORDER)]
    if unknown:
        raise ValueError(f"the encoder's {', '.join(unknown)} have no place in {', '.join(ORDER)}; add them there")

    def place(name: str) -> tuple[int, int]:
        kind, number = _kind(name)
        return ORDER.index(kind), -number

    return [("classifier", None), *(("encoder", name) for name in sorted(params["encoder"], key=place))]


def title(layer: str) -> str:
    """Returns a layer's name for people, such as "dense layer 2" for Dense_1."""
    if layer in TITLES:
        return TITLES[layer]
    kind, number = _kind(layer)
    return f"{TITLES[kind]} {number + 1}"


def _kind(name: str) -> tuple[str, int]:
    """Kind and number of an encoder's module, whose name Flax makes of both."""
    kind = next(kind for kind in ORDER if name.startswith(kind))
    number = name.removeprefix(f"{kind}_")
    return kind, int(number) if number.isdigit() else 0


def cascade(params: Params, fresh: Params) -> Iterator[tuple[str, Params]]:
    """(layer, parameters in which it and all after it are `fresh`, as from `model.init`), from the head downwards."""
    for network, name in layers(params):
        new = fresh[network] if name is None else {**params[network], name: fresh[network][name]}
        params = {**params, network: new}
        yield name or network, params


def sensitivity(explain: Callable[[Params], PyTree], params: Params, fresh: Params) -> dict[str, PyTree]:
    """{layer: rank correlation [B] of |map| with the trained model's, once that layer and all after it are random}.

    `explain` gives one map [B, H, W], or a tree of them. Near 0 is sound; NaN where a map is constant.
    """

    def magnitude(parameters: Params) -> PyTree:
        return jax.tree.map(np.abs, jax.device_get(explain(parameters)))

    trained = magnitude(params)
    return {
        name: jax.tree.map(faithfulness.rank_correlation, trained, magnitude(p)) for name, p in cascade(params, fresh)
    }
