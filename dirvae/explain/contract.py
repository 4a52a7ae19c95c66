"""The contract of explanation methods: what one is built from, what it is asked, and what its maps are called.

A method is one file that builds on this one, and one line in `dirvae.explain.methods`:

    def build(setting):
        @jax.jit
        def brightness(params, query):
            return {"brightness": query.images.mean(axis=-1)}
        return brightness

    BRIGHTNESS = Method("brightness", (Map("brightness", "Brightness", False, "control", "bright pixels"),), build)

Signed maps are positive where the finding adds brightness or where brightness speaks for it, whichever way the query goes.
"""

from collections.abc import Callable
from typing import Literal, NamedTuple

import numpy as np
from jaxtyping import Array, Float

from dirvae.explain.gated import DRAWS
from dirvae.explain.traversals import Options
from dirvae.model import Model
from dirvae.types import Params, Query

Role = Literal["ours", "rival", "control"]
"""This project's explanations, those of others that ask the model, and maps that no explanation should be worse than."""


class Map(NamedTuple):
    """A map that a method draws, [B, H, W]."""

    name: str  # an identifier, the key of the map everywhere
    title: str  # for people
    signed: bool
    role: Role
    legend: str  # what its colours say, to be read after the title
    grey_levels: bool = False  # whether its values are changes of grey level, and not in units of their own


class Setting(NamedTuple):
    """A setting holds what methods may be built from; a field that is None is not available."""

    model: Model
    family: str  # of the latent, as `config.model.prior` names it
    options: Options = Options()  # of our traversals
    differences: Float[np.ndarray, "L *event"] | None = (
        None  # of each label's mean codes (`traversals.class_differences`)
    )
    draws: int = DRAWS  # start points of an image's paths, where these are several
    seed: int = 0  # of everything random, folded with each image's content (`attributions.image_keys`)


Explain = Callable[[Params, Query], dict[str, Float[Array, "B H W"]]]
"""(params, query) -> {name of a map: the maps of the query's images}."""


class Method(NamedTuple):
    """An explanation method; maps that come from one computation are made at once."""

    name: str
    maps: tuple[Map, ...]
    build: Callable[[Setting], Explain]
    needs: tuple[str, ...] = ()  # fields of the setting without which it cannot be built
