"""This module says how a model's latent is used beside its prior, as arrays that a report draws."""

from pathlib import Path
from typing import NamedTuple

import numpy as np

from dirvae.config import Config, ModelConfig
from dirvae.latents import compositions
from dirvae.latents.family import prior_draws
from dirvae.metrics import sparsity
from dirvae.metrics.sparsity import Switching
from dirvae.model import Model
from dirvae.training import workdir
from dirvae.training.evaluate import Predictions
from dirvae.types import Params

DRAWS = 500  # from the prior


class Usage(NamedTuple):
    """Usage is what images and draws from the prior make of the latent; components are empty where it is no composition.

    Of pairs, components are [3, n]: how often each pair is off, in between and on (`dirvae.metrics.sparsity.Switching`). Of larger
    compositions they are [K]: the mean share of the largest, second largest, ... component. What stands beside the prior's draws is
    of draws from the images' posteriors, one an image.
    """

    prior_variance: np.ndarray  # [] mean variance of what the head would read of draws from the prior
    draw_variance: (
        np.ndarray
    )  # [d] variance of each coordinate that the head would read of draws from the images' posteriors
    components: np.ndarray  # of draws from the images' posteriors
    prior_components: np.ndarray  # of draws from the prior


class Pairs(NamedTuple):
    """How often the pairs of a latent are off, in between and on."""

    images: Switching  # [n] of each pair, over draws from the images' posteriors
    prior: Switching  # [] over draws from the prior, mean over pairs
    settled: int  # pairs that are off or on in most images


def of_run(model: Model, config: Config, params: Params, predictions: Predictions) -> Usage:
    """The usage of a model's latent over the images of some predictions, with the prior as it was learned if it was."""
    latent = model.learned(params)
    coordinates = prior_draws(latent, DRAWS, config.seed)
    decoder, head = (np.asarray(f(coordinates)).reshape(DRAWS, -1) for f in (latent.to_decoder, latent.to_head))
    points = (components(config.model, point) for point in (predictions.decoder_draw, decoder))
    own = sparsity.activity(compositions.coordinates(config.model, predictions.head_draw))
    return Usage(sparsity.activity(head).mean(), own, *points)


def components(model: ModelConfig, decoder_inputs: np.ndarray) -> np.ndarray:
    """The components of `Usage`, from what the decoder reads [M, D]."""
    if compositions.in_pairs(model):
        return np.stack(sparsity.switching(compositions.second_shares(model, decoder_inputs)))
    if compositions.components(model):
        return np.sort(compositions.shares(model, decoder_inputs), axis=-1)[:, ::-1].mean(axis=0)
    return np.empty(0)


def pairs(usage: Usage) -> Pairs:
    """The switching of a latent whose components are pairs."""
    images, prior = Switching(*usage.components), Switching(*usage.prior_components)
    return Pairs(images, Switching(*(share.mean() for share in prior)), int(np.sum(images.between < 0.5)))


def save(directory: Path, usage: Usage) -> None:
    """Writes latent.npz."""
    workdir.write_arrays(Path(directory) / "latent.npz", usage._asdict())


def load(directory: Path) -> Usage | None:
    """Reads what `save` wrote; None in a run of an earlier version, which has no such file or less in it."""
    path = Path(directory) / "latent.npz"
    if not path.exists():
        return None
    with np.load(path) as arrays:
        if set(Usage._fields) - set(arrays):
            return None
        return Usage(**{name: arrays[name] for name in Usage._fields})
