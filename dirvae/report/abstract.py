"""A study on one page, in words that follow from the numbers alone: question, answer, what it rests on, what is open."""

import html
from collections.abc import Iterator, Sequence

import numpy as np

from dirvae.metrics import comparison
from dirvae.report.html import tables
from dirvae.studies.priors.endpoints import Scored
from dirvae.studies.priors.outcome import FEWEST, SUPERIOR, SURE, TITLES, Outcome, finished, mean, present, verdict


def abstract(outcome: Outcome) -> str:
    """HTML."""
    parts = {
        "Question": outcome.question,
        "Answer": answer(outcome),
        "In numbers": " ".join(numbers(outcome)) or "There are none yet.",
        "What it rests on": basis(outcome),
        "What is open": " ".join(open_points(outcome)),
    }
    return tables.facts((name, html.escape(text)) for name, text in parts.items())


def answer(outcome: Outcome) -> str:
    """What may be said of the question: of the endpoints that were to be superior, and of accuracy."""
    first, second = outcome.contrast
    if not outcome.differences:
        return f"None yet: {first} and {second} are not both finished."
    if not outcome.p:
        return f"None yet: {_fewest(outcome)} a side, and nothing is decided below {FEWEST} seeds. What follows describes these runs."
    tested = [name for name in SUPERIOR if name in outcome.p]
    won = [name for name in tested if outcome.p[name] < SURE and outcome.differences[name].difference > 0]
    lost = [name for name in tested if outcome.p[name] < SURE and outcome.differences[name].difference < 0]
    said = [_class_specific(outcome, tested, won, lost)]
    kept = outcome.p.get("auroc", 1.0) < SURE
    said.append(f"Accuracy: {verdict(outcome, 'auroc')}." if kept else f"As to accuracy {verdict(outcome, 'auroc')}.")
    return " ".join(said)


def _class_specific(outcome: Outcome, tested: Sequence[str], won: Sequence[str], lost: Sequence[str]) -> str:
    first, second = outcome.contrast
    if not tested:
        return "No endpoint that could show one arm above the other was measured."
    if lost:
        return f"No: {second} is above {first} on {_listed(lost)}."
    if len(won) == len(tested):
        return f"Yes, as far as these runs go: {first} is above {second} on {_listed(won)}."
    if won:
        rest = [name for name in tested if name not in won]
        return f"In part: {first} is above {second} on {_listed(won)}, which is not shown on {_listed(rest)}."
    return f"It is not shown: on {_listed(tested)} {first} and {second} cannot be told apart with certainty."


def numbers(outcome: Outcome) -> Iterator[str]:
    """Both arms and their difference, an endpoint a sentence."""
    held, (first, second) = finished(outcome), outcome.contrast
    for name, found in outcome.differences.items():
        a, b = (mean(held[arm], name)[0] for arm in (first, second))
        low, high = found.interval
        sentence = (
            f"{TITLES[name][0].upper()}{TITLES[name][1:]}: {first} {tables.number(a)}, {second} {tables.number(b)}, difference "
            f"{tables.signed(found.difference, found.interval)}"
        )
        if low <= 0 <= high:
            sentence += f", where {tables.number(comparison.resolution(found))} could have been resolved"
        yield sentence + "."


def basis(outcome: Outcome) -> str:
    held = finished(outcome)
    if not held:
        return "No run is finished."
    seeds = ", ".join(f"{arm} {_runs(len(runs))}{_nats(runs)}" for arm, runs in held.items())
    images = _spread(len(run.basis.target) for runs in held.values() for run in runs)
    patients = _spread(run.basis.patients for runs in held.values() for run in runs)
    findings = _spread(len(run.labels) for runs in held.values() for run in runs)
    return (
        f"{seeds}. Every run is scored on {images} test images of {patients} patients, on {findings} findings. Intervals are 95 % and "
        "resample seeds, then patients."
    )


def open_points(outcome: Outcome) -> Iterator[str]:
    held = finished(outcome)
    if outcome.differences and not outcome.p:
        yield f"A verdict needs {FEWEST} seeds of either arm; there are {_fewest(outcome)}."
    unclear = [name for name, d in outcome.differences.items() if d.interval[0] <= 0 <= d.interval[1]]
    if unclear:
        yield f"The sign of the difference in {_listed(unclear)} is not known."
    untested = [name for name in outcome.differences if name not in (*SUPERIOR, "auroc")]
    if untested:
        yield f"Described and not tested: {_listed(untested)}."
    for arm, why in outcome.unmatched.items():
        yield f"{arm} has a KL of {why}: not the same budget."
    if len({run.coordinates for arm in outcome.contrast for run in held.get(arm, ())}) > 1:
        yield "Codes are read in the coordinates that suit each run best on validation, and these are not the same for all runs."
    left = {finding for runs in held.values() for run in runs for finding in run.left_out}
    if left:
        yield f"Too rare to score, hence not part of any answer: {', '.join(sorted(left))}."
    absent = [title for name, title in TITLES.items() if name not in present(outcome)]
    if absent:
        yield f"Not measured in every run, hence not shown: {', '.join(absent)}."
    if outcome.missing:
        yield f"Not in this report: {', '.join(outcome.missing)}; the last section says why."
    yield "Other data, sizes of the latent, budgets of nats and architectures were not tried in this study."


def _runs(count: int) -> str:
    return "1 run" if count == 1 else f"{count} seeds"


def _fewest(outcome: Outcome) -> str:
    return _runs(min(len(outcome.runs[arm]) for arm in outcome.contrast)).replace("run", "seed")


def _nats(runs: Sequence[Scored]) -> str:
    nats = np.array([run.summary["kl"] for run in runs])
    known = np.all(nats > 0)  # 0 where there is no prior, NaN where there is no density
    return f" (KL {', '.join(f'{value:.0f}' for value in nats)} nats)" if known else " (no KL)"


def _spread(counts: Iterator[int]) -> str:
    """One number, or the range of several."""
    found = sorted(set(counts))
    return f"{found[0]:,}" if len(found) == 1 else f"{found[0]:,} to {found[-1]:,}"


def _listed(names: Sequence[str]) -> str:
    titles = [TITLES[name] for name in names]
    return " and ".join([", ".join(titles[:-1])] * (len(titles) > 1) + titles[-1:])
