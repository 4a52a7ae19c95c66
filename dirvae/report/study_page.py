"""A study's outcome as a page, and its contrast in lines of text."""

import html
from collections.abc import Iterator, Mapping
from pathlib import Path

from dirvae.metrics.titles import ENDPOINTS
from dirvae.report import exclusion_tables, flaw_tables, study_tables
from dirvae.report.html import document, figures, study_figures, tables
from dirvae.report.html.document import Section
from dirvae.studies.priors.arms import shared_endpoints
from dirvae.studies.priors.code_scores import SHOWN, CodeScores
from dirvae.studies.priors.discrimination import Discrimination
from dirvae.studies.priors.flaw_effects import FlawEffects
from dirvae.studies.priors.outcome import Outcome
from dirvae.studies.priors.verdicts import Judgement, word

GAP = "Paired differences with 95 % intervals, a panel for each endpoint; filled where the interval leaves 0 out."
ARMS = (
    "Mean over seeds of each arm with its 95 % interval (seeds, then patients), and every seed's own value beneath. Intervals of two "
    "arms may overlap although their difference, which shares the patients, is clear."
)
ROC = "ROC curve of each finding on test, mean sensitivity over the seeds of an arm. Dotted: chance."
RELIABILITY = (
    "Reliability on test, a line for each seed: all findings' predictions pooled, in ten bins that hold equally many. A pooled curve "
    "can hide findings that err in opposite directions, which ECE does not."
)
STRENGTHS = (
    "|2 AUC − 1| of every latent for every finding on test, first seed of each arm; latents are ordered by the finding that they "
    "tell best. A class-specific code has one dark cell in each row."
)
COMPOSITIONS = (
    f"Codes of test images, first seed of each arm. Rows: the first {SHOWN} positives of each finding; an image with two findings is in "
    "two groups. Columns: components, grouped by the finding that each tells best, best first. On simplexes the colour is the share z, "
    "by its square root. On other codes it is the mean less its average over test, in standard deviations over test. In a "
    "class-specific code a finding's rows stand out in its own columns, on the diagonal, and nowhere else."
)


def write(directory: Path, outcome: Outcome) -> Path:
    """Writes study.html and the page's figures; returns the page."""
    directory = Path(directory)
    lead = f"<p class='lead'>{html.escape(outcome.study.question)}</p>"
    return document.save(
        directory / "study.html", f"Study: {outcome.study.name}", lead, [*_sections(directory, outcome)]
    )


def summary(outcome: Outcome) -> str:
    """The contrast in lines of plain text: each endpoint's difference with its verdict."""
    first, second = outcome.study.contrast
    seeds = [f"{arm} ({len(outcome.runs.get(arm, {}))} seeds)" for arm in (first, second)]
    lines = [" less ".join(seeds)]
    for name in shared_endpoints(outcome.runs):
        judgement = outcome.judgements.get(name)
        gap = judgement.difference if judgement else None
        shown = tables.signed(gap.difference, gap.interval) if gap else "–"
        lines.append(f"  {ENDPOINTS[name]}: {shown}, {word(judgement, outcome.study.margin)}")
    lines += [
        f"  {arm} has a KL of {one.nats:.0f} nats, {second} of {one.budget:.0f}: not the same budget"
        for arm, one in outcome.other_budgets.items()
    ]
    return "\n".join(lines)


def _sections(directory: Path, outcome: Outcome) -> Iterator[Section]:
    first, second = outcome.study.contrast
    yield Section(
        "Verdicts",
        study_tables.verdicts(outcome) + _gaps(directory, "differences", {f"{first} − {second}": outcome.judgements}),
    )
    if outcome.estimates:
        yield Section("Arms", study_tables.arms(outcome) + _forest(directory, outcome))
    if outcome.others:
        gaps = {f"{arm} − {second}": judgements for arm, judgements in outcome.others.items()}
        yield Section(f"Other arms against {second}", study_tables.others(outcome) + _gaps(directory, "others", gaps))
    if outcome.estimates:
        yield Section("Runs", study_tables.runs(outcome))
    if outcome.discrimination:
        yield from _discrimination(directory, outcome, outcome.discrimination)
    if outcome.codes:
        yield from _codes(directory, outcome.codes)
    if outcome.flaws.pairs or outcome.flaws.traversals:
        yield _flaws(outcome.flaws)
    yield _left_out(outcome)


def _gaps(directory: Path, name: str, judgements: Mapping[str, Mapping[str, Judgement]]) -> str:
    """A figure with a panel for each endpoint and a row for each difference; none where not all rows have all endpoints."""
    endpoints = list(next(iter(judgements.values())))
    if not endpoints or any(list(row) != endpoints for row in judgements.values()):
        return ""
    panels = {
        ENDPOINTS[endpoint]: {"": [row[endpoint].difference._asdict() for row in judgements.values()]}
        for endpoint in endpoints
    }
    return document.figure(directory, name, figures.paired(panels, [*judgements], dict.fromkeys(panels, "")), GAP)


def _forest(directory: Path, outcome: Outcome) -> str:
    panels = {
        ENDPOINTS[name]: {arm: estimates[name] for arm, estimates in outcome.estimates.items()}
        for name in shared_endpoints(outcome.runs)
    }
    return document.figure(directory, "arms", study_figures.forest(panels), ARMS)


def _discrimination(directory: Path, outcome: Outcome, scores: Discrimination) -> Iterator[Section]:
    labels = [row.finding for row in scores.findings]
    roc = document.figure(directory, "roc", study_figures.roc(scores.curves, labels), ROC)
    yield Section("Finding by finding", study_tables.findings(outcome, scores) + roc)
    titles = {
        arm: f"{arm}\nBrier {one.scores['brier']:.3f}, ECE {one.scores['ece_mass']:.3f}"
        for arm, one in scores.calibration.items()
    }
    curves = {arm: one.curves for arm, one in scores.calibration.items()}
    figure = document.figure(directory, "reliability", study_figures.reliability(curves, titles), RELIABILITY)
    yield Section("Calibration", study_tables.calibration(scores) + figure)


def _codes(directory: Path, scores: CodeScores) -> Iterator[Section]:
    yield Section("All scores of the codes", study_tables.panel(scores))
    yield Section("What probes read from the codes", study_tables.probes(scores))
    strengths = study_figures.strengths(scores.strengths, scores.labels)
    yield Section("Which latent tells which finding", document.figure(directory, "strengths", strengths, STRENGTHS))
    heats = study_figures.compositions(scores.heats, scores.labels)
    yield Section("Codes of images", document.figure(directory, "compositions", heats, COMPOSITIONS))


def _flaws(effects: FlawEffects) -> Section:
    body, parts = "", []
    if effects.pairs:
        measured = {name for row in effects.pairs for name in row.effects}
        parts = [title for name, title in ENDPOINTS.items() if name in measured]
        body = "".join(
            document.part(title) + flaw_tables.flaws(effects, name)
            for name, title in ENDPOINTS.items()
            if name in measured
        )
        body += flaw_tables.LEGEND
    if effects.traversals:
        parts.append("The published traversal")
        body += document.part(parts[-1]) + flaw_tables.traversals(effects.traversals)
    return Section("Effects of flaws", body, tuple(parts))


def _left_out(outcome: Outcome) -> Section:
    tables_of = {
        "Missing runs": exclusion_tables.missing,
        "Rare findings": exclusion_tables.rare,
        "Within the runs": exclusion_tables.within,
    }
    body = "".join(document.part(title) + table(outcome.exclusions) for title, table in tables_of.items())
    return Section("What was left out, and why", body, tuple(tables_of))
