"""What a model of the shortcut grid relies on, by intervention, and what its explanations say it does."""

import csv
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from data_prep import phantom
from data_prep.phantom.config import TREATED
from data_prep.phantom.factors import ACQUISITION, ANATOMY, CONFOUNDERS, PATHOLOGIES, contrast
from dirvae import attributions, cases, evaluate, explanation, gating, maps, runs, traversals, workdir
from dirvae.config import Config, override
from dirvae.contest import counterfactuals
from dirvae.metrics import counterfactual, footprint, shortcuts
from dirvae.metrics.shortcuts import UNRANKED
from dirvae.report import shortcuts as page

SPLIT = "test_independent"  # where no factor tells of another
IMAGES = 100  # on which confounders are switched
EXPLAINED = 48  # of which so many are explained
FACTORS = (*PATHOLOGIES, *CONFOUNDERS, *ANATOMY, *ACQUISITION)
KNOWN = tuple(name not in CONFOUNDERS for name in FACTORS)  # to an analyst who thinks of no confounder
TAU = 0.02  # grey levels, of a confounder's mask


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


def gather(directory: Path) -> None:
    """evidence/reliance.npz, unless it is there."""
    place = directory / "evidence" / "reliance.npz"
    if place.exists() or "evaluate" not in workdir.finished(directory):
        return
    run = runs.open_run(directory)
    column, table = run.labels.index(finding_of(run.config)), runs.load_examples(run, SPLIT).split.table
    factors, seeds, size = table.factors[:IMAGES], table.seed[:IMAGES], run.config.data.image_size
    tuned = evaluate.load(directory, "validation").predictions
    probability = counterfactuals.classifier(run.model, run.params)

    def logits(images: np.ndarray) -> np.ndarray:
        return counterfactual.logit(probability(images[..., None])[:, column])

    usual = counterfactual.logit(tuned.probability[:, column])
    switched = [[phantom.render(f, seeds, size) for f in contrast(factors, name)] for name in CONFOUNDERS]
    relied = [counterfactual.reliance(logits(low), logits(high), usual) for low, high in switched]
    masks = np.stack([np.abs(high - low)[:EXPLAINED] > TAU for low, high in switched], axis=1)
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
        np.stack([each.mean(axis=0) / np.sqrt((each**2).sum(axis=(1, 2)).mean()) for each in drawn.values()]),
        np.asarray(relied),
    )
    workdir.write_arrays(place, found._asdict())


def _explain(
    run: runs.Run, tuned: evaluate.Predictions, images: np.ndarray, column: int
) -> Iterator[tuple[str, np.ndarray]]:
    """Signed maps [n, H, W] of what the finding adds: found present it is taken away, found absent it is added."""
    net, shown = run.model, jnp.asarray(images)
    label = jnp.full(len(images), column)
    called = np.asarray(attributions.own_logit(net, run.params, shown, label)) > 0
    sign = jnp.where(jnp.asarray(called), -1.0, 1.0)
    keys = jax.random.split(jax.random.key(0), len(images))
    for name in ("covariance", "identity"):
        metric = cases.metric_of(override(run.config, {"metric": name}), tuned)
        options = cases.options_of(net, run.config, metric)
        path = jax.jit(lambda p, x, o=options: traversals.on_manifold(net, p, x, label, sign, o))(run.params, shown)
        yield f"traversal, {name}", np.asarray(maps.signed(path.images, sign))
        if name == run.config.explain.metric:
            found = jax.jit(
                lambda p, x, o=options: gating.change_and_evidence(net, p, x, label, sign, keys, explanation.DRAWS, o)
            )(run.params, shown)
            yield "traversal, gated", np.asarray(maps.gated(*found))
    path = jax.jit(lambda p, x: traversals.as_released(net, p, x, label, sign, run.config.model.prior))(
        run.params, shown
    )
    yield "as released", np.asarray(maps.signed(path.images, sign))
    for name in ("latent_shift", "integrated_gradients"):
        yield name.replace("_", " "), np.asarray(attributions.build(name, net)(run.params, shown, label))


