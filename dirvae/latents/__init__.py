"""Latent variables: one file a family, and the structures made of them.

| module | what it holds |
|---|---|
| families | THE registry of latent families: one line here adds one |
| family | the contract that each family fulfils |
| dirichlet, gaussian, logistic_normal | the priors |
| gamma, deterministic | the controls: no simplex, and no distribution at all |
| structure | one vector, products of vectors, vectors on a grid, two levels |
| compositions | codes as shares, pairs or free numbers |
| geometry | directions and steps in latent coordinates |
| learning | a Dirichlet prior that is learned |
| log_gamma | gamma variates in log space, with their derivatives |

Importing the package loads no numerical library; `latents.build` and the combinators are loaded when they are first used.
"""

import importlib

LAZY = ("build", "field", "levels", "product", "vector")  # of dirvae.latents.structure


def __getattr__(name: str) -> object:
    if name in LAZY:
        return getattr(importlib.import_module("dirvae.latents.structure"), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
