"""The results of a study of priors as files: every number as JSON, and a line for each run as CSV."""

import csv
from pathlib import Path

from dirvae.metrics.titles import DESCRIBED, PROBES
from dirvae.studies.plan import folder
from dirvae.studies.priors.arms import shared_endpoints
from dirvae.studies.priors.endpoints import Scored
from dirvae.studies.priors.flaw_effects import FlawEffects, flaw_word
from dirvae.studies.priors.outcome import Outcome
from dirvae.studies.priors.verdicts import Judgement, word
from dirvae.training.workdir import write_json


def write(directory: Path, outcome: Outcome) -> None:
    """Writes study.json and study.csv."""
    directory = Path(directory)
    write_json(directory / "study.json", to_json(outcome))
    _write_csv(directory / "study.csv", outcome)


def to_json(outcome: Outcome) -> dict:
    """Every number and verdict of an outcome, keyed by arms, seeds and the scores' names."""
    return {
        "study": outcome.study.name,
        "question": outcome.study.question,
        "contrast": outcome.study.contrast,
        "differences": {
            name: _judgement(one)
            | {"p_adjusted": one.test.p if one.test else None, "p_at_floor": bool(one.test and one.test.at_floor)}
            for name, one in outcome.judgements.items()
        },
        "verdicts": {
            name: word(outcome.judgements.get(name), outcome.study.margin) for name in shared_endpoints(outcome.runs)
        },
        "findings": {label: _judgement(one) for label, one in outcome.findings.items()},
        "others": {
            arm: {
                name: _judgement(one) | {"reading": one.verdict.value, "seeds": one.seeds} for name, one in row.items()
            }
            for arm, row in outcome.others.items()
        },
        "runs": {
            folder(arm, seed): {"arm": arm, "seed": seed} | _run(run)
            for arm, seeds in outcome.runs.items()
            for seed, run in seeds.items()
        },
        "flaws": _flaws(outcome.flaws),
        "missing": [one._asdict() for one in outcome.exclusions.missing],
    }


def _judgement(one: Judgement) -> dict:
    return {
        "difference": one.difference.difference,
        "interval": one.difference.interval,
        "resolvable": one.resolvable,
    }


def _run(run: Scored) -> dict:
    return {
        **{name: values[0] for name, values in run.endpoints.items()},
        **run.summary,
        "coordinates": run.coordinates,
        "panel": run.panel,
        "auroc_of": dict(zip(run.labels, run.aurocs[0], strict=True)),
        "probes": _probes(run),
        "left_out": dict(run.left_out),
    }


def _probes(run: Scored) -> dict[str, float]:
    """Macro AUROC of each probe on test, and the mean over permuted codes."""
    read = {name: float(getattr(run.probes, name)[0]) for name in PROBES}
    return read | {"permuted": float(run.probes.permuted.mean())}


def _flaws(effects: FlawEffects) -> dict:
    pairs = []
    for row in effects.pairs:
        entry: dict = {"pair": row.pair, "seeds": row.seeds, "missing": row.missing}
        for name, one in row.effects.items():
            parts = one.effect._asdict().items()
            entry[name] = {part: {"difference": d.difference, "interval": d.interval} for part, d in parts}
            verdict = flaw_word(one, len(row.seeds))
            entry[name] |= {"p_adjusted": one.test.p, "p_at_floor": one.test.at_floor, "verdict": verdict}
        pairs.append(entry)
    traversals = {
        arm: {
            "cases": one.cases,
            "median_rank": one.rank,
            "components": one.components,
            "ncc": {"on_manifold": one.on_manifold[0], "as_released": one.as_released[0]},
        }
        for arm, one in effects.traversals.items()
    }
    return {"pairs": pairs, "traversals": traversals}


def _write_csv(path: Path, outcome: Outcome) -> None:
    names = shared_endpoints(outcome.runs)
    with path.open("w", newline="") as file:
        rows = csv.writer(file)
        rows.writerow(
            ["arm", "seed", "coordinates", *names, *DESCRIBED, *(f"probe_{name}" for name in (*PROBES, "permuted"))]
        )
        for arm, seeds in outcome.runs.items():
            for seed, run in seeds.items():
                values = [run.endpoints[name][0] for name in names] + [run.summary[name] for name in DESCRIBED]
                values += _probes(run).values()
                rows.writerow([arm, seed, run.coordinates, *(f"{value:.6g}" for value in values)])
