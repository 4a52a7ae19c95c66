"""The audit of a study: what each flaw does to the difference of two arms, and how two traversals compare.

A row is a pair of arms, one or both of them flawed, beside the study's own contrast of the sound ones. It takes the seeds that
all four have, and resamples them and the patients alike for both differences, so that the change is judged on pairs.
"""

import html
from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np

from dirvae.metrics import comparison, statistics
from dirvae.metrics.comparison import Difference
from dirvae.report.html import document, tables
from dirvae.report.html.document import Section
from dirvae.studies.priors.endpoints import Scored

ENDPOINTS = {"auroc": "macro AUROC", "aug": "AUG, normalised", "interventional": "interventional D"}
SURE = 0.05
Pair = tuple[str, str]


class Effect(NamedTuple):
    """Of a flaw on one endpoint: the difference with it, without it, and the first less the second."""

    flawed: Difference
    sound: Difference
    change: Difference


class Row(NamedTuple):
    """A pair of arms. `effects` {endpoint: Effect} of the endpoints that all runs have; none where something is `missing`."""

    pair: Pair
    seeds: tuple[int, ...]
    effects: Mapping[str, Effect]
    missing: str


class Traversals(NamedTuple):
    """n true positives of findings whose exact effect is known, of all runs of an arm."""

    patient: np.ndarray  # text [n]
    finding: np.ndarray  # text [n]
    on_manifold: np.ndarray  # [n] NCC of what the path says the finding adds with what it really adds
    as_released: np.ndarray  # [n] the same of the released procedure
    rank: np.ndarray  # int [n, 3], of |z| of the coordinates that the latter moves, 1 the smallest
    components: np.ndarray  # int, how many there are


class Audit(NamedTuple):
    """`p` {endpoint: {pair: p of no change}}, adjusted by Holm over the pairs."""

    contrast: Pair
    rows: Sequence[Row]
    p: Mapping[str, Mapping[Pair, float]]
    traversals: Mapping[str, Traversals]


def conclude(
    contrast: Pair,
    pairs: Sequence[Pair],
    runs: Mapping[str, Mapping[int, Scored]],
    traversals: Mapping[str, Traversals],
) -> Audit:
    """Each pair's difference beside that of the study's own contrast."""
    rows = [_row(contrast, pair, runs) for pair in pairs]
    raw = {name: {row.pair: row.effects[name].change.p for row in rows if name in row.effects} for name in ENDPOINTS}
    return Audit(contrast, rows, {name: comparison.holm(values) for name, values in raw.items()}, traversals)


def _row(contrast: Pair, pair: Pair, runs: Mapping[str, Mapping[int, Scored]]) -> Row:
    seeds = tuple(sorted(set.intersection(*(set(runs.get(arm, {})) for arm in (*contrast, *pair)))))
    if not seeds:
        return Row(pair, seeds, {}, "no seed of all four arms is finished")
    try:
        held = [runs[arm][seed].endpoints for arm in (*contrast, *pair) for seed in seeds]
        names = [name for name in ENDPOINTS if all(name in each for each in held)]
        return Row(pair, seeds, {name: _effect(contrast, pair, seeds, runs, name) for name in names}, "")
    except ValueError as error:
        return Row(pair, seeds, {}, str(error))


def _effect(contrast: Pair, pair: Pair, seeds: Sequence[int], runs: Mapping, endpoint: str) -> Effect:
    values = {arm: np.stack([runs[arm][seed].endpoints[endpoint] for seed in seeds]) for arm in (*contrast, *pair)}
    flawed, sound = (comparison.hierarchical_difference(values[a], values[b]) for a, b in (pair, contrast))
    return Effect(flawed, sound, comparison.change(flawed, sound))


def verdict(effect: Effect, p: float) -> str:
    """What the flaw did to the conclusion; nothing, unless the change itself is sure (`p`, adjusted)."""
    with_it, without = (_side(found) for found in (effect.flawed, effect.sound))
    if p >= SURE:
        return "no effect shown"
    if with_it * without < 0:
        return "changes the sign"
    if without and not with_it:
        return "hides it"
    if with_it and not without:
        return "makes one up"
    if not with_it:
        return "moves it, though no difference is shown with or without"
    return "enlarges it" if abs(effect.flawed.difference) > abs(effect.sound.difference) else "shrinks it"


