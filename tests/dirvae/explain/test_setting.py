"""From a run's config to the options of its traversals."""

from support.settings import plain

from dirvae import model
from dirvae.config import override
from dirvae.explain import setting, traversals

SMALL = {"image_size": 32, "widths": "4,4", "hidden": 8, "latents": 5, "path_steps": 4}


def test_the_configuration_chooses_the_options():
    config = plain(SMALL)
    chosen = override(config, {"constrain_others": True, "path_steps": 7})
    options = setting.options_of(model.build(config.model, 3, 32), chosen, "fisher")
    expected = traversals.Options(7, 0.6, 0.95, metric="fisher", constrain_others=True, adaptive_step=True)
    assert options == expected


def test_a_linear_head_has_one_direction_for_every_image():
    config = plain(SMALL)
    for head, metric, same in (
        ("linear", "covariance", True),
        ("assigned", "identity", True),
        ("linear", "fisher", False),
        ("mlp", "identity", False),
    ):
        assert setting.has_constant_direction(override(config, {"head": head, "metric": metric})) == same
