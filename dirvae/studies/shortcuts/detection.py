"""Which shortcuts the explanations of a grid's models tell of: tables of whatever is finished, page, JSON and CSV."""

import csv
from collections import Counter
from pathlib import Path

import numpy as np

from data_prep.phantom.factors import CONFOUNDERS
from dirvae.config import Config
from dirvae.metrics import shortcuts
from dirvae.metrics.shortcuts import FEWEST, UNRANKED
from dirvae.report import shortcuts_page as page
from dirvae.studies import runner
from dirvae.studies.shortcuts.reliance import FACTORS, PLACE, Found, finding_of, load
from dirvae.training import workdir


def state(where: Path, config: Config) -> str:
    """done, or why the run is left out."""
    reason = runner.state(where)
    if reason != "done" or (other := runner.unlike(where, config, "grid")):
        return reason if reason != "done" else other
    if (found := load(where / PLACE)) is None:
        return "lacks reliance"
    nothing = found.explanation[~np.isfinite(found.share).all(axis=1)]
    return f"{', '.join(nothing)}: no map shows anything" if len(nothing) else "done"


def report(directory: Path, planned: list[tuple[str, Config]]) -> str:
    """shortcuts.html, .json and .csv of whatever is finished; the page's lines as text.

    Raises:
      ValueError: where no model with a shortcut is finished beside FEWEST null models of its finding.
    """
    states = {name: state(directory / name, config) for name, config in planned}
    nulls = Counter(finding_of(c) for name, c in planned if c.data.rho == 0 and states[name] == "done")
    for name, config in planned:
        if states[name] == "done" and nulls[finding_of(config)] < FEWEST:
            states[name] = (
                f"{nulls[finding_of(config)]} null models of {finding_of(config)} are done, of {FEWEST} needed"
            )
    configs = {name: config for name, config in planned if states[name] == "done"}
    models = [load(directory / name / PLACE) for name in configs]
    null = np.asarray([config.data.rho == 0 for config in configs.values()], bool)
    if null.all():
        done = sum(runner.state(directory / name) == "done" for name, _ in planned)
        raise ValueError(
            f"{directory} holds no finished model with a shortcut and {FEWEST} null models of its finding yet; "
            f"{done} of {len(planned)} runs are done"
        )
    kinds = np.asarray([config.data.confounder for config in configs.values()])
    found = tables(models, kinds, null, [finding_of(config) for config in configs.values()])
    reliance = {
        name: dict(zip(CONFOUNDERS, each.reliance.tolist(), strict=True))
        for name, each in zip(configs, models, strict=True)
    }
    workdir.write_json(directory / "shortcuts.json", {"detection": found, "reliance": reliance})
    with (directory / "shortcuts.csv").open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["explanation", "kind", *shortcuts.Detection._fields])
        writer.writerows([e, kind, *row] for e, table in found.items() for kind, row in table.items())
    missing = {name: reason for name, reason in states.items() if reason != "done"}
    page.write(directory / "shortcuts.html", found, reliance, missing)
    return page.text(found)


def tables(
    models: list[Found], kinds: np.ndarray, null: np.ndarray, findings: list[str]
) -> dict[str, dict[str, shortcuts.Detection]]:
    """{explanation: {kind or "pooled": detection}}.

    A null model stands for every kind: each of its confounders is in the pictures and tells nothing. Nulls are kept apart by finding.
    Scores without a sign are set against reliance without it: a factor that counts against the finding is used, too.
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
            ": share within the mask": (within, np.abs(reliance), CONFOUNDERS),
            ": what no known factor explains": (unlisted[:, None], np.abs(reliance), ()),
            ": departure from the null": (departed[:, None], np.abs(reliance), ()),
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
            rows.setdefault(kind, []).append((z[m, at], reliance[m, CONFOUNDERS.index(kind)], null[m], place, m))
    rows["pooled"] = [row for each in rows.values() for row in each]
    return {kind: shortcuts.detection(*map(np.asarray, zip(*each, strict=True))) for kind, each in rows.items()}
