"""What the options promise, on heads whose answer is known in closed form and on small networks."""

import functools
import itertools
import math

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from support import unit_gain
from support.linear_heads import DIRICHLET, GAUSSIAN, IMAGES, POSTERIORS, ROWS, WEIGHTS, K, build
from support.settings import plain_model

from dirvae import model
from dirvae.explain import traversals
from dirvae.explain.traversals import Options, directions, path
from dirvae.latents import geometry
from dirvae.types import Pixels

OPTIONS = Options(steps=12, step_size=0.1, target_probability=0.9999, stop="code")
LABELS = 4
HEADS = 0.3 * np.random.default_rng(5).normal(size=(K, LABELS))
FACTOR = np.random.default_rng(6).normal(size=(K, K))
COVARIANCE = FACTOR @ FACTOR.T / K


def metric_of(name):
    return jnp.asarray(COVARIANCE, jnp.float32) if name == "covariance" else name


def follow(net, params, label=1, sign=1.0, **changed):
    changed["metric"] = metric_of(changed.get("metric", "identity"))
    labels, signs = jnp.full(ROWS, label), jnp.full(ROWS, sign)
    return traversals.on_manifold(net, params, IMAGES, labels, signs, OPTIONS._replace(**changed))


def read(net, made):
    """What the head reads along a path, float64 [B, T, K]."""
    return np.float64(net.latent.to_head(made.coordinates))


@functools.cache
def network(head="mlp", labels=3, **settings):
    """Small pairs on a simplex with a head of its own, and random images for it."""
    shape = {
        "structure": "product",
        "groups": 6,
        "latents": 2,
        "latents_per_finding": 2,
        "widths": "4",
        "hidden": 4,
        "head": head,
    }
    net = model.build(plain_model(shape | settings), labels, 8)
    return net, unit_gain.parameters(net), jax.random.uniform(jax.random.key(2), (2, 8, 8, 1))


def run(net, params, images, options, label=(0, 1)):
    made = jax.jit(lambda: traversals.on_manifold(net, params, images, jnp.array(label), jnp.ones(len(label)), options))
    return made()


@pytest.mark.parametrize("prior", POSTERIORS)
def test_a_covariance_gives_the_shortest_mahalanobis_path(prior):
    """To a logit higher by d: c + d S w/(w S w), with the covariance and the weights of the log ratios on a simplex."""
    net, params = build(POSTERIORS[prior], WEIGHTS, prior)
    made = read(net, follow(net, params, metric="covariance"))
    centring = np.eye(K) - (1 / K if prior == "dirichlet" else 0)
    weights, covariance = centring @ WEIGHTS, centring @ COVARIANCE @ centring
    towards = covariance @ weights / (weights @ covariance @ weights)
    rise = (made - made[:, :1]) @ weights
    assert np.all(rise[:, -1] > 0.5)
    np.testing.assert_allclose(made, made[:, :1] + rise[..., None] * towards, atol=1e-4)


@pytest.mark.parametrize("metric", ["identity", "fisher", "covariance", "pull_back"])
def test_long_paths_stay_on_the_simplex_and_their_logit_rises(metric):
    net, params = build(DIRICHLET, WEIGHTS)
    net = net._replace(decode_channels=lambda params, x: Pixels(x[:, None, None, :] / K, jnp.float32(0.0)))
    made = follow(net, params, steps=40, step_size=0.05, target_probability=1.1, metric=metric)
    np.testing.assert_allclose(np.exp(np.float64(made.coordinates)).sum(axis=-1), 1.0, atol=1e-6)
    assert np.all(np.diff(read(net, made) @ WEIGHTS, axis=1) > 0)


def test_a_null_step_returns_the_same_image():
    net, params, images = network()
    expected = net.decode(params, net.latent.point(net.encode(params, images))).location
    for stopped in ({"target_probability": 0.0}, {"step_size": 0.0}):
        made = run(net, params, images, Options(3)._replace(**stopped))
        np.testing.assert_allclose(made.images, np.repeat(expected[:, None], 4, axis=1), atol=1e-6)


