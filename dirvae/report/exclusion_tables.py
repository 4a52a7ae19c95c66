"""The tables of what a study leaves out: runs, rare findings, and what single runs lack."""

import html
from collections.abc import Sequence

from dirvae.metrics.titles import ENDPOINTS
from dirvae.report.html import tables
from dirvae.report.study_tables import legend
from dirvae.studies.priors.exclusions import Exclusions


def missing(exclusions: Exclusions) -> str:
    """Runs in the report, and runs left out with reasons."""
    counts = [
        [html.escape(one.arm), ", ".join(map(str, one.seeds)) or "none", str(one.missing)] for one in exclusions.arms
    ]
    reasons = [
        [html.escape(one.arm), "–" if one.seed is None else str(one.seed), html.escape(one.reason)]
        for one in exclusions.missing
    ]
    text = tables.table(["arm", "seeds in this report", "runs left out"], counts)
    return text + (tables.table(["arm left out", "seed", "why"], reasons) if reasons else "")


def rare(exclusions: Exclusions) -> str:
    """Findings with too few cases."""
    rows = [
        [html.escape(one.finding), html.escape(one.reason), "every run" if one.everywhere else _named(one.runs)]
        for one in exclusions.rare
    ]
    if not rows:
        return legend("No finding was too rare to score.")
    return tables.table(["finding", "why it is in no score and no macro average", "in"], rows)


def _named(pairs: Sequence[tuple[str, int]]) -> str:
    return html.escape(", ".join(f"{arm}, seed {seed}" for arm, seed in pairs))


def within(exclusions: Exclusions) -> str:
    """Labels, codes, latents and endpoints that single runs lack."""
    rows = [
        [
            html.escape(one.arm),
            str(one.seed),
            f"{one.images:,} of {one.patients:,} patients",
            f"{one.unknown:,} of {one.labels:,}",
            f"{one.without_code:,}",
            f"{one.idle} of {one.latents}",
            ", ".join(ENDPOINTS[name] for name in one.absent) or "–",
        ]
        for one in exclusions.within
    ]
    head = [
        "arm",
        "seed",
        "test images",
        "labels unknown",
        "images without kept codes",
        "idle latents",
        "endpoints not measured",
    ]
    return tables.table(head, rows) + legend(
        "Unknown labels (uncertain, or not mentioned, by the run's policy) count in no score. Codes are kept of the first images of a "
        "split; scores of codes are over those. Idle latents hardly vary over images; interventional D leaves them out. "
        "An endpoint that not every run has is shown nowhere else on this page."
    )
