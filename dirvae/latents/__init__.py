"""Latent families and the registry; adding one is adding a module and a line here."""

from dirvae.config import ModelConfig
from dirvae.latents import deterministic, dirichlet, gamma, gaussian, logistic_normal
from dirvae.latents.family import Latent
from dirvae.latents.structure import field, levels, product, vector

FAMILIES = {
    "dirichlet": dirichlet,
    "gaussian": gaussian,
    "logistic_normal": logistic_normal,
    "gamma": gamma,
    "deterministic": deterministic,
}


def build(config: ModelConfig) -> Latent:
    """The latent of a configuration: `groups` vectors of `latents` components, alone or in each cell of a grid.

    On two levels they are alone, beside `local_groups` vectors of `local_latents` components in each cell.
    """
    latent, grid = _vectors(config, config.latents, config.groups), (config.grid, config.grid)
    if config.structure == "levels":
        return levels(latent, field(_vectors(config, config.local_latents, config.local_groups), grid))
    return field(latent, grid) if config.structure == "field" else latent


def _vectors(config: ModelConfig, components: int, groups: int) -> Latent:
    """One vector, or the product of several."""
    family = FAMILIES[config.prior]
    latent = vector(family, components, config.concentration, config.parametrisation, config.min_concentration)
    return product(latent, groups) if groups > 1 or config.structure == "product" else latent