def test_halving_the_step_converges_to_the_same_path():
    """Euler's scheme is of first order: each halving halves the error, in all points that the paths share."""
    net, params, images = network()
    steps = (8, 16, 32, 64)
    made = [np.float64(run(net, params, images, Options(n, 1.6 / n, 1.1)).coordinates)[:, :: n // 8] for n in steps]
    gaps = [np.abs(coarse - fine).max() for coarse, fine in itertools.pairwise(made)]
    np.testing.assert_allclose(np.divide(gaps[:-1], gaps[1:]), 2.0, atol=0.4)
    assert gaps[-1] < 0.02


@pytest.mark.parametrize("prior", POSTERIORS)
def test_a_path_that_would_end_short_of_its_target_takes_longer_steps(prior):
    """On a linear head all of them alike, and the last ends at the target."""
    net, params = build(POSTERIORS[prior], WEIGHTS, prior)
    made = follow(net, params, adaptive_step=True)
    assert np.all(follow(net, params).probability[:, -1, 1] < 0.999)
    np.testing.assert_allclose(made.probability[:, -1, 1], 0.9999, atol=1e-6)
    np.testing.assert_allclose(made.distance, np.outer(made.distance[:, -1], np.arange(13) / 12), rtol=1e-3)


def test_a_step_that_is_long_enough_stays():
    net, params = build(GAUSSIAN, WEIGHTS, "gaussian")
    settings = {"step_size": 1.0, "target_probability": 0.9}
    np.testing.assert_array_equal(
        follow(net, params, adaptive_step=True, **settings).coordinates, follow(net, params, **settings).coordinates
    )


@pytest.mark.parametrize(
    ("prior", "metric", "step_size"),
    [("dirichlet", "identity", 0.1), ("dirichlet", "fisher", 0.03), ("gaussian", "covariance", 0.1)],
)
def test_held_logits_stay_and_the_label_rises(prior, metric, step_size):
    net, params = build(POSTERIORS[prior], HEADS, prior)
    logits = read(net, follow(net, params, constrain_others=True, metric=metric, step_size=step_size)) @ HEADS
    moved = logits - logits[:, :1]
    assert np.all(np.diff(moved[..., 1], axis=1) > 0)
    np.testing.assert_allclose(np.delete(moved, 1, axis=-1), 0.0, atol=1e-3)
    assert np.all(moved[:, -1, 1] > 0.1)


def test_holding_projects_in_the_metric():
    """The shortest v with w_1 v = 1 and w_j v = 0 for the others: S W (W^T S W)^-1 e_1."""
    net, params = build(GAUSSIAN, HEADS, "gaussian")
    made = read(net, follow(net, params, steps=1, constrain_others=True, metric="covariance"))
    expected = (COVARIANCE @ HEADS @ np.linalg.inv(HEADS.T @ COVARIANCE @ HEADS))[:, 1]
    expected *= 0.1 / np.linalg.norm(expected)
    np.testing.assert_allclose(made[:, 1] - made[:, 0], np.tile(expected, (ROWS, 1)), atol=1e-5)


def test_a_label_that_others_determine_goes_nowhere():
    made = follow(*build(GAUSSIAN, HEADS[:, [0, 0, 1, 2]], "gaussian"), constrain_others=True)
    np.testing.assert_array_equal(made.distance, 0.0)


@pytest.mark.slow
def test_on_a_curved_head_held_logits_stay_to_first_order():
    """What a step of length h leaves of them falls as its square."""
    net, params, images = network()
    left = []
    for size in (0.4, 0.2, 0.1):
        made = run(net, params, images, Options(1, size, 1.1, constrain_others=True))
        logits = net.classify(params, made.coordinates.reshape(4, 6, 2)).reshape(2, 2, 3)
        moved = np.float64(logits[:, 1] - logits[:, 0])
        own = moved[np.arange(2), [0, 1]]
        assert np.all(own > 0)
        left.append(np.abs(np.where(np.eye(3)[:2] > 0, 0.0, moved)).max())
    assert np.all(np.divide(left[:-1], left[1:]) > 3)


@pytest.mark.parametrize("prior", POSTERIORS)
@pytest.mark.parametrize("metric", ["identity", "covariance"])
def test_masked_latents_move_alone(prior, metric):
    """Off the mask, coordinates do not move, on a simplex but for the common factor of the renormalisation."""
    chosen = np.zeros((LABELS, K), np.float32)
    chosen[:, 3:9] = 1.0
    net, params = build(POSTERIORS[prior], HEADS, prior)
    made = follow(net, params, mask=jnp.asarray(chosen), metric=metric)
    z = np.float64(made.coordinates)
    rest = np.delete(z, np.s_[3:9], axis=-1)
    rest = rest - rest[..., :1] if prior == "dirichlet" else rest
    np.testing.assert_allclose(rest, np.broadcast_to(rest[:, :1], rest.shape), atol=5e-5)
    assert np.all(np.diff(read(net, made) @ HEADS[:, 1], axis=1) > 0)


@pytest.mark.parametrize("settings", [{}, {"latents": 4, "groups": 2}, {"prior": "gaussian", "latents": 1}])
@pytest.mark.parametrize("metric", ["identity", "covariance"])
def test_a_labels_own_latents_are_those_that_the_head_assigns(settings, metric):
    net, params, images = network("assigned", **settings)
    size = math.prod(net.latent.spec.event)
    metric = jnp.asarray(COVARIANCE[:size, :size], jnp.float32) if metric == "covariance" else metric
    mask = jnp.asarray(traversals.own_latents(net.latent.spec, 2))
    made = run(net, params, images, Options(4, 0.3, 1.1, metric=metric, mask=mask), (2, 1))
    read = made.coordinates.reshape(2, 5, -1)
    read = geometry.log_ratios(read, net.latent.spec.simplex) if net.latent.spec.simplex else read
    moved = np.abs(np.diff(np.float64(read), axis=1)).max(axis=1)
    for row, label in enumerate((2, 1)):
        own = np.arange(2 * label, 2 * label + 2)
        assert moved[row, own].max() > 0.1
        np.testing.assert_allclose(np.delete(moved[row], own), 0.0, atol=1e-5)
    others = np.delete(np.asarray(made.probability[0]), 2, axis=-1)
    np.testing.assert_allclose(others, np.broadcast_to(others[:1], others.shape), atol=1e-5)


def test_more_latents_than_there_are_cannot_be_owned():
    net, _, _ = network()
    with pytest.raises(ValueError, match="no label can own 7 latents where there are 6; set model"):
        traversals.own_latents(net.latent.spec, 7)


def test_the_pull_back_is_the_least_change_of_pixels():
    """v = (J^T J + d I)^-1 w, where pixels are sigmoid(A z), d = .1 |J w|^2/|w|^2, and A is well enough conditioned for 16 steps."""
    basis = np.linalg.qr(FACTOR)[0]
    mixing = np.float32(basis * np.linspace(0.5, 1.5, K) @ basis.T)
    net, params = build(GAUSSIAN, WEIGHTS, "gaussian")
    shown = lambda params, z: Pixels((z @ mixing.T)[:, None, None, :], jnp.float32(0.0))  # noqa: E731
    made = np.float64(follow(net._replace(decode_channels=shown), params, steps=1, metric="pull_back").coordinates)
    for start, end in made:
        slope = 1 / (2 + 2 * np.cosh(mixing @ start))
        jacobian = slope[:, None] * mixing
        damping = directions.DAMPING * np.sum((jacobian @ WEIGHTS) ** 2) / np.sum(WEIGHTS**2)
        expected = np.linalg.solve(jacobian.T @ jacobian + damping * np.eye(K), WEIGHTS)
        np.testing.assert_allclose(end - start, 0.1 * expected / np.linalg.norm(expected), atol=5e-4)


@pytest.mark.slow
def test_several_labels_of_an_image_at_once():
    net, params, images = network()
    label = jnp.array([[0, 1, 2], [2, 0, 1]])
    together = jax.jit(lambda: traversals.on_manifold(net, params, images, label, jnp.ones((2, 3)), Options(4)))()
    assert together.images.shape == (2, 3, 5, 8, 8, 1)
    for column in range(3):
        one = run(net, params, images, Options(4), tuple(int(x) for x in label[:, column]))
        for several, single in zip(together, one, strict=True):
            np.testing.assert_allclose(several[:, column], single, atol=1e-4)


@pytest.mark.slow
def test_draws_are_the_posteriors_by_each_images_own_key():
    net, params, images = network()
    keys, options = jax.random.split(jax.random.key(3), 2), Options(4)
    draws = lambda rows: traversals.from_draws(  # noqa: E731
        net, params, images[rows], jnp.array([0, 1])[rows], jnp.ones(2)[rows], keys[rows], 3, options
    )
    made, alone = draws(slice(None)), draws(slice(1, 2))
    assert made.images.shape == (2, 3, 5, 8, 8, 1)
    posterior = jax.tree.map(lambda leaf: leaf[1], net.encode(params, images))
    for draw, key in enumerate(jax.random.split(keys[1], 3)):
        np.testing.assert_allclose(
            made.coordinates[1, draw, 0], net.latent.sample(key, posterior).coordinates, rtol=1e-4, atol=1e-5
        )
    np.testing.assert_allclose(alone.images[0], made.images[1], atol=1e-4)


@pytest.mark.parametrize("chunk", [1, 4, 5, 8, 100])
def test_chunks_change_nothing(chunk):
    rows = {"a": jnp.arange(8.0), "b": jnp.arange(16.0).reshape(8, 2)}
    made = path.in_chunks(lambda part: (part["a"] ** 2, part["b"].sum(axis=1)), rows, chunk)
    np.testing.assert_array_equal(made[0], np.arange(8.0) ** 2)
    np.testing.assert_array_equal(made[1], np.arange(16.0).reshape(8, 2).sum(axis=1))


def test_a_chunk_bounds_the_memory():
    net = model.build(plain_model({"latents": 5, "widths": "16", "hidden": 4}), 3, 32)
    params, points = unit_gain.parameters(net), jnp.zeros((16, 32, 5))

    def scratch(chunk):
        images = jnp.zeros((16, 32, 32, 1))
        show = jax.jit(lambda z: path.render(net, params, images, z, jnp.zeros((16, 32)), chunk))
        return show.lower(points).compile().memory_analysis().temp_size_in_bytes

    assert scratch(16) < scratch(512) / 4


def test_an_impossible_chunk_is_refused():
    with pytest.raises(ValueError, match="chunk=0 is no number of rows"):
        follow(*build(GAUSSIAN, WEIGHTS, "gaussian"), chunk=0)


def test_pictures_are_the_images_with_the_change_and_are_read_again():
    net, params, images = network()
    made = run(net, params, images, Options(6, 0.4, 0.999))
    shown = np.clip(images[:, None] + made.images - made.images[:, :1], 0.0, 1.0)
    np.testing.assert_allclose(made.on_image, shown, atol=1e-6)
    np.testing.assert_allclose(made.on_image[:, 0], images, atol=1e-6)
    flat = made.on_image.reshape(-1, *images.shape[1:])
    again = jax.nn.sigmoid(net.expected(params, flat).logits).reshape(made.reread.shape)
    np.testing.assert_allclose(made.reread, again, atol=1e-5)
    assert np.abs(made.reread - made.probability)[:, 1:].max() > 1e-4  # code and picture do not agree by themselves


def test_a_path_stops_by_the_picture_or_by_the_code():
    net, params, images = network()
    whole = run(net, params, images, Options(12, 0.4, 1.1))
    for stop, asked in (("picture", whole.reread), ("code", whole.probability)):
        own = np.asarray(asked)[[0, 1], :, [0, 1]]  # each image's own label
        target = float(np.median(own[:, [0, -1]].mean(axis=1)))
        made = run(net, params, images, Options(12, 0.4, target, stop=stop))
        decisive = np.asarray(made.reread if stop == "picture" else made.probability)[[0, 1], :, [0, 1]]
        for row, moved in zip(decisive, np.diff(made.distance, axis=1) > 0, strict=True):
            np.testing.assert_array_equal(moved, row[:-1] < target)
        assert (np.diff(made.distance, axis=1) == 0).any()


def test_a_path_by_the_picture_takes_longer_steps_where_it_would_end_short():
    net, params, images = network()
    short = run(net, params, images, Options(12, 0.05, 0.9))
    longer = run(net, params, images, Options(12, 0.05, 0.9, adaptive_step=True))
    assert np.all(longer.distance[:, -1] > short.distance[:, -1])
    rise = [np.asarray(made.reread)[[0, 1], -1, [0, 1]] for made in (short, longer)]
    assert np.all(rise[1] >= rise[0])
