"""Latent traversals: follow a class logit through the latent space and decode the path.

| module | what it holds |
|---|---|
| directions | which way a path goes |
| guided | `on_manifold`: every point a legal latent; `from_draws`: the same from draws of the posterior |
| harkness2023 | the published procedure, for comparison |
| interpolations | `along` and `class_differences`: what lies between classes, which explains no prediction |
| path | a path as images |
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
