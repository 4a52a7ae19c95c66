"""From a run's config to the options of its traversals."""

import numpy as np

from dirvae import model
from dirvae.config import Config, override
from dirvae.explain import setting, traversals

SMALL = {"image_size": 32, "widths": "4,4", "hidden": 8, "latents": 5, "path_steps": 4}


def test_the_configuration_chooses_the_options():
    config = override(Config(), SMALL)
    chosen = override(config, {"hold_others": True, "path_steps": 7})
    options = setting.options_of(model.build(config.model, 3, 32), chosen, "fisher")
    expected = traversals.Options(7, 0.6, 0.95, metric="fisher", constrain_others=True, adaptive_step=True)
    assert options == expected
    owned = override(config, {"head": "assigned", "own_latents": True, "own": 2})
    mask = setting.options_of(model.build(owned.model, 2, 32), owned).mask
    np.testing.assert_array_equal(mask, [[0, 1, 1, 0, 0], [0, 0, 0, 1, 1]])


def test_a_linear_head_has_one_direction_for_every_image():
    config = override(Config(), SMALL)
    for head, metric, same in (
        ("linear", "covariance", True),
        ("assigned", "identity", True),
        ("linear", "fisher", False),
        ("mlp", "identity", False),
    ):
        assert setting.has_constant_direction(override(config, {"head": head, "metric": metric})) == same
