"""Settings that are picked on validation images: the geometry, and how far a counterfactual goes."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from support.linear_heads import POSTERIORS, build
from support.truths import SIDE, N, known

from dirvae.explain import traversals
from dirvae.studies.explanations import counterfactuals, tuning


def test_the_better_geometry_is_picked():
    """A decoder that shows the first coordinate in the upper half: only a path along it draws an effect there."""
    weights = np.zeros(50)
    weights[0], weights[1] = 0.2, 1.0
    net, params = build(POSTERIORS["gaussian"], weights, "gaussian", labels=2)
    upper = jnp.asarray(np.repeat([1.0, 0.0], [4, 4])[:, None] * np.ones(SIDE), jnp.float32)[None, :, :, None]

    def draw(p, z):
        shown = z[:, :1, None, None] * upper + 0.5 * z[:, 1:2, None, None] * (1 - upper)
        return net.decode(p, z)._replace(logits=shown)

    encode = lambda p, images: jax.tree.map(lambda x: x[:1].repeat(len(images), 0), POSTERIORS["gaussian"])  # noqa: E731
    one = known()
    top = one._replace(high=one.low + 0.3 * np.asarray(upper)[..., 0])
    covariance = jnp.diag(jnp.asarray([25.0, 0.01, *np.ones(48)], jnp.float32))
    base = traversals.Options(4, 0.2, 1.1)
    bench = tuning.Bench(net._replace(decode=draw, encode=encode), params, [top], N, 1.0)
    name, options, tried = tuning.geometry_of(bench, base, covariance)
    assert name.startswith("covariance")
    assert options.metric is covariance
    assert tried["covariance"] > 0.99
    assert tried["identity"] < 0


@pytest.mark.parametrize(("threshold", "expected"), [(0.9, 0.95), (0.9995, 0.99999), (0.9999999, 0.95)])
def test_counterfactuals_go_on_until_another_classifier_is_convinced(threshold, expected):
    """It reads brightness, which the decoder gives to the very logit; where it is never convinced, the nearest target will do."""
    weights = np.zeros(50)
    weights[1] = 1.0
    net, params = build(POSTERIORS["gaussian"], weights, "gaussian", labels=2)

    def draw(p, z):
        bright = net.classify_channels(p, z)[:, 1]
        return net.decode(p, z)._replace(logits=bright[:, None, None, None] * jnp.ones((1, SIDE, SIDE, 1)))

    encode = lambda p, images: jax.tree.map(lambda x: x[:1].repeat(len(images), 0), POSTERIORS["gaussian"])  # noqa: E731
    independent = counterfactuals.IndependentClassifier(
        lambda images: np.repeat(images.mean(axis=(1, 2)), 2, axis=1), np.full(2, threshold)
    )
    options = traversals.Options(24, 0.6, 0.95, "code", adaptive_step=True)
    blind = net._replace(decode=draw, encode=encode)
    name, picked, tried = tuning.target(tuning.Bench(blind, params, [known()], N, 1.0), options, independent)
    assert picked.target_probability == expected
    assert name == f"{expected:g}"
    assert next(iter(tried)) == "0.95"
    assert len(tried) == (1 if threshold == 0.9 else 3)
