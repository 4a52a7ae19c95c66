"""The page of the shortcut grid: what the explanations detect, and what the models really rely on."""

import html
from collections.abc import Mapping
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.figure import Figure

from dirvae.metrics.shortcuts import ALARM, RELIED_ON, Detection
from dirvae.report.html import document, tables
from dirvae.report.html.document import Section, note
from dirvae.report.html.style import ACCENT, FAINT, QUIET, RULES, SECOND, WIDTH
from dirvae.studies.explanations.tables import aligned

LED = "traversal, covariance"  # whose footprint the endpoints are of
AIMED, ALLOWED = 0.9, 0.1  # AUROC, and share of false alarms
POOLED = {"false alarms": "false_alarms", "found": "found", "ranked first": "first"}
Table = Mapping[str, Mapping[str, Detection]]
"""{explanation: {kind of confounder, or "pooled": detection}}."""


def write(path: Path, found: Table, reliance: Mapping[str, Mapping[str, float]], missing: Mapping[str, str]) -> Path:
    """One self-contained page; figures beside it."""
    pooled = found[LED]["pooled"]
    local = {kind: row.auroc for kind, row in found[LED].items() if kind != "pooled" and not np.isnan(row.auroc)}
    lead = (
        f"<p class='lead'>{len(reliance)} models. The footprint of “{LED}” tells models that rely on their confounder from those "
        f"that do not with a pooled AUROC of {_interval(pooled)} (by kind {min(local.values(), default=np.nan):.2f} to "
        f"{max(local.values(), default=np.nan):.2f}), and raises {pooled.false_alarms:.0%} false alarms where no confounder tells "
        f"anything. {verdict(found)} {_others(found)}</p>"
    )
    small = (
        f"Used: R above {RELIED_ON}, R = E[logit(do 1) − logit(do 0)] by intervention on images in which all factors are independent, "
        "over sd(logit) on validation; without its sign, |R| above it. A map is what the finding adds, and a factor's share of it has the "
        "sign with which it does. What no known factor explains: of a list without any confounder. Departure: how unlike the null "
        "models' the mean map is, for which no factor need be known. An alarm is a share more than "
        f"{ALARM:g} standard deviations above its mean in the other null models: of six null models that vary alike some 7 % raise one, "
        "of scores without a sign some 10 %. A null model counts once for every kind, so that pooled rows are more than models; the "
        "interval resamples models. Ranked first: of all factors but the finding itself."
    )
    heads, cells = rows(found)
    sections = [
        Section(
            "Detection",
            tables.table(heads, [(html.escape(name), *row) for name, row in cells])
            + note(f"Models that rely on the confounder, with their sign: {counts(found)}. {small}")
            + document.figure(path.parent, "shortcuts", drawn(found), "AUROC by kind."),
        ),
        Section("True reliance", _reliance(reliance)),
    ]
    if missing:
        rows_left = [(html.escape(name), html.escape(reason)) for name, reason in missing.items()]
        sections.append(Section("Left out", tables.table(["model", "why"], rows_left)))
    return document.save(path, "Which shortcut does the classifier take?", lead, sections)


def verdict(found: Table) -> str:
    """Whether the endpoints are met: an AUROC of AIMED for every kind that is used, and pooled; false alarms of ALLOWED at most."""
    kinds = {kind: row for kind, row in found[LED].items() if not np.isnan(row.auroc)}
    below = [kind.replace("_", " ") for kind, row in kinds.items() if row.auroc < AIMED]
    unused = [kind.replace("_", " ") for kind in found[LED] if kind not in kinds]
    pooled = found[LED]["pooled"]
    reached = f"not reached by {', '.join(below)}" if below else "reached by every kind that is used, and pooled"
    sure = "" if below or not pooled.low < AIMED else ", though the pooled interval begins below it"
    alarms = "are" if pooled.false_alarms <= ALLOWED else "are not"
    nothing = f" No model relies on {', '.join(unused)}, of which nothing can be told." if unused else ""
    return f"An AUROC of {AIMED:g} is {reached}{sure}; false alarms {alarms} within {ALLOWED:.0%}.{nothing}"


def _interval(row: Detection) -> str:
    return f"{row.auroc:.2f} [{row.low:.2f}, {row.high:.2f}]"


def _others(found: Table) -> str:
    """The pooled numbers of the footprints of the other explanations, in words."""
    rows = {name: kinds["pooled"].auroc for name, kinds in found.items() if ":" not in name and name != LED}
    return "Other explanations' footprints: " + ", ".join(f"{html.escape(n)} {v:.2f}" for n, v in rows.items()) + "."


def rows(found: Table) -> tuple[list[str], list[tuple[str, list[str]]]]:
    """Headings and rows: AUROC and what else there is of all rows; then the AUROC for each kind of confounder."""
    kinds = [kind for kind in next(iter(found.values())) if kind != "pooled"]
    heads = ["explanation", "AUROC, pooled", *POOLED, *(kind.replace("_", " ") for kind in kinds)]
    cells = {
        name: [
            _interval(table["pooled"]),
            *(_shown(getattr(table["pooled"], field)) for field in POOLED.values()),
            *(_shown(table[kind].auroc) for kind in kinds),
        ]
        for name, table in found.items()
    }
    return heads, list(cells.items())


def counts(found: Table) -> str:
    """Of how many models each column is, and how many of them rely on the confounder."""
    kinds = next(iter(found.values()))
    return "; ".join(f"{kind.replace('_', ' ')} {row.used} of {row.models}" for kind, row in kinds.items())


def _shown(value: float) -> str:
    return f"{value}" if isinstance(value, int) else "–" if np.isnan(value) else f"{value:.2f}"


def _reliance(reliance: Mapping[str, Mapping[str, float]]) -> str:
    """A row a model; confounders that count as used in bold."""
    names = list(next(iter(reliance.values())))
    cell = lambda value: f"<b>{value:.2f}</b>" if value > RELIED_ON else f"{value:.2f}"  # noqa: E731
    rows = [(html.escape(model), *map(cell, row.values())) for model, row in reliance.items()]
    return tables.table(["model", *map(html.escape, names)], rows)


@plt.rc_context(RULES)
def drawn(found: Table) -> Figure:
    """AUROC of each explanation's footprint for each kind; what needs no list is left to the table."""
    shown = {name: kinds for name, kinds in found.items() if ":" not in name}
    kinds = list(next(iter(shown.values())))
    figure, axis = plt.subplots(figsize=(WIDTH, 3.2), layout="constrained")
    width = 0.8 / len(shown)
    colours = (ACCENT, SECOND, FAINT, QUIET, "#7a5aa6", "#4f9d8f")
    for place, ((name, table), colour) in enumerate(zip(shown.items(), colours, strict=True)):
        axis.bar(
            np.arange(len(kinds)) + width * (place - (len(shown) - 1) / 2),
            [np.nan_to_num(table[kind].auroc) for kind in kinds],
            width,
            label=name,
            color=colour,
        )
    axis.axhline(0.5, color=QUIET, linewidth=1, linestyle="--")
    axis.set_xticks(range(len(kinds)), [kind.replace("_", " ") for kind in kinds])
    axis.set_ylabel("AUROC for true reliance")
    axis.set_ylim(0, 1)
    figure.legend(loc="outside upper center", ncols=3)
    return figure


def text(found: Table) -> str:
    """The table for a terminal."""
    lines = aligned(*rows(found))
    return "\n".join([*lines, "", f"models that rely on the confounder: {counts(found)}", verdict(found)])
