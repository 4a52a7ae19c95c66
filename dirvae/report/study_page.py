"""The report of a study: one page in words, verdicts, then what they rest on and what was left out."""

import csv
from pathlib import Path

from dirvae.metrics import comparison
from dirvae.metrics.readout import Readouts
from dirvae.report import audit, codes, discrimination, verdicts
from dirvae.report.abstract import abstract
from dirvae.report.exclusions import exclusions
from dirvae.report.html import document
from dirvae.report.html.document import Section
from dirvae.studies.priors.endpoints import Scored
from dirvae.studies.priors.outcome import DESCRIBED, FEWEST, TITLES, Outcome, beside, conclude, present, verdict
from dirvae.training.workdir import write_json

__all__ = ["Outcome", "as_json", "conclude", "summary", "verdict", "write"]


def write(directory: Path, outcome: Outcome) -> Path:
    """study.html, study.json, study.csv and the figures."""
    directory = Path(directory)
    write_json(directory / "study.json", as_json(outcome))
    _write_csv(directory / "study.csv", outcome)
    sections = [
        Section("In one page", abstract(outcome)),
        *verdicts.sections(directory, outcome),
        *discrimination.sections(directory, outcome),
        *codes.sections(directory, outcome),
        *audit.sections(outcome.audit, FEWEST),
        Section("What was left out, and why", exclusions(outcome)),
    ]
    return document.save(directory / "study.html", f"Study: {outcome.name}", "", sections)


def summary(outcome: Outcome) -> str:
    """The verdicts in a line, with how little or much they rest on."""
    first, second = outcome.contrast
    seeds = {arm: len(outcome.runs.get(arm, {})) for arm in outcome.contrast}
    said = "; ".join(f"{TITLES[e]}: {verdict(outcome, e)}" for e in present(outcome))
    off = "".join(f" {arm} has a KL of {why}: not the same budget." for arm, why in outcome.unmatched.items())
    return f"{first} ({seeds[first]} seeds) against {second} ({seeds[second]} seeds). {said}.{off}"


def as_json(outcome: Outcome) -> dict:
    return {
        "study": outcome.name,
        "differences": {
            name: _difference(found) | {"p_adjusted": outcome.p.get(name)}
            for name, found in outcome.differences.items()
        },
        "verdicts": {name: verdict(outcome, name) for name in present(outcome)},
        "findings": {label: _difference(found) for label, found in outcome.findings.items()},
        "others": {
            arm: {name: _difference(d) | {"reading": beside(outcome, arm, name)} for name, d in found.items()}
            for arm, found in outcome.others.items()
        },
        "runs": {
            f"{arm}-{seed}": {
                **{name: values[0] for name, values in run.endpoints.items()},
                **run.summary,
                "coordinates": run.coordinates,
                "panel": run.panel,
                "auroc_of": dict(zip(run.labels, run.aurocs[0], strict=True)),
                "probes": _probes(run),
                "left_out": dict(run.left_out),
            }
            for arm, seeds in outcome.runs.items()
            for seed, run in seeds.items()
        },
        "audit": audit.as_json(outcome.audit, FEWEST),
        "missing": outcome.missing,
    }


def _probes(run: Scored) -> dict[str, float]:
    """On test itself; of permuted codes the mean."""
    return {
        "linear": float(run.probes.linear[0]),
        "boosted": float(run.probes.boosted[0]),
        "permuted": float(run.probes.permuted.mean()),
    }


def _difference(found: comparison.Difference) -> dict:
    resolvable = comparison.resolution(found)
    return {"difference": found.difference, "interval": found.interval, "resolvable": resolvable}


def _write_csv(path: Path, outcome: Outcome) -> None:
    names = present(outcome)
    with path.open("w", newline="") as file:
        rows = csv.writer(file)
        rows.writerow(
            ["arm", "seed", "coordinates", *names, *DESCRIBED, *(f"probe_{name}" for name in Readouts._fields)]
        )
        for arm, seeds in outcome.runs.items():
            for seed, run in seeds.items():
                values = [run.endpoints[name][0] for name in names] + [run.summary[name] for name in DESCRIBED]
                values += _probes(run).values()
                rows.writerow([arm, seed, run.coordinates, *(f"{value:.6g}" for value in values)])
