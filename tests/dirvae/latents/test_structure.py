"""The combinators' bookkeeping: sizes, names, and which structure a configuration asks for."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from support.settings import plain_model

from dirvae import latents
from dirvae.latents import dirichlet, field, gaussian, levels, product, vector
from dirvae.latents.family import LatentSpec


@pytest.fixture
def simplex():
    return vector(dirichlet, 4, 0.5, "mean_total", 0.01)


def test_specifications(simplex):
    assert simplex.spec == LatentSpec(grid=None, event=(4,), features=5, channels=4, simplex=4)
    assert product(simplex, 3).spec == LatentSpec(grid=None, event=(3, 4), features=15, channels=12, simplex=4)
    assert field(simplex, (2, 6)).spec == LatentSpec(grid=(2, 6), event=(2, 6, 4), features=5, channels=4, simplex=4)
    assert field(product(simplex, 3), (2, 6)).spec == LatentSpec((2, 6), (2, 6, 3, 4), 15, 12, 4)
    assert vector(gaussian, 4, 0.5, "exp", 0.01).spec == LatentSpec(None, (4,), features=8, channels=4)
    parts = product(simplex, 3), field(simplex, (2, 6))
    specs = tuple(part.spec for part in parts)
    assert levels(*parts).spec == LatentSpec(None, (12 + 48,), 15 + 60, 12 + 48, simplex=0, parts=specs)


def test_every_part_of_a_product_is_a_simplex_of_its_own(simplex):
    q = product(simplex, 3).posterior(jax.random.normal(jax.random.key(0), (2, 15)))
    assert q.concentration.shape == (2, 3, 4)
    point = product(simplex, 3).point(q)
    np.testing.assert_allclose(jnp.exp(point).sum(-1), np.ones((2, 3)), rtol=1e-6)


def test_any_leading_axes(simplex):
    latent = field(simplex, (2, 2))
    features = jax.random.normal(jax.random.key(0), (6, 2, 2, 5))
    flat = latent.kl(latent.posterior(features), latent.prior)
    deep = latent.kl(latent.posterior(features.reshape(2, 3, 2, 2, 5)), latent.prior)
    np.testing.assert_allclose(deep.reshape(-1), flat, rtol=1e-6)


@pytest.mark.parametrize(
    ("fields", "event"),
    [
        ({}, (6,)),
        ({"structure": "product", "groups": 1}, (1, 6)),
        ({"structure": "product", "groups": 3}, (3, 6)),
        ({"structure": "spatial", "grid": 4}, (4, 4, 6)),
        ({"structure": "spatial", "grid": 4, "groups": 2}, (4, 4, 2, 6)),
        ({"structure": "hierarchical", "grid": 4, "groups": 3, "local_latents": 5}, (3 * 6 + 4 * 4 * 5,)),
        ({"structure": "hierarchical", "grid": 4, "local_groups": 2, "local_latents": 3}, (6 + 4 * 4 * 2 * 3,)),
    ],
)
@pytest.mark.parametrize("prior", ["dirichlet", "gaussian", "logistic_normal"])
def test_a_configuration_builds_its_structure(prior, fields, event):
    latent = latents.build(plain_model({"prior": prior, "latents": 6} | fields))
    assert latent.spec.event == event
    assert latent.name == prior
