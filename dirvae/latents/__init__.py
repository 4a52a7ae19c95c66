"""Latent families and the registry; adding one is adding a module and a line here."""

from dirvae.config import ModelConfig
from dirvae.latents import deterministic, dirichlet, gamma, gaussian, logistic_normal
from dirvae.latents.family import Latent
from dirvae.latents.structure import field, product, vector

FAMILIES = {
    "dirichlet": dirichlet,
    "gaussian": gaussian,
    "logistic_normal": logistic_normal,
    "gamma": gamma,
    "deterministic": deterministic,
}


def build(config: ModelConfig) -> Latent:
    """The latent of a configuration: `groups` vectors of `latents` components, alone or in each cell of a grid."""
    latent = vector(
        FAMILIES[config.prior], config.latents, config.concentration, config.parametrisation, config.min_concentration
    )
    if config.groups > 1 or config.structure == "product":
        latent = product(latent, config.groups)
    return field(latent, (config.grid, config.grid)) if config.structure == "field" else latent
