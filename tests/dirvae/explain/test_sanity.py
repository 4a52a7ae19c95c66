"""Which parameters each step of the cascade replaces, and what a map's sensitivity reads."""

from functools import partial

import jax
import numpy as np
import pytest
from support import unit_gain
from support.settings import plain_model

from dirvae import model
from dirvae.explain import attributions, sanity

IMAGES = jax.random.uniform(jax.random.key(1), (3, 16, 16, 1))
LABEL = np.zeros(3, int)


@pytest.fixture(scope="module")
def small():
    settings = {"widths": "4,8", "hidden": 8, "prior": "gaussian", "latents": 5, "head": "linear"}
    net = model.build(plain_model(settings), 2, 16)
    return net, unit_gain.parameters(net, 0), unit_gain.parameters(net, 1)


def same(a, b):
    return all(np.array_equal(x, y) for x, y in zip(jax.tree.leaves(a), jax.tree.leaves(b), strict=True))


def test_from_the_head_down_to_the_first_convolution(small):
    _, params, _ = small
    names = [name for _, name in sanity.layers(params)]
    assert names == [None, "Dense_1", "Dense_0", "LayerNorm_0", "Shrinking_1", "Shrinking_0"]


def test_each_step_replaces_one_more_layer(small):
    _, params, fresh = small
    steps = dict(sanity.cascade(params, fresh))
    for count, found in enumerate(steps.values(), start=1):
        assert same(found["decoder"], params["decoder"])
        assert same(found["classifier"], fresh["classifier"])
        for place, (_, name) in enumerate(sanity.layers(params)[1:], start=2):
            expected = fresh if place <= count else params
            assert same(found["encoder"][name], expected["encoder"][name])
    assert same(found["encoder"], fresh["encoder"])


def test_maps_that_ignore_the_model_are_found_out(small):
    net, params, fresh = small
    read = {}
    for name in ("edges", "input_gradient"):
        explain = jax.jit(partial(getattr(attributions, name), net))
        read[name] = sanity.sensitivity(lambda p, e=explain: e(p, IMAGES, LABEL), params, fresh)
    for values in read["edges"].values():
        np.testing.assert_allclose(values, 1.0)
    assert np.abs(read["input_gradient"]["Shrinking_0"]).mean() < 0.5
    unchanged = sanity.sensitivity(lambda p: explain(p, IMAGES, LABEL), params, params)
    for values in unchanged.values():
        np.testing.assert_allclose(values, 1.0)


def test_an_encoder_of_unknown_parts_is_refused():
    with pytest.raises(ValueError, match="Attention_0 have no place"):
        sanity.layers({"encoder": {"Attention_0": {}, "Dense_0": {}}, "classifier": {}})
