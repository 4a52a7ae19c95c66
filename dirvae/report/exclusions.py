"""What a study leaves out, with counts and reasons: runs, findings, labels, latents."""

import html
from collections.abc import Iterator, Mapping

import numpy as np

from dirvae.report.html import document, tables
from dirvae.studies.priors.endpoints import Scored
from dirvae.studies.priors.outcome import TITLES, Outcome, finished, present


def exclusions(outcome: Outcome) -> str:
    return _runs(outcome) + _findings(outcome) + _parts(outcome)


def missing_of(outcome: Outcome, arm: str) -> dict[str, str]:
    """{run: why} of an arm's runs, which are named ARM-SEED, or ARM where it has but one."""
    return {run: why for run, why in outcome.missing.items() if arm in (run, run.rpartition("-")[0])}


def _runs(outcome: Outcome) -> str:
    rows = []
    for arm in dict.fromkeys([*outcome.runs, *(run for run in outcome.missing if "-" not in run)]):
        lacking = missing_of(outcome, arm)
        seeds = outcome.runs.get(arm, {})
        rows.append([html.escape(arm), ", ".join(map(str, seeds)) or "none", str(len(lacking))])
    text = document.part("Runs") + tables.table(["arm", "seeds in this report", "runs left out"], rows)
    if not outcome.missing:
        return text + "<p>Every run that was planned is in this report.</p>"
    reasons = [[html.escape(run), html.escape(why)] for run, why in outcome.missing.items()]
    return text + tables.table(["run left out", "why"], reasons)


def _findings(outcome: Outcome) -> str:
    text, found = document.part("Findings"), {}
    for name, run in _every_run(outcome):
        for finding, why in run.left_out.items():
            found.setdefault((finding, why), []).append(name)
    if not finished(outcome):
        return text + "<p>No run is finished.</p>"
    if not found:
        labels = next(_every_run(outcome))[1].labels
        return text + f"<p>None of the {len(labels)} findings was too rare to score.</p>"
    total = sum(1 for _ in _every_run(outcome))
    rows = [
        [html.escape(finding), html.escape(why), "every run" if len(names) == total else html.escape(", ".join(names))]
        for (finding, why), names in found.items()
    ]
    return text + tables.table(["finding", "why it is in no score and no macro average", "in"], rows)


def _parts(outcome: Outcome) -> str:
    """Labels, codes, latents and endpoints, run by run."""
    rows = []
    for name, run in _every_run(outcome):
        images, masked = run.basis.target.shape[0], int(np.sum(run.basis.weight == 0))
        codes, latents = len(run.basis.composition), run.strength.shape[0]
        absent = [TITLES[endpoint] for endpoint in TITLES if endpoint not in run.endpoints]
        rows.append(
            [
                html.escape(name),
                f"{images:,} of {run.basis.patients:,} patients",
                f"{masked:,} of {run.basis.weight.size:,}",
                f"{images - codes:,}",
                f"{run.basis.idle} of {latents}",
                ", ".join(absent) or "–",
            ]
        )
    if not rows:
        return ""
    head = [
        "run",
        "test images",
        "labels unknown",
        "images without kept codes",
        "idle latents",
        "endpoints not measured",
    ]
    text = document.part("Within the runs") + tables.table(head, rows)
    left = [title for name, title in TITLES.items() if name not in present(outcome)]
    note = (
        "Unknown labels (uncertain, or not mentioned, by the run's policy) count in no score. Codes are kept of the first images of a "
        "split; scores of codes are over those. Idle latents hardly vary over images, and only interventional D leaves them out."
    )
    if left:
        note += f" Not shown in this report, since not every run has it: {', '.join(left)}."
    return text + document.note(note)


def _every_run(outcome: Outcome) -> Iterator[tuple[str, Scored]]:
    runs: Mapping[str, Mapping[int, Scored]] = outcome.runs
    for arm, seeds in runs.items():
        for seed, run in seeds.items():
            yield f"{arm}, seed {seed}", run
