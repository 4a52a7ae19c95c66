"""The registry of latent families says of each what its module does, and nothing heavy is imported to read it."""

import importlib
import subprocess
import sys

import jax
import jax.numpy as jnp
import pytest

from dirvae.latents import families
from dirvae.latents.families import FAMILIES


@pytest.mark.parametrize("name", FAMILIES)
def test_the_facts_of_a_family_are_those_of_its_mathematics(name):
    family, module = families.family(name), importlib.import_module(f"dirvae.latents.{name}")
    prior = module.prior(4, 0.7)
    posterior = module.posterior(jnp.zeros(module.feature_count(4, "exp")), prior, "exp", 0.01)
    coordinates = module.sample(jax.random.key(0), posterior).coordinates
    sums = float(jnp.sum(jnp.exp(coordinates)))
    assert family.simplex == (abs(sums - 1.0) < 1e-5)
    assert bool(family.pairs) == family.simplex
    channels = module.to_decoder(coordinates)
    scale = 4 if family.simplex else 1
    assert family.logarithmic == bool(jnp.allclose(channels, scale * jnp.exp(coordinates), rtol=1e-4))
    if family.density:
        module.log_prob(posterior, coordinates)
    else:
        with pytest.raises(TypeError, match="no density"):
            module.log_prob(posterior, coordinates)


def test_an_unknown_family_is_refused_with_the_nearest():
    with pytest.raises(ValueError, match="'gaussain' is no latent family; did you mean 'gaussian'"):
        families.family("gaussain")


def test_the_registry_and_the_package_are_light():
    code = "import sys, dirvae.latents.families; print([m for m in ('jax', 'numpy') if m in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
