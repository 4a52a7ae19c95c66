"""Plain: one simplex of 64 components, a linear head on all of them, beta = 1; the form closest to the published one at 64 pixels."""

from dirvae.config import Config


def config() -> Config:
    return Config()
