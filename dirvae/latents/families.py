"""The registry of latent families: what every other part of the library may know of a family without its mathematics.

The mathematics of the family NAME is the module `NAME` in this folder (the contract: `dirvae.latents.family`). A new family is
that module and one line here. This module imports no numerical library, so that command lines answer at once.
"""

import difflib
from typing import NamedTuple


class Family(NamedTuple):
    """Facts of one family of latents."""

    name: str  # of its module in dirvae/latents
    title: str  # of a model with it
    prior: str  # its prior p(z) in words; may contain {concentration:g}
    reads: str  # what a head reads of z
    simplex: bool = False  # whether z is a composition, whose K components are positive and sum to 1
    pairs: str = ""  # on a simplex: what a composition of two components is called
    logarithmic: bool = False  # whether its coordinates are log z
    density: bool = True  # whether it has a density, and hence a KL; a deterministic code has none
    learnable: bool = False  # whether dirvae/latents/learning.py can learn its prior


FAMILIES = {
    family.name: family
    for family in (
        Family(
            "dirichlet",
            "Dirichlet VAE",
            "symmetric Dirichlet, concentration {concentration:g} a component",
            "centred log ratios",
            simplex=True,
            pairs="Beta pairs",
            logarithmic=True,
            learnable=True,
        ),
        Family("gaussian", "Gaussian VAE", "standard Gaussian", "means"),
        Family(
            "logistic_normal",
            "Logistic-normal VAE",
            "logistic normal, matched to a Dirichlet of concentration {concentration:g} a component",
            "centred log ratios",
            simplex=True,
            pairs="logit-normal pairs",
            logarithmic=True,
        ),
        Family(
            "gamma", "Gamma VAE", "gamma, shape {concentration:g} a component, rate 1", "logarithms", logarithmic=True
        ),
        Family("deterministic", "Supervised autoencoder", "none", "code", density=False),
    )
}


def family(name: str) -> Family:
    """The family of that name.

    Raises:
      ValueError: for an unknown name, with the nearest one.
    """
    if name not in FAMILIES:
        near = difflib.get_close_matches(name, FAMILIES, n=1, cutoff=0.0)[0]
        raise ValueError(f"{name!r} is no latent family; did you mean {near!r}? There are {', '.join(FAMILIES)}")
    return FAMILIES[name]
