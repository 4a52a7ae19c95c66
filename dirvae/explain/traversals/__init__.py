"""Latent traversals: follow a class logit through the latent space and decode the path.

`on_manifold`: guided by the gradient, every point of the path a legal latent; `from_draws`: the same from draws of the
posterior. `harkness2023`: the published procedure, for comparison. `along` and `class_differences` give
interpolations: they show what lies between classes and explain no prediction.
"""

from dirvae.explain.traversals import harkness2023
from dirvae.explain.traversals.directions import Options, own_latents
from dirvae.explain.traversals.guided import from_draws, on_manifold
from dirvae.explain.traversals.interpolations import along, class_differences
from dirvae.explain.traversals.path import Path

__all__ = (
    "Options",
    "Path",
    "along",
    "class_differences",
    "from_draws",
    "harkness2023",
    "on_manifold",
    "own_latents",
)
