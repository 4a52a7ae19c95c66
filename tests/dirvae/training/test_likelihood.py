"""Bounds of a model whose likelihood is known: the posterior is the prior and the decoder ignores z."""

from types import SimpleNamespace

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import scipy.special
import scipy.stats
from support.settings import plain
from support.unit_gain import parameters

from dirvae import model
from dirvae.metrics import iwae
from dirvae.training import likelihood

IMAGES = np.random.default_rng(0).integers(0, 256, (7, 16, 16, 1), dtype=np.uint8)


def tiny(**fields):
    small = {"prior": "gaussian", "image_size": 16, "widths": "4", "latents": 3, "hidden": 4, "bound_samples": 200}
    return plain(small | fields)


class Held(np.ndarray):
    """A split of such images."""

    def images(self, positions):
        return np.asarray(self)[positions]


EXAMPLES = SimpleNamespace(split=IMAGES.view(Held))


def test_where_the_draws_say_nothing_every_bound_is_the_likelihood():
    """Two images at a time are decoded, and the last group is filled up."""
    config = tiny()
    net = model.build(config.model, 2, 16)
    params = parameters(net)
    params["encoder"] = jax.tree.map(jnp.zeros_like, params["encoder"])
    params["decoder"]["entrance"]["kernel"] = jnp.zeros_like(params["decoder"]["entrance"]["kernel"])
    found = likelihood.scores(net, config, params, EXAMPLES)
    shown = np.asarray(net.decode_channels(params, jnp.zeros((1, 3))).location)
    exact = scipy.stats.laplace(shown, config.model.scale).logpdf(IMAGES / 255.0).sum(axis=(1, 2, 3)).mean()
    assert found["iw_bound"] == pytest.approx(exact, rel=1e-5)
    assert found["iw_elbo"] == pytest.approx(exact, rel=1e-5)
    assert found["effective_samples"] == pytest.approx(200, rel=1e-3)
    assert found["mutual_information"] == pytest.approx(0.0, abs=1e-5)
    assert (found["iw_images"], found["iw_samples"]) == (7, 200)


def test_what_draws_of_a_product_tell_is_computed_from_their_densities():
    """log q(z_i|x_j) of each pair by SciPy: XLA's CPU backend got batched sums over pairs on a simplex wrong."""
    config = tiny(prior="dirichlet", structure="product", latents=2, groups=64, bound_samples=2)
    many = np.random.default_rng(1).integers(0, 256, (40, 16, 16, 1), dtype=np.uint8)  # of fewer it had no trouble
    net = model.build(config.model, 2, 16)
    params = parameters(net)
    posterior = net.encode(params, many.astype(np.float32) / 255.0)
    z = np.exp(np.asarray(net.latent.sample(jax.random.key(config.seed), posterior).coordinates, np.float64))
    a = np.asarray(posterior.concentration, np.float64)
    first, second = z[:, None, :, 0], z[:, None, :, 1]
    beta = scipy.special.betaln(a[..., 0], a[..., 1])
    pairs = ((a[None, ..., 0] - 1) * np.log(first) + (a[None, ..., 1] - 1) * np.log(second) - beta).sum(axis=-1)
    expected = iwae.mutual_information(pairs)
    found = likelihood.scores(net, config, params, SimpleNamespace(split=many.view(Held)))
    assert found["mutual_information"] == pytest.approx(expected.value, abs=1e-3)


@pytest.mark.parametrize("fields", [{"bound_images": 0}, {"bound_samples": 0}, {"prior": "deterministic"}])
def test_nothing_is_bounded_where_nothing_is_asked_for_or_there_is_no_density(fields):
    config = tiny(**fields)
    assert likelihood.scores(model.build(config.model, 2, 16), config, {}, EXAMPLES) == {}
