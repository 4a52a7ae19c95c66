"""Default: the whole study on the phantom, for two CPU cores."""

from dirvae.config import Config


def config() -> Config:
    return Config()
