"""The setting that explanation methods are built from, gathered from a run and its config."""

import jax.numpy as jnp
import numpy as np
from jaxtyping import Float

from dirvae.config import Config
from dirvae.explain import traversals
from dirvae.explain.contract import Setting
from dirvae.explain.gated import DRAWS
from dirvae.latents import geometry
from dirvae.model import Model
from dirvae.training.evaluate import Predictions
from dirvae.training.runs import Run


def metric_of(config: Config, predictions: Predictions) -> geometry.Metric:
    """The metric of a configuration: its name, or the covariance [D, D] of the head's coordinates over a split's images."""
    if config.explain.metric != "covariance":
        return config.explain.metric
    return jnp.asarray(geometry.covariance(predictions.head_mean, shrinkage=0.0), jnp.float32)


def options_of(model: Model, config: Config, metric: geometry.Metric = "identity") -> traversals.Options:
    """The options of a configuration's traversals."""
    settings = config.explain
    return traversals.Options(
        steps=settings.path_steps,
        step_size=settings.step_size,
        adaptive_step=settings.adaptive_step,
        target_probability=settings.target_probability,
        stop=settings.stop,
        metric=metric,
        constrain_others=settings.constrain_others,
    )


def setting_of(
    run: Run,
    predictions: Predictions,
    differences: Float[np.ndarray, "L *event"] | None = None,
    draws: int = DRAWS,
    seed: int | None = None,
) -> Setting:
    """Returns what methods of a run are built from; `predictions` of validation give the covariance that guides traversals.

    Without `seed` random draws have the run's own.
    """
    options = options_of(run.model, run.config, metric_of(run.config, predictions))
    seed = run.config.seed if seed is None else seed
    return Setting(run.model, run.config.model.prior, options, differences, draws, seed)


def has_constant_direction(config: Config) -> bool:
    """Tells whether a traversal's direction is the same for every image of a finding.

    It is where the head is linear in the latent's coordinates and the metric does not depend on the point.
    """
    return config.model.head in ("linear", "assigned") and config.explain.metric in ("covariance", "identity")
