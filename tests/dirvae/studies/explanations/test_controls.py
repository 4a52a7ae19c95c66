"""Maps that are drawn from what is known of an image, beside those of the registry."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from support.linear_heads import POSTERIORS, WEIGHTS, build
from support.truths import SIDE, N, known

from dirvae.explain import methods, traversals
from dirvae.explain.contract import Setting
from dirvae.studies.explanations import controls


def test_names_of_controls_are_not_those_of_methods():
    added = set(controls.known_maps()) - set(methods.maps_of())
    assert added == {"latent_shift_gated", "location_prior", "mean_effect", "mean_effect_gated", "encode_decode"}
    roles = [drawn.role for drawn in controls.known_maps().values()]
    assert roles == sorted(roles, key=["ours", "rival", "control"].index)


@pytest.mark.slow
def test_every_map_is_one_of_every_image_and_filling_up_changes_none():
    net, params = build(POSTERIORS["gaussian"], WEIGHTS, "gaussian")

    def encode(params, images, grid=None):
        return jax.tree.map(lambda x: x[:1].repeat(len(images), 0), POSTERIORS["gaussian"])

    def decode(params, z):
        return net.decode(params, z)._replace(logits=jnp.tile(z[:, :1, None, None], (1, SIDE, SIDE, 1)))

    flat, truth = net._replace(encode=encode, decode=decode), known()
    wanted = ["traversal_gated", "gate", "harkness2023_variance", "edges"]
    explain = methods.build_maps(Setting(flat, "gaussian", traversals.Options(3, 0.3)), wanted)
    reconstruct = controls.reconstruction(flat)

    def draw(rows):
        maps = controls.draw(explain, params, truth, truth.image, -1.0, rows)
        return maps | controls.reference_maps(truth, maps["gate"], reconstruct, params, rows)

    maps, more = draw(N), draw(N + 5)
    assert set(maps) == {*wanted, "location_prior", "mean_effect", "mean_effect_gated", "encode_decode"}
    np.testing.assert_allclose(maps["mean_effect_gated"], maps["mean_effect"] * maps["gate"])
    for name, drawn in maps.items():
        assert drawn.shape == (N, SIDE, SIDE)
        np.testing.assert_allclose(drawn, more[name], atol=1e-6)
    np.testing.assert_allclose(maps["encode_decode"], 0.0)  # of an encoder that sees nothing


def test_without_exact_effects_only_the_location_prior_is_known():
    truth = known()
    boxed = truth._replace(low=truth.low[:0], high=truth.high[:0], mean_effect=truth.mean_effect[:0])
    assert set(controls.reference_maps(boxed, truth.low, None, None, N)) == {"location_prior"}
