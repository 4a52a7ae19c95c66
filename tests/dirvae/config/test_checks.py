"""A configuration that cannot run is refused in one sentence that names the field."""

import pytest
from support.settings import plain

from dirvae.config import Config, ConfigError, validate


def test_the_default_can_run():
    assert validate(Config()) == Config()


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"latents": 0}, "model.latents must be above 0"),
        ({"steps": -1}, "train.steps must be above 0"),
        ({"dropout": 1.0}, "model.dropout must be at least 0 and below 1"),
        ({"beta": -1}, "loss.beta must not be negative"),
        ({"image_size": 72, "widths": "8,8,8,8", "first_stride": 2}, "data.image_size must be a multiple of 16"),
        ({"dataset": "chexpert", "image_size": 4096}, "data.image_size must lie between"),
        ({"first_stride": 3}, "model.first_stride must be 2, 4 or 8"),
        ({"first_stride": 0}, "model.first_stride must be 2, 4 or 8"),
        ({"structure": "spatial", "grid": 5}, "model.grid must be the image size 64 divided by a power of two"),
        ({"structure": "spatial", "grid": 1}, "model.grid must be the image size 64 divided by a power of two"),
        ({"structure": "hierarchical", "grid": 5}, "model.grid must be the image size 64 divided by a power of two"),
        ({"structure": "hierarchical", "local_latents": 1}, "model.local_latents must be at least 2 on a simplex"),
        (
            {"prior": "gaussian", "prior_learning": "moments"},
            "model.prior_learning must be fixed unless model.prior is dir",
        ),
        ({"concentration": 0.01, "prior_learning": "gradient"}, "model.concentration must be above model.min_conc"),
        ({"latents": 1}, "model.latents must be at least 2 on a simplex"),
        ({"groups": 2}, "model.groups must be 1 unless"),
        ({"head": "pooled"}, "model.head can be pooled only where model.structure is spatial"),
        ({"target_probability": 1.0}, "explain.target_probability must lie between 0 and 1"),
        ({"folds": 1}, "data.folds must be 0 .off. or at least 2"),
        ({"folds": 3, "fold": 3}, r"data.fold must be below data.folds \(3\)"),
        ({"widths": ""}, "model.widths needs at least one width"),
        ({"widths": "8,0"}, "model.widths must hold positive"),
        ({"learning_rate": "nan"}, "optimizer.learning_rate must"),
        ({"beta": "nan"}, "loss.beta must"),
    ],
)
def test_what_cannot_run_is_explained(values, message):
    with pytest.raises(ConfigError, match=message):
        validate(plain(values))


def test_a_gaussian_may_have_one_latent():
    config = plain(prior="gaussian", latents=1)
    assert validate(config) is config
