"""The registry of explanation methods: names are unique, every map is what it says, and what is lacking is named."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from support import unit_gain
from support.linear_heads import IMAGES, POSTERIORS, ROWS, WEIGHTS, build
from support.settings import plain_model

from dirvae import model
from dirvae.explain import attributions, gated, maps, methods, paths, traversals
from dirvae.explain.contract import Map, Method, Setting
from dirvae.types import Query

SIDE = 8
LABEL = jnp.ones(ROWS, int)
PICTURES = jnp.zeros((ROWS, SIDE, SIDE, 1))


def shown_first(prior):
    """A model whose decoder shows the first coordinate everywhere, in an image as large as is encoded, and its parameters."""
    net, params = build(POSTERIORS[prior], WEIGHTS, prior)
    shown = lambda z: jnp.tile(z[:, :1, None, None], (1, SIDE, SIDE, 1))  # noqa: E731
    encode = lambda p, images, grid=None: net.encode(p, images)  # noqa: E731
    decode = lambda p, z: net.decode(p, z)._replace(logits=shown(z))  # noqa: E731
    return net._replace(encode=encode, decode=decode), params


def test_names_are_identifiers_and_given_once():
    names = [drawn.name for method in methods.METHODS.values() for drawn in method.maps]
    assert len(set(names)) == len(names)
    assert all(name.isidentifier() for name in [*names, *methods.METHODS])
    assert set(names) == set(methods.maps_of())
    assert all(drawn.role in ("ours", "rival") for drawn in methods.maps_of("ours", "rival").values())


@pytest.mark.slow
def test_a_path_gives_its_maps_at_once():
    """The maps are those of the functions that draw them one by one."""
    net, params = shown_first("gaussian")
    options = traversals.Options(3, 0.3)
    query = Query(PICTURES, LABEL, jnp.array([1.0, -1.0, 1.0]))
    drawn = methods.build("traversal", Setting(net, "gaussian", options))(params, query)
    path = traversals.on_manifold(net, params, *query, options)
    np.testing.assert_allclose(drawn["traversal_signed"], maps.signed(path.images, query.sign), atol=1e-6)
    keys = attributions.image_keys(jax.random.key(0), query.images)
    change, evidence = gated.change_and_evidence(net, params, *query, keys, gated.DRAWS, options)
    np.testing.assert_allclose(drawn["traversal_denoised"], change, atol=1e-6)
    np.testing.assert_allclose(drawn["traversal_gated"], maps.gated(change, evidence), atol=1e-6)
    np.testing.assert_allclose(drawn["gate"], maps.gate(evidence), atol=1e-6)


def test_every_map_is_drawn_for_every_image_in_the_registrys_order():
    net, params = shown_first("gaussian")
    setting = Setting(net, "gaussian", traversals.Options(3, 0.3), np.zeros((2, len(WEIGHTS)), np.float32))
    query = Query(PICTURES, LABEL, -jnp.ones(ROWS))
    wanted = [name for name in methods.maps_of() if name != "grad_cam"]  # this model has no features
    drawn = methods.build_maps(setting, wanted)(params, query)
    assert list(drawn) == wanted
    assert {values.shape for values in drawn.values()} == {(ROWS, SIDE, SIDE)}
    edges = attributions.edges(net, params, query.images, query.label)
    np.testing.assert_allclose(drawn["edges"], edges, atol=1e-6)


@pytest.fixture(scope="module")
def whole():
    """A small model with random parameters, every map of a query of four images with labels of their own, and the query."""
    fields = {"widths": "4,8", "hidden": 8, "structure": "product", "groups": 4, "latents": 2, "head": "assigned"}
    net = model.build(plain_model(fields), 3, 16)
    params, rng = unit_gain.parameters(net), np.random.default_rng(0)
    apart = rng.normal(size=(3, *net.latent.spec.event)).astype(np.float32)
    options = traversals.Options(3, 0.3, adaptive_step=True)
    images, signs = jnp.asarray(rng.random((4, 16, 16, 1)), jnp.float32), jnp.array([1.0, -1.0, 1.0, -1.0])
    query = Query(images, jnp.array([2, 0, 1, 1]), signs)
    return Setting(net, "dirichlet", options, apart, draws=2), params, query


@pytest.mark.parametrize("name", methods.METHODS)
def test_an_image_is_explained_alike_alone_and_at_any_place_of_any_batch(whole, name):
    setting, params, query = whole
    explain = methods.build(name, setting)
    together = explain(params, query)
    place = np.array([2, 1, 0, 2, 3])  # the third image comes first and fourth
    elsewhere = explain(params, Query(*(column[place] for column in query)))
    alone = explain(params, Query(*(column[2:3] for column in query)))
    for drawn, maps_together in together.items():
        size = float(np.abs(maps_together).max())
        assert size > 0, drawn
        for one in (elsewhere[drawn][0], elsewhere[drawn][3], alone[drawn][0]):
            np.testing.assert_allclose(one, maps_together[2], atol=1e-3 * size, err_msg=drawn)


def test_only_what_is_wanted_is_built(monkeypatch):
    def refuse(setting):
        raise AssertionError("built for nothing")

    toy = Map("toy", "Toy", True, "rival", "nothing")
    monkeypatch.setitem(methods.METHODS, "toy", Method("toy", (toy,), refuse))
    net, params = shown_first("gaussian")
    query = Query(PICTURES, LABEL, jnp.ones(ROWS))
    assert list(methods.build_maps(Setting(net, "gaussian"), ["edges"])(params, query)) == ["edges"]
    assert methods.maps_of("rival")["toy"] is toy


def test_a_method_without_what_it_needs_is_left_out_or_named():
    net, _ = shown_first("gaussian")
    with pytest.raises(ValueError, match="class_mean_difference needs differences"):
        methods.build("class_mean_difference", Setting(net, "gaussian"))
    assert methods.build_maps(Setting(net, "gaussian"), ["class_mean_difference"])(None, None) == {}


def test_unknown_names_suggest_the_nearest():
    net, _ = shown_first("gaussian")
    with pytest.raises(ValueError, match="did you mean 'grad_cam'"):
        methods.build("gradcam", Setting(net, "gaussian"))
    with pytest.raises(ValueError, match="did you mean 'traversal_gated'"):
        methods.build_maps(Setting(net, "gaussian"), ["traversal_gate"])


@pytest.mark.parametrize("prior", POSTERIORS)
def test_a_permuted_direction_goes_as_far_elsewhere(prior):
    net, params = build(POSTERIORS[prior], WEIGHTS, prior)
    signs, options = jnp.ones(ROWS), traversals.Options(6, 0.3, 1.1)
    path = traversals.on_manifold(net, params, IMAGES, jnp.ones(ROWS, int), signs, options)
    keys = jax.random.split(jax.random.key(0), ROWS)
    end = paths.permuted(net, path, keys)
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
    net, params = shown_first("gaussian")
    apart = np.zeros((2, len(WEIGHTS)), np.float32)
    apart[1, :2] = 0.6, -0.3
    explain = methods.build("class_mean_difference", Setting(net, "gaussian", differences=apart))
    drawn = explain(params, Query(PICTURES, LABEL, jnp.full(ROWS, sign)))["class_mean_difference"]
    start = net.latent.point(POSTERIORS["gaussian"])[:, 0]
    expected = sign * (jax.nn.sigmoid(start + sign * 0.6) - jax.nn.sigmoid(start))
    np.testing.assert_allclose(drawn, np.tile(np.asarray(expected)[:, None, None], (1, SIDE, SIDE)), atol=1e-6)
    assert (drawn > 0).all()
