"""The result of the shortcut grid as tables, for a terminal and for the page (`dirvae.report.shortcuts_page`)."""

import numpy as np

from dirvae.explain import methods
from dirvae.metrics.shortcuts import ALARM, RELIED_ON, Detection
from dirvae.studies import tables
from dirvae.studies.shortcuts import detection
from dirvae.studies.shortcuts.detection import LED, LED_SCORE, POOLED, SCORES, Detections, Grid
from dirvae.studies.tables import Table

USED = (
    f"R is the change of the logit when a confounder is switched on, over the logit's standard deviation on validation. "
    f"A confounder counts as used if R is above {RELIED_ON:g}; scores without a sign are set against the size of R."
)
ALARMS = (
    f"An alarm is a score more than {ALARM:g} standard deviations above its mean in the other null models. "
    "Of six null models that vary alike some 7 % raise one by chance, 10 % for scores without a sign."
)


def every(grid: Grid) -> list[Table]:
    """All tables, in the order of the page."""
    excluded = (left_out(grid),) if grid.missing else ()
    return [
        endpoints(grid.detections),
        *(scored(grid.detections, score) for score in SCORES),
        counts(grid.detections),
        reliance(grid),
        *excluded,
    ]


def text(grid: Grid) -> str:
    """The tables for a terminal."""
    return "\n\n".join(tables.text(table) for table in every(grid))


def endpoints(detections: Detections) -> Table:
    """A row an endpoint, and whether it is met."""
    answers = {True: "yes", False: "no", None: "not defined"}
    rows = [
        (point.name, point.goal, tables.estimate(point.value, point.low, point.high), answers[point.met])
        for point in detection.endpoints(detections)
    ]
    title = methods.maps_of()[LED].title
    score = next(score for score in SCORES if score.name == LED_SCORE)
    legend = (
        f"Of the map “{title}” and its {score.title}. AUROC is the chance that a model that uses the confounder scores higher than one "
        "that does not: .5 says nothing, 1 is perfect. Intervals of 95 % resample models. Not defined: no model uses the confounder, "
        "or all do."
    )
    return Table("Endpoints", ("endpoint", "goal", "measured", "met"), rows, legend)


def scored(detections: Detections, score: detection.Score) -> Table:
    """A row a map, of one score: pooled AUROC, alarms, and the AUROC for each kind."""
    kinds = [kind for kind in _first(detections) if kind != POOLED]
    ranked = score.axis == "factor"
    heads = ("map", "AUROC, pooled", "false alarms", "detected", *(["ranked first"] if ranked else []))
    rows = []
    for name, scores in detections.items():
        pooled, row = scores[score.name][POOLED], scores[score.name]
        rates = [pooled.false_alarms, pooled.detected, *([pooled.ranked_first] if ranked else [])]
        cells = [*rates, *(row[kind].auroc for kind in kinds)]
        interval = tables.estimate(pooled.auroc, pooled.low, pooled.high)
        rows.append((methods.maps_of()[name].title, interval, *(tables.number(value, 2) for value in cells)))
    aurocs = [scores[score.name][POOLED].auroc for scores in detections.values()]
    best = frozenset((row, 1) for row in tables.best_rows(aurocs, "high"))
    first = " Ranked first: share of used confounders that come first of all factors but the finding." if ranked else ""
    legend = (
        f"{score.legend} AUROC is for the use of the confounder. False alarms: share of null models that raise an alarm. Detected: "
        f"share of used confounders that do.{first} {ALARMS}"
    )
    return Table(f"Detection by {score.title}", (*heads, *map(_plain, kinds)), rows, legend, best)


def counts(detections: Detections) -> Table:
    """A row a kind: how many models there are, and how many use their confounder."""
    kinds = _first(detections)
    rows = [(_plain(kind), f"{row.models}", f"{row.used}") for kind, row in kinds.items()]
    legend = f"A null model counts once for every kind, so that the pooled row has more than there are models. {USED}"
    return Table("Models", ("confounder", "models", "that use it"), rows, legend)


def reliance(grid: Grid) -> Table:
    """A row a model, a column a confounder; what counts as used is marked."""
    names = list(next(iter(grid.reliance.values())))
    rows = [(model, *(tables.number(value, 2) for value in relied.values())) for model, relied in grid.reliance.items()]
    used = frozenset(
        (row, column)
        for row, relied in enumerate(grid.reliance.values())
        for column, value in enumerate(relied.values(), start=1)
        if value > RELIED_ON
    )
    legend = f"R of every model, by intervention on images in which all factors are independent. {USED}"
    return Table("True reliance", ("model", *map(_plain, names)), rows, legend, used, "what counts as used")


def left_out(grid: Grid) -> Table:
    """A row a model that is not counted, and why."""
    return Table("Left out", ("model", "why"), list(grid.missing.items()), "")


def _first(detections: Detections) -> dict[str, Detection]:
    """The signed footprint's detections of the first map; their counts are those of every map."""
    return next(iter(detections.values()))[LED_SCORE]


def _plain(kind: str) -> str:
    return kind.replace("_", " ")


def finite_aurocs(detections: Detections) -> dict[str, dict[str, float]]:
    """{title of a map: {kind: AUROC of its footprint, 0 where it is not defined}}, for a chart."""
    return {
        methods.maps_of()[name].title: {
            _plain(kind): float(np.nan_to_num(row.auroc)) for kind, row in scores[LED_SCORE].items()
        }
        for name, scores in detections.items()
    }
