"""Do explanations detect the shortcuts of a grid's models? A table of detections of whatever is finished, as JSON and CSV."""

import csv
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Literal, NamedTuple

import numpy as np

from dirvae.config import Config
from dirvae.metrics import shortcuts
from dirvae.metrics.shortcuts import FEWEST, UNRANKED, Detection
from dirvae.studies import runner
from dirvae.studies.shortcuts.reliance import PLACE, Measurement, load
from dirvae.training import workdir

POOLED = "pooled"  # all kinds of confounder together
LED, LED_SCORE = "traversal_signed", "footprint"  # the map and the score that the endpoints are of
AUROC_GOAL, FALSE_ALARM_GOAL = 0.9, 0.1

Kinds = dict[str, Detection]
"""{kind of confounder, or POOLED: detection}."""
Detections = dict[str, dict[str, Kinds]]
"""{map: {score: {kind: detection}}}."""


class Score(NamedTuple):
    """A score says what is read from a map to detect a shortcut."""

    name: str
    title: str
    signed: bool  # whether it is set against the reliance with its sign, or against its size
    axis: Literal["factor", "confounder", "none"]  # what it has a value for
    legend: str


SCORES = (
    Score(
        "footprint",
        "footprint share",
        True,
        "factor",
        "The factor's share of the map, with its sign, by least squares on the exact effects of all factors. The confounder has to be "
        "known and switched in the very image, so that its reliance could be measured directly, too.",
    ),
    Score(
        "footprint_size",
        "footprint share, size",
        False,
        "factor",
        "The size of the factor's share of the map, without its sign.",
    ),
    Score(
        "within_mask",
        "mass within the mask",
        False,
        "confounder",
        "The share of the map's mass where switching the confounder changes the image.",
    ),
    Score(
        "unexplained",
        "unexplained share",
        False,
        "none",
        "The share of the map that no factor explains, of a list without any confounder.",
    ),
    Score(
        "departure",
        "departure from the null",
        False,
        "none",
        "How unlike the null models' mean map the model's is; it needs no list of factors.",
    ),
)


class Grid(NamedTuple):
    """A grid's finished models."""

    detections: Detections
    reliance: dict[str, dict[str, float]]  # {model: {confounder: R}}
    missing: dict[str, str]  # {model: why it is left out}


class Endpoint(NamedTuple):
    """An endpoint that was fixed before the runs. `met` is None where no model relies on the confounder."""

    name: str
    goal: str
    value: float
    low: float
    high: float
    met: bool | None


def state(where: Path, config: Config) -> str:
    """The word done, or why the run is left out."""
    reason = runner.state(where)
    if reason != "done" or (other := runner.unlike(where, config, "grid")):
        return reason if reason != "done" else other
    if (measurement := load(where / PLACE)) is None:
        return "lacks reliance"
    blank = measurement.map[~np.isfinite(measurement.share).all(axis=1)]
    return f"{', '.join(blank)}: no map shows anything" if len(blank) else "done"


def gather(directory: Path, planned: Sequence[tuple[str, Config]]) -> Grid:
    """shortcuts.json and .csv of whatever is finished; the same is returned.

    Raises:
      ValueError: where no model with a shortcut is finished beside FEWEST null models of its finding.
    """
    states = {name: state(directory / name, config) for name, config in planned}
    models = {name: load(directory / name / PLACE) for name, reason in states.items() if reason == "done"}
    finding = {name: str(model.finding) for name, model in models.items()}
    null = {name: config.data.rho == 0 for name, config in planned}
    nulls = Counter(finding[name] for name in models if null[name])
    for name in [name for name in models if nulls[finding[name]] < FEWEST]:
        states[name] = f"{nulls[finding[name]]} null models of {finding[name]} are done, of {FEWEST} needed"
        del models[name]
    if all(null[name] for name in models):
        finished = sum(runner.state(directory / name) == "done" for name, _ in planned)
        raise ValueError(
            f"{directory} holds no finished model with a shortcut and {FEWEST} null models of its finding yet; "
            f"{finished} of {len(planned)} runs are done"
        )
    kinds = np.asarray([config.data.confounder for name, config in planned if name in models])
    detections = detect(list(models.values()), kinds, np.asarray([null[name] for name in models], bool))
    reliance = {
        name: dict(zip(model.confounder.tolist(), model.reliance.tolist(), strict=True))
        for name, model in models.items()
    }
    grid = Grid(detections, reliance, {name: reason for name, reason in states.items() if reason != "done"})
    _write(directory, grid)
    return grid


