"""Latent variables: families, the structures made of them, and what both are called.

Importing the package loads no numerical library; `latents.build` and the combinators are loaded when they are first used.
"""

import importlib

LAZY = ("build", "field", "levels", "product", "vector")  # of dirvae.latents.structure


def __getattr__(name: str) -> object:
    if name in LAZY:
        return getattr(importlib.import_module("dirvae.latents.structure"), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
