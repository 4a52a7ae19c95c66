"""What a model of the shortcut grid relies on, by intervention, and what its explanations say it does: `detecting` sums up."""

from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from data_prep import phantom
from data_prep.phantom.config import TREATED
from data_prep.phantom.factors import ACQUISITION, ANATOMY, CONFOUNDERS, PATHOLOGIES, contrast
from dirvae.config import Config, override
from dirvae.explain import attributions, gated, maps, setting, traversals
from dirvae.metrics import counterfactual, footprint, localisation
from dirvae.studies.explanations import counterfactuals
from dirvae.training import evaluate, runs, workdir
from experiments import pipeline

PLACE = Path("evidence", "reliance.npz")
SPLIT = "test_independent"  # where no factor tells of another
IMAGES = 100  # on which confounders are switched
EXPLAINED = 48  # of which so many are explained
FACTORS = (*PATHOLOGIES, *CONFOUNDERS, *ANATOMY, *ACQUISITION)
KNOWN = np.asarray([name not in CONFOUNDERS for name in FACTORS])  # to an analyst who thinks of no confounder


class Found(NamedTuple):
    """Of one model; E explanations, F factors."""

    explanation: np.ndarray  # text [E]
    share: np.ndarray  # float64 [E, F], of the footprint, with its sign
    unlisted: (
        np.ndarray
    )  # float64 [E], share of the map that no factor explains, where the confounders are not among them
    within: np.ndarray  # float64 [E, C], share of the map's mass within each confounder's mask
    average: np.ndarray  # float32 [E, H, W], mean map over images, by the root mean square of a map's norm
    reliance: np.ndarray  # float64 [C], on each confounder


def finding_of(config: Config) -> str:
    """The finding that the confounder follows, which is the one explained."""
    return TREATED.get(config.data.confounder, "Pleural Effusion")


def measure(directory: Path) -> None:
    """`gather`; a model that cannot be measured is told of, and does not keep the others from it."""
    try:
        gather(directory)
    except ValueError as error:
        pipeline.say(f"{directory.name}: {error}")


def gather(directory: Path) -> None:
    """evidence/reliance.npz, unless it is there."""
    place = directory / PLACE
    if load(place) or "evaluate" not in workdir.finished(directory):
        return
    run = runs.open_run(directory)
    column, table = run.labels.index(finding_of(run.config)), runs.load_examples(run, SPLIT).split.table
    factors, seeds, size = table.factors[:IMAGES], table.seed[:IMAGES], run.config.data.image_size
    tuned = run.tuned
    probability = counterfactuals.classifier(run.model, run.params)

    def logits(images: np.ndarray) -> np.ndarray:
        return counterfactual.logit(probability(images[..., None])[:, column])

    usual = counterfactual.logit(tuned.probability[:, column])
    switched = [[phantom.render(f, seeds, size) for f in contrast(factors, name)] for name in CONFOUNDERS]
    relied = [counterfactual.reliance(logits(low), logits(high), usual) for low, high in switched]
    masks = np.stack([np.abs(high - low)[:EXPLAINED] > localisation.MASK_THRESHOLD for low, high in switched], axis=1)
    effects = np.stack([phantom.effect(factors[:EXPLAINED], seeds[:EXPLAINED], name, size) for name in FACTORS], axis=1)
    images = phantom.render(factors[:EXPLAINED], seeds[:EXPLAINED], size)[..., None]
    drawn = dict(_explain(run, tuned, images, column))
    prints = [footprint.footprint(each, effects) for each in drawn.values()]
    partial = [footprint.footprint(each, effects[:, KNOWN]) for each in drawn.values()]
    mass = [np.abs(each)[:, None] for each in drawn.values()]
    found = Found(
        np.asarray(list(drawn)),
        np.stack([each.share for each in prints]),
        np.asarray([np.nanmean(each.residual) for each in partial]),
        np.stack([(m * masks).sum(axis=(0, 2, 3)) / np.maximum(m.sum(), 1e-12) for m in mass]),
        np.stack([each.mean(axis=0) / np.sqrt((each**2).sum(axis=(1, 2)).mean() or 1.0) for each in drawn.values()]),
        np.asarray(relied),
    )
    workdir.write_arrays(place, found._asdict())


def _explain(
    run: runs.Run, tuned: evaluate.Predictions, images: np.ndarray, column: int
) -> Iterator[tuple[str, np.ndarray]]:
    """Signed maps [n, H, W] of what the finding adds. Paths take away what is found present and add what is found absent; Latent
    Shift always takes away; integrated gradients from black are above 0 where brightness speaks for the finding."""
    net, shown = run.model, jnp.asarray(images)
    label = jnp.full(len(images), column)
    called = np.asarray(attributions.own_logit(net, run.params, shown, label)) > 0
    sign = jnp.where(jnp.asarray(called), -1.0, 1.0)
    keys = jax.random.split(jax.random.key(0), len(images))
    for name in ("covariance", "identity"):
        metric = setting.metric_of(override(run.config, {"metric": name}), tuned)
        options = setting.options_of(net, run.config, metric)
        path = jax.jit(lambda p, x, o=options: traversals.on_manifold(net, p, x, label, sign, o))(run.params, shown)
        yield f"traversal, {name}", np.asarray(maps.signed(path.images, sign))
    options = setting.options_of(net, run.config, setting.metric_of(run.config, tuned))
    agreed = jax.jit(lambda p, x: gated.change_and_evidence(net, p, x, label, sign, keys, gated.DRAWS, options))
    change, evidence = agreed(run.params, shown)
    yield "traversal, gated", np.asarray(maps.gated(change, evidence))
    path = jax.jit(lambda p, x: traversals.as_released(net, p, x, label, sign, run.config.model.prior))(
        run.params, shown
    )
    yield "as released", np.asarray(maps.signed(path.images, sign))
    yield "latent shift", np.asarray(attributions.build("latent_shift", net)(run.params, shown, label))
    yield "integrated gradients", np.asarray(evidence)


def load(place: Path) -> Found | None:
    """What was gathered; None where nothing was, or with other fields than these."""
    if not place.exists():
        return None
    with np.load(place) as arrays:
        known = set(Found._fields) <= set(arrays.files)
        return Found(*(arrays[name] for name in Found._fields)) if known else None