def _write(directory: Path, grid: Grid) -> None:
    rows = [
        (drawn, score, kind, detection)
        for drawn, scores in grid.detections.items()
        for score, kinds in scores.items()
        for kind, detection in kinds.items()
    ]
    nested: dict = {}
    for drawn, score, kind, detection in rows:
        nested.setdefault(drawn, {}).setdefault(score, {})[kind] = detection._asdict()
    workdir.write_json(directory / "shortcuts.json", {"detection": nested, "reliance": grid.reliance})
    with (directory / "shortcuts.csv").open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["map", "score", "kind", *Detection._fields])
        writer.writerows([drawn, score, kind, *detection] for drawn, score, kind, detection in rows)


def detect(models: Sequence[Measurement], kinds: np.ndarray, null: np.ndarray) -> Detections:
    """The detections of models [M], each trained on a confounder of `kinds` [M] text or, where `null` [M] bool, on none.

    A null model stands for every kind: each of its confounders is in the pictures and tells nothing. Nulls are kept apart by finding.
    Scores without a sign are set against reliance without it: a factor that counts against the finding is used, too.
    """
    first = models[0]
    finding = np.asarray([str(model.finding) for model in models])
    reliance = np.stack([model.reliance for model in models])
    axes = {"factor": tuple(first.factor), "confounder": tuple(first.confounder), "none": ()}
    detections: Detections = {}
    for position, drawn in enumerate(first.map.tolist()):
        values = _values(models, position, null, finding)
        detections[drawn] = {}
        for score in SCORES:
            z = _against_null(values[score.name], null, finding)
            relied = reliance if score.signed else np.abs(reliance)
            rows = _rows(z, relied, kinds, null, finding, axes[score.axis], axes)
            detections[drawn][score.name] = {
                kind: shortcuts.detection(*map(np.asarray, zip(*kind_rows, strict=True)))
                for kind, kind_rows in rows.items()
            }
    return detections


def _values(
    models: Sequence[Measurement], position: int, null: np.ndarray, finding: np.ndarray
) -> dict[str, np.ndarray]:
    """{score: [M, values of its axis]} of one map of every model."""
    share, within, unlisted, average = (
        np.stack([getattr(model, field)[position] for model in models])
        for field in ("share", "within", "unlisted", "average")
    )
    departure = np.empty(len(models))
    for own in np.unique(finding):
        departure[finding == own] = shortcuts.departures(average[finding == own], null[finding == own])
    return {
        "footprint": share,
        "footprint_size": np.abs(share),
        "within_mask": within,
        "unexplained": unlisted[:, None],
        "departure": departure[:, None],
    }


def _against_null(values: np.ndarray, null: np.ndarray, finding: np.ndarray) -> np.ndarray:
    z = np.full(values.shape, np.nan)
    for name in np.unique(finding):
        z[finding == name] = shortcuts.against_null(values[finding == name], null[finding == name])
    return z


def _rows(
    z: np.ndarray,
    reliance: np.ndarray,
    kinds: np.ndarray,
    null: np.ndarray,
    finding: np.ndarray,
    axis: tuple[str, ...],
    axes: dict[str, tuple[str, ...]],
) -> dict[str, list[tuple]]:
    """{kind: rows of (z, reliance, null, place, model)}: the models trained on a kind, and the null ones of its finding; then all rows."""
    factors, confounders = axes["factor"], axes["confounder"]
    rows: dict[str, list[tuple]] = {}
    for kind in dict.fromkeys(kinds[~null].tolist()):
        own = finding[np.flatnonzero((kinds == kind) & ~null)[0]]
        for m in np.flatnonzero(((kinds == kind) & ~null) | (null & (finding == own))):
            at = axis.index(kind) if axis else 0
            place = UNRANKED
            if axis == factors:
                place = shortcuts.rank(z[m : m + 1], np.asarray([at]), np.asarray([factors.index(own)]))[0]
            rows.setdefault(kind, []).append((z[m, at], reliance[m, confounders.index(kind)], null[m], place, m))
    rows[POOLED] = [row for kind_rows in rows.values() for row in kind_rows]
    return rows


def endpoints(detections: Detections) -> list[Endpoint]:
    """An AUROC of AUROC_GOAL for every kind and pooled, and FALSE_ALARM_GOAL at most, of the map LED and its score."""
    kinds = detections[LED][LED_SCORE]
    at_least = [
        Endpoint(
            f"AUROC, {kind.replace('_', ' ')}",
            f"at least {AUROC_GOAL:g}",
            row.auroc,
            row.low,
            row.high,
            None if np.isnan(row.auroc) else row.auroc >= AUROC_GOAL,
        )
        for kind, row in kinds.items()
    ]
    alarms = kinds[POOLED].false_alarms
    met = None if np.isnan(alarms) else alarms <= FALSE_ALARM_GOAL
    return [*at_least, Endpoint("false alarms, pooled", f"at most {FALSE_ALARM_GOAL:g}", alarms, np.nan, np.nan, met)]
