"""The report of a study: verdicts first, then what they rest on; built from whatever runs are finished."""

import csv
import html
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np

from dirvae.endpoints import ENDPOINTS, Scored
from dirvae.metrics import comparison
from dirvae.metrics.comparison import Difference
from dirvae.report import document, figures, tables
from dirvae.report.document import Section
from dirvae.workdir import write_json

TITLES = {
    "auroc": "macro AUROC",
    "aug": "AUG, normalised",
    "interventional": "interventional D",
    "ceiling": "encode-decode ceiling (NCC)",
}
DESCRIBED = {
    "aug_raw": ("AUG, raw coordinates", 3),
    "kl": ("KL, nats", 1),
    "elbo": ("ELBO, nats", 0),
    "l1": ("L1", 4),
    "ssim": ("SSIM", 3),
    "active": ("active", 0),
}
SUPERIOR = ("aug", "interventional")  # endpoints of which superiority is claimed
SURE = 0.05
FEWEST = 3  # seeds of an arm below which nothing is decided
TOLERANCE = 0.05  # of a KL's target


class Outcome(NamedTuple):
    """All that a report says. `runs` {arm: {seed: Scored}}, `missing` {run: why}, `differences` of the contrast's arms."""

    name: str
    question: str
    contrast: tuple[str, str]
    margin: float
    runs: Mapping[str, Mapping[int, Scored]]
    missing: Mapping[str, str]
    differences: Mapping[str, Difference]
    p: Mapping[str, float]  # of the endpoints, adjusted by Holm
    off_target: Mapping[str, str]  # arms whose KL is not what it was steered to


def present(runs: Mapping[str, Mapping[int, Scored]]) -> tuple[str, ...]:
    """The endpoints that every run has: on real images nothing can be switched, and those of interventions are absent."""
    every = [run.endpoints for seeds in runs.values() for run in seeds.values()]
    return tuple(name for name in ENDPOINTS if all(name in each for each in every))


def conclude(
    name: str,
    question: str,
    contrast: tuple[str, str],
    margin: float,
    runs: Mapping[str, Mapping[int, Scored]],
    missing: Mapping[str, str],
    targets: Mapping[str, float],
) -> Outcome:
    """Compares the contrast's arms, as far as both have runs; `targets` are the arms' KL in nats, 0 for none."""
    arms = [[*runs.get(arm, {}).values()] for arm in contrast]
    differences = {}
    if all(arms):
        for endpoint in present(runs):
            values = [np.stack([run.endpoints[endpoint] for run in arm]) for arm in arms]
            differences[endpoint] = comparison.hierarchical_difference(*values)
    decided = min(map(len, arms)) >= FEWEST
    raw = {name: differences[name].p for name in SUPERIOR if decided and name in differences}
    if decided:
        raw["auroc"] = comparison.equivalence(differences["auroc"], margin)[0]
    off = {arm: said for arm, seeds in runs.items() if (said := _off_target(seeds, targets.get(arm, 0.0)))}
    return Outcome(name, question, contrast, margin, runs, missing, differences, comparison.holm(raw), off)


def _off_target(seeds: Mapping[int, Scored], target: float) -> str:
    """What to say of an arm whose mean KL on test differs from its target by more than TOLERANCE; else nothing."""
    if not (target and seeds):
        return ""
    mean = float(np.mean([run.summary["kl"] for run in seeds.values()]))
    return f"{mean:.0f} nats instead of {target:g}" if abs(mean / target - 1.0) > TOLERANCE else ""


def verdict(outcome: Outcome, endpoint: str) -> str:
    """One sentence."""
    first, second = outcome.contrast
    if endpoint not in outcome.differences:
        return f"open: {first} and {second} are not both finished"
    found, (low, high) = outcome.differences[endpoint], outcome.differences[endpoint].interval
    fewest = min(len(outcome.runs[arm]) for arm in outcome.contrast)
    if fewest < FEWEST:
        side = "no difference" if low <= 0 <= high else f"{first if found.difference > 0 else second} ahead"
        return f"open: {fewest} seed{'s' * (fewest > 1)} of {FEWEST} needed; so far {side}"
    if endpoint == "auroc":
        if outcome.p[endpoint] < SURE:
            return f"{first} is not worse than {second} by more than {outcome.margin:g}"
        return f"it is not shown that {first} loses less than {outcome.margin:g}"
    if low > 0 or high < 0:
        winner, loser = (first, second) if found.difference > 0 else (second, first)
        if endpoint not in outcome.p:
            return f"{winner} is above {loser} (described, not tested)"
        sure = outcome.p[endpoint] < SURE
        return f"{winner} is above {loser}" + ("" if sure else ", but not after correction for several endpoints")
    return "no difference is shown"


def write(directory: Path, outcome: Outcome) -> Path:
    """study.html, study.json, study.csv and the figures."""
    directory = Path(directory)
    write_json(directory / "study.json", as_json(outcome))
    _write_csv(directory / "study.csv", outcome)
    sections = [
        Section("Verdicts", _verdicts(directory, outcome)),
        Section("Endpoints, seed by seed", _runs(outcome)),
        Section("All scores of the codes", _panel(outcome)),
        Section("Which latent tells which finding", _strengths(directory, outcome)),
        Section("What is missing", _missing(outcome)),
    ]
    lead = f"<p class='lead'>{html.escape(outcome.question)}</p><p>{html.escape(summary(outcome))}</p>"
    return document.save(directory / "study.html", f"Study: {outcome.name}", lead, sections)


