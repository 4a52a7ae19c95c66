"""Latent traversals: follow a class logit through the latent space and decode the path.

`on_manifold`: guided by the gradient, every point of the path a legal latent; `from_draws`: the same from draws of the
posterior. `as_released`: the published procedure, for comparison. `geodesic`, `along` and `class_differences` are
interpolations: they show what lies between images or classes and explain no prediction.
"""

from dirvae.explain.traversals.directions import Options, own_latents
from dirvae.explain.traversals.guided import from_draws, on_manifold
from dirvae.explain.traversals.harkness2023 import (
    RELEASED_COORDINATES,
    RELEASED_STEP,
    RELEASED_STEPS,
    as_released,
    released_ranks,
)
from dirvae.explain.traversals.interpolations import along, class_differences, geodesic
from dirvae.explain.traversals.path import Path

__all__ = (
    "RELEASED_COORDINATES",
    "RELEASED_STEP",
    "RELEASED_STEPS",
    "Options",
    "Path",
    "along",
    "as_released",
    "class_differences",
    "from_draws",
    "geodesic",
    "on_manifold",
    "own_latents",
    "released_ranks",
)
