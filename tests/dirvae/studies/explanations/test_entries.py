"""What competes in a contest: entries, the geometry that is picked, and paths as counterfactuals."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from support.linear_heads import IMAGES, POSTERIORS, ROWS, WEIGHTS, build
from support.truths import SIDE, N, known

from dirvae.explain import traversals
from dirvae.studies.explanations import counterfactuals, entries, tuning


@pytest.mark.parametrize("prior", POSTERIORS)
def test_a_permuted_direction_goes_as_far_elsewhere(prior):
    net, params = build(POSTERIORS[prior], WEIGHTS, prior)
    signs, options = jnp.ones(ROWS), traversals.Options(6, 0.3, 1.1)
    path = traversals.on_manifold(net, params, IMAGES, jnp.ones(ROWS, int), signs, options)
    keys = jax.random.split(jax.random.key(0), ROWS)
    end = entries.permuted(net, path, keys)
    before, ours, theirs = (
        np.float64(net.latent.to_head(c)) for c in (path.coordinates[:, 0], path.coordinates[:, -1], end)
    )
    np.testing.assert_allclose(np.sort(theirs - before), np.sort(ours - before), atol=2e-5)
    assert np.abs(theirs - ours).max() > 0.1
    if prior == "dirichlet":
        np.testing.assert_allclose(np.exp(np.float64(end)).sum(axis=-1), 1.0, atol=1e-6)


@pytest.mark.parametrize("sign", [1.0, -1.0])
def test_the_class_mean_difference_is_walked_to_its_end(sign):
    """A decoder that shows the first coordinate everywhere: the map is the change of it by what the class differs by."""
    net, params = build(POSTERIORS["gaussian"], WEIGHTS, "gaussian")
    shown = lambda z: jnp.tile(z[:, :1, None, None], (1, SIDE, SIDE, 1))  # noqa: E731
    flat = net._replace(decode=lambda p, z: net.decode(p, z)._replace(logits=shown(z)))
    apart = np.zeros((2, len(WEIGHTS)), np.float32)
    apart[1, :2] = 0.6, -0.3
    found = entries.difference(flat, apart, sign)(params, IMAGES, jnp.ones(ROWS, int))["class-mean difference"]
    start = net.latent.point(POSTERIORS["gaussian"])[:, 0]
    expected = sign * (jax.nn.sigmoid(start + sign * 0.6) - jax.nn.sigmoid(start))
    np.testing.assert_allclose(found, np.tile(np.asarray(expected)[:, None, None], (1, SIDE, SIDE)), atol=1e-6)
    assert (found > 0).all()


def test_every_entry_is_a_map_of_every_image_and_filling_up_changes_none():
    net, params = build(POSTERIORS["gaussian"], WEIGHTS, "gaussian")
    flat = net._replace(
        encode=lambda p, images, grid=None: POSTERIORS["gaussian"].__class__(
            *(x[:1].repeat(len(images), 0) for x in POSTERIORS["gaussian"])
        ),
        decode=lambda p, z: net.decode(p, z)._replace(logits=jnp.tile(z[:, :1, None, None], (1, SIDE, SIDE, 1))),
    )
    one, options = known(), traversals.Options(3, 0.3)
    entrants = [
        entries.ours(flat, options, -1.0),
        entries.released(flat, "gaussian", -1.0),
        entries.baseline(flat, "edges"),
    ]
    found = entries.enter(entrants, entries.rendered(flat), params, one, N)
    more = entries.enter(entrants, entries.rendered(flat), params, one, N + 5)
    assert {"traversal: gated", "gate", "as released: variance", "edges", "location prior", "ceiling"} <= set(found)
    np.testing.assert_allclose(found["mean effect, gated"], found["mean effect"] * found["gate"])
    for name, maps in found.items():
        assert maps.shape == (N, SIDE, SIDE)
        np.testing.assert_allclose(maps, more[name], atol=1e-6)
    np.testing.assert_allclose(found["ceiling"], 0.0)  # of an encoder that sees nothing


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
    name, options, tried = tuning.choose(
        net._replace(decode=draw, encode=encode), params, base, covariance, 1.0, [top], N
    )
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
    judge = counterfactuals.Judge(lambda images: np.repeat(images.mean(axis=(1, 2)), 2, axis=1), np.full(2, threshold))
    options = traversals.Options(24, 0.6, 0.95, reach=True)
    blind = net._replace(decode=draw, encode=encode)
    found, tried = tuning.target(blind, params, options, 1.0, [known()], N, judge)
    assert found.target_probability == expected
    assert next(iter(tried)) == "0.95"
    assert len(tried) == (1 if threshold == 0.9 else 3)


def test_labels_that_go_together_are_not_off_target():
    labels = ("No Finding", "Lung Opacity", "Edema", "Pneumothorax", "Cardiomegaly")
    assert counterfactuals.counted(labels, 2).tolist() == [False, False, True, True, True]
    assert counterfactuals.counted(labels, 1).tolist() == [False, True, False, True, True]
    assert counterfactuals.counted(labels, 0).all()


def test_a_path_that_removes_the_finding_is_a_valid_counterfactual():
    one = known()
    share = np.linspace(1.0, 0.0, 5, dtype=np.float32)
    frames = one.low[:, None] + share[None, :, None, None] * one.effect[:, None]
    probability = np.tile(np.stack([np.full(5, 0.3), 0.9 - 0.2 * np.arange(5)], axis=1), (N, 1, 1)).astype(np.float32)
    distance = np.tile(np.arange(5.0), (N, 1))
    path = traversals.Path(frames[..., None], probability, distance, np.zeros((N, 5, 2)))
    made = counterfactuals.Walks(path, one.high[..., None], np.stack([one.image] * 3))
    judge = counterfactuals.Judge(
        lambda images: np.tile((images - one.low[..., None]).max(axis=(1, 2, 3))[:, None] > 0.1, (1, 2)).astype(float),
        np.array([0.5, 0.5]),
    )
    found = counterfactuals.scores(made, one, ("Pneumothorax", "Edema"), np.ones(2), False, judge)
    np.testing.assert_array_equal(found["validity"], 1.0)
    np.testing.assert_array_equal(found["effectiveness"], 0.0)
    for name in ("off_target", "reversibility", "composition_1", "composition_3"):
        np.testing.assert_allclose(found[name], 0.0, atol=1e-6)
    np.testing.assert_allclose(found["severity_response"], 1.0)
    np.testing.assert_allclose(found["severity"], 1.0, atol=1e-5)
    np.testing.assert_allclose(found["sparsity"], 0.5)