def summary(outcome: Outcome) -> str:
    """The answer in words, with how little or much it rests on."""
    first, second = outcome.contrast
    seeds = {arm: len(outcome.runs.get(arm, {})) for arm in outcome.contrast}
    said = "; ".join(f"{TITLES[e]}: {verdict(outcome, e)}" for e in present(outcome.runs))
    off = "".join(f" {arm} has a KL of {why}: not the same budget." for arm, why in outcome.off_target.items())
    return f"{first} ({seeds[first]} seeds) against {second} ({seeds[second]} seeds). {said}.{off}"


def as_json(outcome: Outcome) -> dict:
    return {
        "study": outcome.name,
        "differences": {
            name: {"difference": d.difference, "interval": d.interval, "p_adjusted": outcome.p.get(name)}
            for name, d in outcome.differences.items()
        },
        "verdicts": {name: verdict(outcome, name) for name in present(outcome.runs)},
        "runs": {
            f"{arm}-{seed}": {
                **{name: values[0] for name, values in run.endpoints.items()},
                **run.summary,
                "coordinates": run.coordinates,
                "panel": run.panel,
                "left_out": dict(run.left_out),
            }
            for arm, seeds in outcome.runs.items()
            for seed, run in seeds.items()
        },
        "missing": outcome.missing,
    }


def _write_csv(path: Path, outcome: Outcome) -> None:
    with path.open("w", newline="") as file:
        rows, names = csv.writer(file), present(outcome.runs)
        rows.writerow(["arm", "seed", "coordinates", *names, *DESCRIBED])
        for arm, seeds in outcome.runs.items():
            for seed, run in seeds.items():
                values = [run.endpoints[name][0] for name in names] + [run.summary[name] for name in DESCRIBED]
                rows.writerow([arm, seed, run.coordinates, *(f"{value:.6g}" for value in values)])


def _verdicts(directory: Path, outcome: Outcome) -> str:
    rows = []
    for name in present(outcome.runs):
        found = outcome.differences.get(name)
        gap = tables.signed(found.difference, found.interval) if found else "–"
        adjusted = tables.number(outcome.p.get(name)) if name in outcome.p else "–"
        rows.append([TITLES[name], gap, adjusted, html.escape(verdict(outcome, name))])
    first, second = map(html.escape, outcome.contrast)
    text = tables.table(["endpoint", f"{first} − {second}", "p, adjusted", "verdict"], rows)
    text += document.note(
        "95 % intervals; seeds are resampled for each arm, then patients, which all runs share. p of AUROC is that of a loss of "
        f"at least {outcome.margin:g}; p of the others is two-sided; Holm's correction over the endpoints that have one; none is "
        f"given below {FEWEST} seeds. The ceiling is described, not tested."
    )
    if outcome.differences:
        contrast = f"{outcome.contrast[0]} − {outcome.contrast[1]}"
        found = {contrast: [d._asdict() for d in outcome.differences.values()]}
        drawn = figures.paired({"difference": found}, [TITLES[n] for n in outcome.differences], {"difference": ""})
        text += document.figure(directory, "differences", drawn, f"{contrast} of each endpoint, with 95 % intervals.")
    return text


def _runs(outcome: Outcome) -> str:
    names = present(outcome.runs)
    head = ["run", "coordinates", *(TITLES[name] for name in names), *(title for title, _ in DESCRIBED.values())]
    rows = []
    for arm, seeds in outcome.runs.items():
        for seed, run in seeds.items():
            bounds = {name: np.percentile(values[1:], (2.5, 97.5)) for name, values in run.endpoints.items()}
            cells = [tables.estimate(run.endpoints[name][0], bounds[name]) for name in names]
            cells += [tables.number(run.summary[name], digits) for name, (_, digits) in DESCRIBED.items()]
            rows.append([html.escape(f"{arm}, seed {seed}"), run.coordinates, *cells])
    return tables.table(head, rows) + document.note("Intervals of a run resample patients only.")


def _panel(outcome: Outcome) -> str:
    """Means over seeds of each arm: raw, ceiling, normalised."""
    arms = {arm: [*seeds.values()] for arm, seeds in outcome.runs.items() if seeds}
    if not arms:
        return "<p>No run is finished.</p>"
    names = list(next(iter(arms.values()))[0].panel["scores"])
    rows = [[name, *(_panel_cell(runs, name) for runs in arms.values())] for name in names]
    text = tables.table(["score", *map(html.escape, arms)], rows)
    return text + document.note(
        "Means over seeds; in brackets the null (permuted codes) and the ceiling (the code z = y) on the same labels. Chosen on "
        "validation, scored on test, in the coordinates named above."
    )


def _panel_cell(runs: Sequence[Scored], name: str) -> str:
    score, ceiling, null = (
        np.mean([run.panel[part][name] for run in runs]) for part in ("scores", "ceilings", "nulls")
    )
    return f"{tables.number(score)} [{tables.number(null)}, {tables.number(ceiling)}]"


def _strengths(directory: Path, outcome: Outcome) -> str:
    shown = {arm: next(iter(seeds.values())) for arm, seeds in outcome.runs.items() if seeds}
    if not shown:
        return "<p>No run is finished.</p>"
    labels = next(iter(shown.values())).labels
    drawn = figures.strengths({arm: run.strength for arm, run in shown.items()}, labels)
    caption = (
        "|2 AUC − 1| of every latent for every finding on test, first seed of each arm; latents ordered by the finding they "
        "tell best. A class-specific code has one dark cell a row of findings."
    )
    return document.figure(directory, "strengths", drawn, caption)


def _missing(outcome: Outcome) -> str:
    if not outcome.missing:
        return "<p>Nothing.</p>"
    rows = [[html.escape(run), html.escape(why)] for run, why in outcome.missing.items()]
    return tables.table(["run", "why"], rows)
