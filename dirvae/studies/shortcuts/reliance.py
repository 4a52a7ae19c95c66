"""This module measures what one model relies on, by intervention, and what its explanations show; `detection` sums up many."""

from pathlib import Path
from typing import NamedTuple

import jax.numpy as jnp
import numpy as np
from jaxtyping import Float

from dirvae.explain import attributions, methods, truth
from dirvae.explain.setting import setting_of
from dirvae.metrics import counterfactual, footprint, localisation
from dirvae.studies.explanations import counterfactuals, inputs
from dirvae.training import runs, workdir
from dirvae.types import Query, Simulator

PLACE = Path("evidence", "reliance.npz")
SPLIT = "test_independent"  # where no factor tells of another
IMAGES = 100  # on which confounders are switched
EXPLAINED = 48  # of which so many are explained

Maps = dict[str, Float[np.ndarray, "n H W"]]
"""{map: one an image}."""


class Measurement(NamedTuple):
    """One model: M maps, F factors, C confounders."""

    finding: np.ndarray  # text [], the one explained
    map: np.ndarray  # text [M], names of the registry
    factor: np.ndarray  # text [F]: pathologies, confounders, nuisances
    confounder: np.ndarray  # text [C]
    share: np.ndarray  # float64 [M, F], of the footprint, with its sign
    unlisted: np.ndarray  # float64 [M], share of the map that no factor explains, confounders not being among them
    within: np.ndarray  # float64 [M, C], share of the map's mass within each confounder's mask
    average: np.ndarray  # float32 [M, H, W], mean map over images, by the root mean square of a map's norm
    reliance: np.ndarray  # float64 [C], on each confounder


def explained_maps() -> tuple[str, ...]:
    """The registry's maps that have a sign and explain the model, ours and others'."""
    return tuple(name for name, drawn in methods.maps_of("ours", "rival").items() if drawn.signed)


def measure(directory: Path, simulator: Simulator | None, data_dir: Path | None = None) -> None:
    """Leaves evidence/reliance.npz in a run's folder, unless it is there or the run has not been evaluated.

    Raises:
      ValueError: for a model that cannot be measured, such as one whose logit does not vary, or without a simulator.
    """
    place = directory / PLACE
    if load(place) or "evaluate" not in workdir.finished(directory):
        return
    if simulator is None:
        raise ValueError("no simulator draws these images, so that no confounder can be switched; use the phantom")
    run = runs.open_run(directory, data_dir=data_dir)
    finding = simulator.followed(run.config.data.confounder)
    column, table = run.labels.index(finding), runs.load_examples(run, SPLIT).split.table
    factors, seeds = table.factors[:IMAGES], table.seed[:IMAGES]
    switched = [truth.pair(simulator, factors, seeds, name) for name in simulator.confounders]
    images = simulator.render(factors[:EXPLAINED], seeds[:EXPLAINED])[..., None]
    maps = explain(run, images, column)
    names = (*simulator.pathologies, *simulator.confounders, *simulator.nuisances)
    effects = np.stack(
        [truth.effect(simulator, factors[:EXPLAINED], seeds[:EXPLAINED], name) for name in names], axis=1
    )
    listed = np.asarray([name not in simulator.confounders for name in names])  # by one who thinks of no confounder
    masks = np.stack([np.abs(high - low)[:EXPLAINED] > localisation.MASK_THRESHOLD for low, high in switched], axis=1)
    measurement = Measurement(
        np.asarray(finding),
        np.asarray(list(maps)),
        np.asarray(names),
        np.asarray(simulator.confounders),
        np.stack([footprint.footprint(drawn, effects).share for drawn in maps.values()]),
        np.asarray([np.nanmean(footprint.footprint(drawn, effects[:, listed]).residual) for drawn in maps.values()]),
        np.stack([_within(drawn, masks) for drawn in maps.values()]),
        np.stack([_average(drawn) for drawn in maps.values()]),
        _reliances(run, column, switched),
    )
    workdir.write_arrays(place, measurement._asdict())


def _reliances(run: runs.Run, column: int, switched: list[tuple[np.ndarray, np.ndarray]]) -> Float[np.ndarray, " C"]:
    """`counterfactual.reliance` on each confounder, from the images without and with it."""
    probability = counterfactuals.classifier(run.model, run.params)

    def logits(images: np.ndarray) -> np.ndarray:
        return counterfactual.logit(probability(images[..., None])[:, column])

    usual = counterfactual.logit(run.tuned.probability[:, column])
    return np.asarray([counterfactual.reliance(logits(low), logits(high), usual) for low, high in switched])


def _within(maps: Float[np.ndarray, "n H W"], masks: np.ndarray) -> Float[np.ndarray, " C"]:
    """Share of the maps' mass within each confounder's mask [n, C, H, W]."""
    mass = np.abs(maps)[:, None]
    return (mass * masks).sum(axis=(0, 2, 3)) / np.maximum(mass.sum(), 1e-12)


def _average(maps: Float[np.ndarray, "n H W"]) -> Float[np.ndarray, "H W"]:
    """The mean map, in units of the root mean square of a map's norm."""
    return maps.mean(axis=0) / np.sqrt((maps**2).sum(axis=(1, 2)).mean() or 1.0)


def explain(run: runs.Run, images: Float[np.ndarray, "n H W 1"], column: int) -> Maps:
    """The maps of `explained_maps`, of what the finding adds.

    Paths take away what is called present and add what is called absent; Latent Shift always takes away. Attributions are above 0
    where brightness speaks for the finding.
    """
    net, tuned = run.model, run.tuned
    shown, label = jnp.asarray(images), jnp.full(len(images), column)
    present = np.asarray(attributions.own_logit(net, run.params, shown, label)) > 0
    query = Query(shown, label, jnp.where(jnp.asarray(present), -1.0, 1.0))
    setting = setting_of(run, tuned, inputs.class_differences(tuned), seed=0)
    setting = setting._replace(
        options=setting.options._replace(stop="code")
    )  # what the code uses is asked, not what it draws
    drawn = methods.build_maps(setting, explained_maps())(run.params, query)
    return {name: np.asarray(maps) for name, maps in drawn.items()}


def load(place: Path) -> Measurement | None:
    """Reads what was measured; None where nothing was, or with other fields than these."""
    if not place.exists():
        return None
    with np.load(place) as arrays:
        complete = set(Measurement._fields) <= set(arrays.files)
        return Measurement(*(arrays[name] for name in Measurement._fields)) if complete else None