def report(directory: Path, planned: list[tuple[str, Config]]) -> str:
    """shortcuts.html, .json and .csv of whatever is finished; the page's lines as text.

    Raises:
      ValueError: where there are fewer than three null models, or none with a shortcut.
    """
    there = {name: place for name, _ in planned if (place := directory / name / "evidence" / "reliance.npz").exists()}
    configs = {name: config for name, config in planned if name in there}
    models = []
    for place in there.values():
        with np.load(place) as arrays:
            models.append(Found(*(arrays[name] for name in Found._fields)))
    null = np.asarray([config.data.rho == 0 for config in configs.values()], bool)
    if null.all():
        raise ValueError(
            f"{directory} holds no finished model with a shortcut yet; {len(there)} of {len(planned)} runs are done"
        )
    kinds = np.asarray([config.data.confounder for config in configs.values()])
    found = tables(models, kinds, null, [finding_of(config) for config in configs.values()])
    reliance = {
        name: dict(zip(CONFOUNDERS, each.reliance.tolist(), strict=True))
        for name, each in zip(there, models, strict=True)
    }
    workdir.write_json(directory / "shortcuts.json", {"detection": found, "reliance": reliance})
    with (directory / "shortcuts.csv").open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["explanation", "kind", *shortcuts.Detection._fields])
        writer.writerows([e, kind, *row] for e, table in found.items() for kind, row in table.items())
    page.write(directory / "shortcuts.html", found, reliance, [name for name, _ in planned if name not in there])
    return page.text(found)


def tables(
    models: list[Found], kinds: np.ndarray, null: np.ndarray, findings: list[str]
) -> dict[str, dict[str, shortcuts.Detection]]:
    """{explanation: {kind or "pooled": detection}}.

    A null model stands for every kind: each of its confounders is in the pictures and tells nothing. Nulls are kept apart by finding.
    Without the sign, reliance is without it as well: a factor that counts against the finding is used, too.
    """
    finding = np.asarray(findings)
    reliance = np.stack([model.reliance for model in models])
    result: dict[str, dict[str, shortcuts.Detection]] = {}
    for e, name in enumerate(models[0].explanation):
        share, within, unlisted, average = (
            np.stack([getattr(model, field)[e] for model in models])
            for field in ("share", "within", "unlisted", "average")
        )
        departed = np.empty(len(models))
        for own in np.unique(finding):
            departed[finding == own] = shortcuts.departures(average[finding == own], null[finding == own])
        scores = {
            "": (share, reliance, FACTORS),
            ": without its sign": (np.abs(share), np.abs(reliance), FACTORS),
            ": share within the mask": (within, reliance, CONFOUNDERS),
            ": what no known factor explains": (unlisted[:, None], reliance, ()),
            ": departure from the null": (departed[:, None], reliance, ()),
        }
        for said, (values, relied, factors) in scores.items():
            z = _by_finding(values, null, finding)
            result[name + said] = _every_kind(z, relied, kinds, null, finding, factors)
    return result


def _by_finding(values: np.ndarray, null: np.ndarray, finding: np.ndarray) -> np.ndarray:
    z = np.full(values.shape, np.nan)
    for name in np.unique(finding):
        z[finding == name] = shortcuts.against_null(values[finding == name], null[finding == name])
    return z


def _every_kind(
    z: np.ndarray,
    reliance: np.ndarray,
    kinds: np.ndarray,
    null: np.ndarray,
    finding: np.ndarray,
    factors: tuple[str, ...],
) -> dict[str, shortcuts.Detection]:
    """Rows of the models trained on each kind, and of the null models of its finding as models of that kind; then of all rows."""
    rows: dict[str, list[tuple]] = {}
    for kind in dict.fromkeys(kinds[~null]):
        own = finding[np.flatnonzero((kinds == kind) & ~null)[0]]
        for m in np.flatnonzero(((kinds == kind) & ~null) | (null & (finding == own))):
            at = factors.index(kind) if factors else 0
            place = (
                shortcuts.rank(z[m : m + 1], np.asarray([at]), np.asarray([FACTORS.index(own)]))[0]
                if factors == FACTORS
                else UNRANKED
            )
            rows.setdefault(kind, []).append((z[m, at], reliance[m, CONFOUNDERS.index(kind)], null[m], place))
    rows["pooled"] = [row for each in rows.values() for row in each]
    return {kind: shortcuts.detection(*map(np.asarray, zip(*each, strict=True))) for kind, each in rows.items()}
