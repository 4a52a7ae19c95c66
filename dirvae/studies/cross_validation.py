"""Scores of the folds of a cross-validation: means with standard errors, and their table."""

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np

from dirvae.metrics.titles import scope_counts
from dirvae.studies.tables import number


class FoldMean(NamedTuple):
    """A mean over folds, NaN without a fold, and its standard error s/sqrt n, NaN with fewer than two."""

    mean: float
    error: float


class FindingMeans(NamedTuple):
    """AUROC of a finding, or macro, over the folds in which the model and the baseline both have one; `over` says how many."""

    finding: str
    model: FoldMean
    baseline: FoldMean
    over: str = ""


def fold_mean(values: np.ndarray) -> FoldMean:
    """The mean of n folds with its standard error, s the sample's standard deviation (n - 1)."""
    count = len(values)
    error = values.std(ddof=1) / np.sqrt(count) if count > 1 else np.nan
    return FoldMean(float(values.mean()) if count else np.nan, float(error))


def means(scores: Sequence[Mapping], labels: Sequence[str]) -> list[FindingMeans]:
    """Macro and every finding, from what metrics.json holds of each fold's validation split."""
    rows = []
    for name in ("macro", *labels):
        model = np.array([fold["auroc"][name] for fold in scores], float)
        baseline = np.array([fold["baseline"]["auroc"][name] for fold in scores], float)
        scored = np.isfinite(model) & np.isfinite(baseline)
        over = _over(scores) if name == "macro" else f"{scored.sum()} of {len(scores)} folds"
        rows.append(FindingMeans(name, fold_mean(model[scored]), fold_mean(baseline[scored]), over))
    return rows


def _over(scores: Sequence[Mapping]) -> str:
    """Over how many findings the folds' macros are."""
    known = [scope_counts(fold["auroc"]) for fold in scores]
    low, high = min(count for count, _ in known), max(count for count, _ in known)
    return f"{low if low == high else f'{low} to {high}'} of {known[0][1]} findings in each fold"


def table(rows: Sequence[FindingMeans]) -> str:
    """Markdown: mean over folds (standard error) of the model's and the baseline's AUROC; a dash where there is none."""
    lines = ["| finding | model | linear baseline | over |", "|---|---|---|---|"]
    for row in rows:
        cells = [f"{number(value.mean)} ({number(value.error)})" for value in (row.model, row.baseline)]
        lines.append(f"| {row.finding} | {' | '.join(cells)} | {row.over} |")
    return "\n".join(lines)
