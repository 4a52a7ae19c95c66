"""The registry of explanation methods: whatever explains, compares or shows explanations reads it.

To add a method, write a file beside this one that follows `dirvae.explain.contract`, and add its `Method` to `METHODS`.
"""

import difflib
from collections.abc import Callable, Iterable, Mapping
from typing import TypeVar

import jax

from dirvae.explain import attributions, paths
from dirvae.explain.contract import Explain, Map, Method, Role, Setting
from dirvae.types import Params, Query


def attribution(
    function: Callable, title: str, signed: bool, role: Role, legend: str, grey_levels: bool = False
) -> Method:
    """A method of `dirvae.explain.attributions`, a function (model, params, images, label) -> [B, H, W]."""
    name = function.__name__

    def build(setting: Setting) -> Explain:
        @jax.jit
        def explain(params: Params, query: Query) -> dict[str, jax.Array]:
            return {name: function(setting.model, params, query.images, query.label)}

        return explain

    return Method(name, (Map(name, title, signed, role, legend, grey_levels),), build)


T = TypeVar("T")
FOR = "red where brightness speaks for the finding, blue where against"

METHODS: dict[str, Method] = {
    method.name: method
    for method in (
        paths.TRAVERSAL,
        paths.TRAVERSAL_IDENTITY,
        paths.HARKNESS2023,
        paths.CLASS_MEAN_DIFFERENCE,
        attribution(
            attributions.latent_shift, "Latent Shift", True, "rival", f"{paths.BRIGHTER}; one gradient step", True
        ),
        attribution(attributions.grad_cam, "Grad-CAM", False, "rival", "where the last features speak for the finding"),
        attribution(attributions.integrated_gradients, "Integrated gradients", True, "rival", f"{FOR}; from black"),
        attribution(attributions.smoothgrad, "SmoothGrad", True, "rival", f"{FOR}; mean over noisy copies"),
        attribution(attributions.input_gradient, "Input gradient", True, "rival", FOR),
        attribution(attributions.occlusion, "Occlusion", True, "rival", "red where hiding the place lowers the logit"),
        attribution(attributions.edges, "Edges", False, "control", "outlines of the image; no model"),
        attribution(attributions.random, "Random", False, "control", "chance"),
    )
}


def maps_of(*roles: Role) -> dict[str, Map]:
    """The registered maps by name, in the registry's order; those of some roles, or all."""
    registered = (entry for method in METHODS.values() for entry in method.maps)
    return {entry.name: entry for entry in registered if not roles or entry.role in roles}


def in_order(maps: Mapping[str, T]) -> dict[str, T]:
    """The items {map's name: ...} in the registry's order, which trees of JAX do not keep."""
    return {name: maps[name] for name in maps_of() if name in maps}


def build(name: str, setting: Setting) -> Explain:
    """The method of that name.

    Raises:
      ValueError: for an unknown name, with the nearest one, or a setting that lacks what the method needs.
    """
    if name not in METHODS:
        nearest = difflib.get_close_matches(name, METHODS, n=1, cutoff=0.0)[0]
        raise ValueError(f"{name!r} is no explanation method; did you mean {nearest!r}? There are {', '.join(METHODS)}")
    if missing := lacks(METHODS[name], setting):
        raise ValueError(f"{name} needs {' and '.join(missing)}, which this setting lacks; give a Setting with it")
    return METHODS[name].build(setting)


def lacks(method: Method, setting: Setting) -> list[str]:
    """Fields of the setting that the method needs and that are None."""
    return [field for field in method.needs if getattr(setting, field) is None]


def build_maps(setting: Setting, names: Iterable[str] | None = None) -> Explain:
    """One function that draws these maps, or all, in the registry's order.

    Methods that draw none of them are not built; methods that lack what they need are left out.

    Raises:
      ValueError: for the name of no registered map, with the nearest one.
    """
    known = maps_of()
    wanted = list(known) if names is None else list(names)
    for name in wanted:
        if name not in known:
            nearest = difflib.get_close_matches(name, known, n=1, cutoff=0.0)[0]
            raise ValueError(
                f"{name!r} is no explanation's map; did you mean {nearest!r}? There are {', '.join(known)}"
            )
    built = [
        method.build(setting)
        for method in METHODS.values()
        if any(drawn.name in wanted for drawn in method.maps) and not lacks(method, setting)
    ]

    def explain(params: Params, query: Query) -> dict[str, jax.Array]:
        drawn = {name: values for method in built for name, values in method(params, query).items()}
        return in_order({name: values for name, values in drawn.items() if name in wanted})

    return explain
