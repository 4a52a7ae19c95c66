"""The model as pure functions: shapes, what reads what, dtypes, and examples that do not see each other."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from support import unit_gain
from support.settings import plain_model

from dirvae import model
from dirvae.config import ConfigError

SIZE, LABELS, ROWS = 16, 3, 4
SMALL = {"convolution": "native", "widths": "8,8", "latents": 6, "hidden": 16, "grid": 4, "head_hidden": 8}


def build(**fields):
    net = model.build(plain_model(SMALL | fields), LABELS, SIZE)
    return net, unit_gain.parameters(net)


@pytest.fixture(scope="module")
def images():
    return jax.random.uniform(jax.random.key(1), (ROWS, SIZE, SIZE, 1))


@pytest.fixture(scope="module")
def keys():
    return jax.random.split(jax.random.key(2), ROWS)


SHAPES = [
    {"prior": "dirichlet"},
    {"prior": "logistic_normal", "structure": "product", "groups": 2},
    {
        "prior": "dirichlet",
        "structure": "spatial",
        "grid": 8,
        "first_stride": 2,
        "head": "pooled",
        "learn_scale": "true",
    },
    {"prior": "gaussian", "structure": "spatial", "groups": 2, "head": "mlp"},
    {"prior": "gaussian", "hidden": 0},
    {
        "prior": "dirichlet",
        "structure": "product",
        "groups": 4,
        "latents": 2,
        "head": "assigned",
        "linear_path": "true",
    },
    {"prior": "gaussian", "head": "assigned", "latents_per_finding": 2, "linear_path": "true"},
    {"structure": "hierarchical", "groups": 4, "latents": 2, "head": "assigned", "linear_path": "true"},
    {
        "prior": "gaussian",
        "structure": "hierarchical",
        "local_latents": 1,
        "grid": 8,
        "first_stride": 2,
        "head": "pooled",
    },
]


FAST = {"global", "product"}  # structures of which the first case is compiled in the fast tests, too


def quick(fields):
    """Whether this is the first case of a structure."""
    structure = fields.get("structure", "global")
    return fields is next(case for case in SHAPES if case.get("structure", "global") == structure) and structure in FAST


@pytest.mark.parametrize(
    "fields",
    [pytest.param(fields, marks=() if quick(fields) else pytest.mark.slow) for fields in SHAPES],
    ids=lambda fields: " ".join(map(str, fields.values())),
)
def test_shapes_and_finite_gradients(fields, images, keys):
    net, params = build(**fields)

    @jax.jit
    def run(params):
        outputs = net.forward(params, images, keys)
        total = sum(jnp.sum(jnp.square(part)) for part in (outputs.pixels.logits, outputs.logits))
        return total + jnp.sum(net.latent.kl(outputs.posterior, net.latent.prior)), outputs

    gradient, outputs = jax.grad(run, has_aux=True)(params)
    expected = net.expected(params, images)
    for found in (outputs, expected):
        assert found.pixels.logits.shape == images.shape
        assert found.logits.shape == (ROWS, LABELS)
        assert found.sample.coordinates.shape == (ROWS, *net.latent.spec.event)
    assert all(np.isfinite(leaf).all() for leaf in jax.tree.leaves(gradient))
    assert all(np.any(leaf != 0) for leaf in jax.tree.leaves((gradient["encoder"], gradient["classifier"])))


@pytest.mark.parametrize(("head", "read"), [("linear", 0), ("assigned", 0), ("pooled", 1)])
def test_of_two_levels_the_decoder_reads_both_and_a_head_one(head, read):
    net, params = build(structure="hierarchical", head=head, linear_path="true")
    channels = jax.random.normal(jax.random.key(0), (ROWS, net.latent.spec.channels))
    first = net.latent.spec.parts[0].channels
    halves = jnp.split(channels, [first], axis=1)
    shown, logits = net.decode_channels(params, channels).logits, net.classify_channels(params, channels)
    for part in range(2):
        moved = jnp.concatenate([1.0 - 2.0 * half if i == part else half for i, half in enumerate(halves)], axis=1)
        assert np.abs(net.decode_channels(params, moved).logits - shown).max() > 1e-2
        assert (np.abs(net.classify_channels(params, moved) - logits).max() > 1e-3) == (part == read)


def test_a_cell_is_drawn_where_it_is():
    """The upper right cell; group normalisation carries a little of it elsewhere."""
    net, params = build(
        structure="hierarchical", hidden=0, prior="gaussian", local_latents=1, widths="8", first_stride=4
    )
    still = jnp.zeros((1, net.latent.spec.channels))
    first, side = net.latent.spec.parts[0].channels, net.latent.spec.parts[1].grid[0]
    moved = still.at[0, first + side - 1].set(10.0)
    change = np.abs(net.decode_channels(params, moved).logits - net.decode_channels(params, still).logits)[0, :, :, 0]
    row, column = np.unravel_index(change.argmax(), change.shape)
    assert row < SIZE // 2 <= column


@pytest.mark.parametrize("head_input", ["mean", "sample"])
def test_decoder_and_head_read_the_latent_and_nothing_else(head_input, images, keys):
    net, params = build(head_input=head_input)
    outputs = jax.jit(net.forward)(params, images, keys)
    z = outputs.sample.coordinates
    np.testing.assert_allclose(net.decode(params, z).logits, outputs.pixels.logits, rtol=1e-4, atol=1e-5)
    from_mean = net.classify_channels(params, net.latent.head_mean(outputs.posterior))
    from_draw = net.classify(params, z)
    read, other = (from_draw, from_mean) if head_input == "sample" else (from_mean, from_draw)
    np.testing.assert_allclose(outputs.logits, read, rtol=1e-4, atol=1e-5)
    assert np.abs(outputs.logits - other).max() > 1e-3


def test_expected_outputs_are_those_of_the_closed_forms(images):
    net, params = build()
    outputs, q = net.expected(params, images), net.encode(params, images)
    a = np.float64(q.concentration)
    shown = net.decode_channels(params, jnp.float32(6 * a / a.sum(-1, keepdims=True)))
    np.testing.assert_allclose(outputs.pixels.logits, shown.logits, rtol=1e-4, atol=1e-5)
    np.testing.assert_allclose(outputs.logits, net.classify(params, outputs.sample.coordinates), rtol=1e-4, atol=1e-5)


def test_permuting_a_batch_permutes_its_outputs(images, keys):
    net, params = build(dropout=0.3)
    order = jnp.array([2, 0, 3, 1])
    forward = jax.jit(net.forward)
    straight, permuted = forward(params, images, keys), forward(params, images[order], keys[order])
    for found, expected in zip(
        jax.tree.leaves(permuted._replace(pixels=permuted.pixels.logits)),
        jax.tree.leaves(straight._replace(pixels=straight.pixels.logits)),
        strict=True,
    ):
        np.testing.assert_allclose(found, expected[order], rtol=1e-5, atol=1e-5)


def test_dropout_keeps_the_expectation_of_a_linear_head(images):
    net, params = build(dropout=0.4)
    many = jax.random.split(jax.random.key(3), 800)
    one = jnp.broadcast_to(images[:1], (800, SIZE, SIZE, 1))
    logits = np.float64(jax.jit(net.forward)(params, one, many).logits)
    error = logits.std(axis=0) / np.sqrt(800)
    assert (error > 0).all()
    np.testing.assert_array_less(np.abs(logits.mean(axis=0) - net.expected(params, images[:1]).logits[0]), 4 * error)


def test_half_precision_leaves_parameters_and_distributions_whole(images, keys):
    net, params = build(compute="bfloat16")
    outputs = jax.jit(net.forward)(params, images, keys)
    assert {leaf.dtype for leaf in jax.tree.leaves((params, outputs))} == {jnp.dtype("float32")}
    exact, _ = build()
    whole = jax.jit(exact.forward)(params, images, keys)
    difference = np.abs(outputs.pixels.logits - whole.pixels.logits).max()
    assert 0 < difference < 0.1 * np.abs(whole.pixels.logits).max() + 0.1


def test_priors_share_the_networks_but_for_what_the_latent_sizes():
    shapes = {}
    for prior in ("dirichlet", "gaussian", "logistic_normal"):
        net = model.build(plain_model(SMALL | {"prior": prior}), LABELS, SIZE)
        params = jax.eval_shape(net.init, jax.random.key(0))
        shapes[prior] = {
            jax.tree_util.keystr(path): leaf.shape for path, leaf in jax.tree_util.tree_leaves_with_path(params)
        }
    for prior in ("gaussian", "logistic_normal"):
        differing = {name for name in shapes["dirichlet"] if shapes["dirichlet"][name] != shapes[prior][name]}
        assert len(differing) == 2  # kernel and bias of the encoder's last layer
        assert all("encoder" in name for name in differing)


def test_posteriors_start_near_the_prior(images):
    net, _ = build()
    params = jax.jit(net.init)(jax.random.key(0))
    per_latent = net.latent.kl(net.encode(params, images), net.latent.prior) / 6
    assert np.all(per_latent < 0.1)


def test_an_assigned_head_reads_a_finding_s_own_latents_alone(images):
    """Of 4 pairs, label c reads the log ratio of pair c: w (log z_1 - log z_0) + b; the fourth is read by none."""
    net, params = build(structure="product", groups=4, latents=2, head="assigned")
    log_z = jax.nn.log_softmax(jax.random.normal(jax.random.key(5), (ROWS, 4, 2)))
    weight, bias = (np.asarray(params["classifier"][name]) for name in ("own", "bias"))
    ratios = np.asarray(log_z[..., 1] - log_z[..., 0])
    np.testing.assert_allclose(net.classify(params, log_z), ratios[:, :LABELS] * weight[:, 0] + bias, rtol=1e-5)
    slopes = jax.jacobian(lambda z: net.classify(params, z)[0])(log_z[:1])[:, 0]
    assert np.all((np.abs(np.asarray(slopes)).sum(axis=2) > 0) == np.eye(LABELS, 4))


@pytest.mark.slow
def test_an_assigned_head_starts_in_favour_of_each_finding():
    net = model.build(
        plain_model(SMALL | {"prior": "gaussian", "head": "assigned", "latents_per_finding": 2}), LABELS, SIZE
    )
    params = net.init(jax.random.key(0))
    logits = net.classify(params, jnp.ones((1, 6)))
    np.testing.assert_allclose(logits, np.full((1, LABELS), 0.6), rtol=1e-6)


def test_too_few_latents_to_assign_are_refused():
    net = model.build(plain_model(SMALL | {"head": "assigned", "latents": 3}), LABELS, SIZE)
    with pytest.raises(ConfigError, match="needs 3 latents for 3 findings, but there are 2"):
        net.init(jax.random.key(0))


def test_the_linear_path_is_added_to_what_the_convolutions_give(images):
    """With all other weights at nought, features and logits are affine in pixels and channels."""
    net, params = build(prior="gaussian", linear_path="true")
    path = jax.random.normal(jax.random.key(1), (SIZE * SIZE, 12))
    silent = jax.tree.map(jnp.zeros_like, params)
    silent["encoder"]["linear_path"]["kernel"] = path
    mean = (2 * images.reshape(ROWS, -1) - 1) / np.sqrt(SIZE) @ path[:, :6]
    np.testing.assert_allclose(net.encode(silent, images).mean, mean, rtol=1e-4, atol=1e-5)
    templates = jax.random.normal(jax.random.key(2), (6, SIZE * SIZE))
    silent["decoder"]["linear_path"]["kernel"] = templates
    z = jax.random.normal(jax.random.key(3), (ROWS, 6))
    drawn = net.decode(silent, z).logits.reshape(ROWS, -1)
    np.testing.assert_allclose(drawn, z @ templates, rtol=1e-4, atol=1e-5)