def _side(found: Difference) -> int:
    """The sign of a difference whose interval leaves out 0, else 0."""
    low, high = found.interval
    return int(low > 0) - int(high < 0)


def sections(made: Audit | None, fewest: int) -> list[Section]:
    """The audit's section of a report, if there is anything to say; below `fewest` seeds no conclusion is drawn."""
    if made is None or not (made.rows or made.traversals):
        return []
    body, parts = "", ()
    if made.rows:
        measured = {name for row in made.rows for name in row.effects} or ENDPOINTS
        titles = {name: title for name, title in ENDPOINTS.items() if name in measured}
        parts = tuple(titles.values())
        body += "".join(document.part(title) + _table(made, name, fewest) for name, title in titles.items())
        body += document.note(
            "95 % intervals; seeds, then patients are resampled, alike with and without the flaw. The last column goes by the "
            "change, whose p is corrected by Holm over the rows, and only then by the two intervals. A flaw may change labels, "
            "images in training or what is scored: the two differences are then of different things, as they were for a reader "
            "of the published numbers."
        )
    if made.traversals:
        parts = (*parts, "The released traversal")
        body += document.part("The released traversal") + _traversals(made.traversals)
    return [Section("The audit", body, parts)]


def _table(made: Audit, endpoint: str, fewest: int) -> str:
    head = ["pair", "with the flaw", "without it", "change", "p, adjusted", "what it does to the difference"]
    rows = []
    for row in made.rows:
        name = html.escape(" − ".join(row.pair))
        if endpoint not in row.effects:
            rows.append([name, *["–"] * 4, html.escape(row.missing or "not measured in every run of the four arms")])
            continue
        cells = [tables.signed(found.difference, found.interval) for found in row.effects[endpoint]]
        rows.append([name, *cells, tables.number(made.p[endpoint][row.pair]), _said(made, row, endpoint, fewest)])
    return tables.table(head, rows)


def _said(made: Audit, row: Row, endpoint: str, fewest: int) -> str:
    said = verdict(row.effects[endpoint], made.p[endpoint][row.pair])
    return said if len(row.seeds) >= fewest else f"open: {len(row.seeds)} of {fewest} seeds; so far {said}"


def _traversals(found: Mapping[str, Traversals]) -> str:
    rows = []
    for arm, of in found.items():
        gap = statistics.paired_mean_difference(of.on_manifold, of.as_released, of.patient)
        means = [
            tables.estimate(values.mean(), statistics.mean_interval(values, of.patient))
            for values in (of.on_manifold, of.as_released)
        ]
        rank = f"{np.median(of.rank):.0f} of {int(of.components)}"
        rows.append([html.escape(arm), str(len(of.patient)), rank, *means, tables.signed(gap.difference, gap.interval)])
    head = ["arm", "cases", "median rank of |z| moved", "NCC, on the manifold", "NCC, as released", "difference"]
    return tables.table(head, rows) + document.note(
        "NCC with the exact effect of the finding on the image, over true positives drawn by seed, with patient-bootstrap intervals. "
        "Rank: of the three coordinates that the released procedure moves, 1 the smallest of the image's own."
    )


def as_json(made: Audit | None, fewest: int) -> dict:
    """For study.json."""
    if made is None:
        return {}
    found: dict = {"flaws": [], "traversals": {}}
    for row in made.rows:
        entry: dict = {"pair": row.pair, "seeds": row.seeds, "missing": row.missing}
        for name, effect in row.effects.items():
            each = zip(Effect._fields, effect, strict=True)
            entry[name] = {part: {"difference": d.difference, "interval": d.interval} for part, d in each}
            entry[name] |= {"p_adjusted": made.p[name][row.pair], "verdict": _said(made, row, name, fewest)}
        found["flaws"].append(entry)
    for arm, of in made.traversals.items():
        found["traversals"][arm] = {
            "cases": len(of.patient),
            "median_rank": float(np.median(of.rank)),
            "components": int(of.components),
            "ncc": {"on_manifold": float(of.on_manifold.mean()), "as_released": float(of.as_released.mean())},
        }
    return found
