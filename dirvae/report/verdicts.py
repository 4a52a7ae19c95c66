"""A study's verdicts and the numbers right beneath them: differences, what could have been resolved, every arm and seed."""

import html
from collections.abc import Mapping
from pathlib import Path

import numpy as np

from dirvae.metrics import comparison
from dirvae.metrics.comparison import Difference
from dirvae.report.html import document, figures, study_figures, tables
from dirvae.report.html.document import Section
from dirvae.studies.priors.outcome import DESCRIBED, FEWEST, TITLES, Outcome, beside, finished, mean, present, verdict


def sections(directory: Path, outcome: Outcome) -> list[Section]:
    made = [Section("Verdicts", _verdicts(directory, outcome)), Section("Arm by arm", _arms(directory, outcome))]
    if outcome.others:
        made.append(Section(f"Every other arm against {outcome.contrast[1]}", _others(directory, outcome)))
    return [*made, Section("Endpoints, seed by seed", _runs(outcome))]


def shown_difference(found: Difference | None) -> str:
    return tables.signed(found.difference, found.interval) if found else "–"


def _verdicts(directory: Path, outcome: Outcome) -> str:
    rows = []
    for name in present(outcome):
        found = outcome.differences.get(name)
        adjusted = tables.number(outcome.p.get(name))
        rows.append(
            [TITLES[name], shown_difference(found), adjusted, resolvable(found), html.escape(verdict(outcome, name))]
        )
    first, second = map(html.escape, outcome.contrast)
    text = tables.table(["endpoint", f"{first} − {second}", "p, adjusted", "resolvable", "verdict"], rows)
    described = "The ceiling is described, not tested. " if "ceiling" in present(outcome) else ""
    text += document.note(
        "95 % intervals; seeds are resampled for each arm, then patients, which all runs share. p of AUROC is that of a loss of "
        f"at least {outcome.margin:g}; p of the others is two-sided; Holm's correction over the endpoints that have one; none is "
        f"given below {FEWEST} seeds. {described}Resolvable: the true difference that a two-sided test at "
        ".05 would find with a power of 80 %, 2.8 times the bootstrap's standard error. Where no difference is shown, one "
        "smaller than that may well be there; with two seeds the standard error is itself a guess."
    )
    if outcome.differences:
        contrast = f"{outcome.contrast[0]} − {outcome.contrast[1]}"
        text += _figure(
            directory,
            "differences",
            {contrast: outcome.differences},
            f"{contrast} of each endpoint, with 95 % intervals.",
        )
    return text


def resolvable(found: Difference | None) -> str:
    return tables.number(comparison.resolution(found)) if found else "–"


def _figure(directory: Path, name: str, gaps: Mapping[str, Mapping[str, Difference]], caption: str) -> str:
    """A panel an endpoint, since their scales differ; a row a difference."""
    titles = [*next(iter(gaps.values()))]
    panels = {TITLES[title]: {"": [found[title]._asdict() for found in gaps.values()]} for title in titles}
    drawn = figures.paired(panels, [*gaps], dict.fromkeys(panels, ""))
    return document.figure(directory, name, drawn, caption)


def _arms(directory: Path, outcome: Outcome) -> str:
    held, names = finished(outcome), present(outcome)
    if not held:
        return "<p>No run is finished.</p>"
    estimates = {
        arm: {
            name: study_figures.Estimate([run.endpoints[name][0] for run in runs], *mean(runs, name)) for name in names
        }
        for arm, runs in held.items()
    }
    rows = [
        [html.escape(arm), str(len(held[arm])), *(tables.estimate(e.mean, e.interval) for e in found.values())]
        for arm, found in estimates.items()
    ]
    panels = {TITLES[name]: {arm: found[name] for arm, found in estimates.items()} for name in names}
    caption = (
        "Mean over seeds of each arm with its 95 % interval (seeds, then patients), and every seed's own value beneath. An arm with "
        "one run has the patients' interval alone. Intervals of two arms may overlap although their difference, which shares the "
        "patients, is clear."
    )
    table = tables.table(["arm", "seeds", *(TITLES[name] for name in names)], rows)
    return table + document.figure(directory, "arms", study_figures.forest(panels), caption)


def _others(directory: Path, outcome: Outcome) -> str:
    second, names = outcome.contrast[1], list(next(iter(outcome.others.values())))
    rows = [
        [
            html.escape(arm),
            TITLES[name],
            shown_difference(found[name]),
            resolvable(found[name]),
            html.escape(beside(outcome, arm, name)),
        ]
        for arm, found in outcome.others.items()
        for name in names
        if name in found
    ]
    head = ["arm", "endpoint", f"difference from {html.escape(second)}", "resolvable", "reading"]
    text = tables.table(head, rows) + document.note(
        "No claim was made of these arms beforehand: their differences are described with 95 % intervals, not tested and not corrected "
        "for their number. An interval with one run on a side knows nothing of that side's variation over seeds."
    )
    gaps = {
        f"{arm} − {second}": {name: found[name] for name in names if name in found}
        for arm, found in outcome.others.items()
    }
    if any(gap.keys() != dict.fromkeys(names).keys() for gap in gaps.values()):
        return text
    return text + _figure(directory, "others", gaps, f"Every other arm less {second}, with 95 % intervals.")


def _runs(outcome: Outcome) -> str:
    names = present(outcome)
    head = ["run", "coordinates", *(TITLES[name] for name in names), *(title for title, _ in DESCRIBED.values())]
    rows = []
    for arm, seeds in outcome.runs.items():
        for seed, run in seeds.items():
            bounds = {name: np.percentile(run.endpoints[name][1:], (2.5, 97.5)) for name in names}
            cells = [tables.estimate(run.endpoints[name][0], bounds[name]) for name in names]
            cells += [_described(run.summary[name], digits) for name, (_, digits) in DESCRIBED.items()]
            rows.append([html.escape(f"{arm}, seed {seed}"), run.coordinates, *cells])
    return tables.table(head, rows) + document.note("Intervals of a run resample patients only.")


def _described(value: float, digits: int) -> str:
    """A dash for what an arm does not have, such as a KL."""
    return tables.number(value if np.isfinite(value) else None, digits)
