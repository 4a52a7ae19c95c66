"""The tables of a study's page, each with one fixed legend; every number comes from the study's outcome."""

import html
from collections.abc import Iterable

import numpy as np

from dirvae.metrics import readout
from dirvae.metrics.titles import CALIBRATION, CODES, DESCRIBED, ENDPOINTS, PROBES
from dirvae.report.html import document, tables
from dirvae.studies.priors.arms import Estimate, finished, shared_endpoints
from dirvae.studies.priors.code_scores import CodeScores, PanelScore
from dirvae.studies.priors.discrimination import Discrimination
from dirvae.studies.priors.outcome import Outcome
from dirvae.studies.priors.verdicts import FEWEST, AdjustedP, Judgement, Verdict, short, word

INTERVALS = (
    "Intervals hold 95 % of the bootstrap's replicates, which resample seeds of training, then patients. "
    "Three seeds are few: such an interval is itself uncertain."
)
P_VALUES = (
    "“At the floor” means that no replicate lay beyond the bound. The p value is then only known to be at most the number "
    "given, which is set by the number of replicates."
)
RESOLVABLE = (
    "Resolvable: the true difference that a two-sided test at .05 would find with a power of 80 %. "
    "Where no difference is shown, a smaller one may exist."
)
MEANINGS = {
    Verdict.SUPERIOR: "the interval is above 0, and the adjusted p is below .05",
    Verdict.INFERIOR: "the interval is below 0, and the adjusted p is below .05",
    Verdict.SUPERIOR_UNCORRECTED: "the interval is above 0, but the adjusted p is not below .05",
    Verdict.INFERIOR_UNCORRECTED: "the interval is below 0, but the adjusted p is not below .05",
    Verdict.NOT_WORSE: "a loss of this size or more is excluded (adjusted p below .05)",
    Verdict.LOSS_POSSIBLE: "a loss of this size or more is not excluded",
    Verdict.ABOVE: "the interval is above 0; described, not tested",
    Verdict.BELOW: "the interval is below 0; described, not tested",
    Verdict.NOT_SHOWN: "the interval contains 0",
    Verdict.OPEN: f"fewer than {FEWEST} seeds of either arm are finished, so nothing is decided",
}


def p_value(test: AdjustedP | None) -> str:
    """An adjusted p; it says where the bootstrap could not have given a smaller one."""
    if test is None:
        return "–"
    return f"at the floor ({short(round(test.p, 3))})" if test.at_floor else tables.number(test.p)


def legend(*sentences: str) -> str:
    """The sentences that stand beneath a table."""
    return document.note(" ".join(sentences))


def _words(judgements: Iterable[Judgement | None], margin: float) -> str:
    """The verdicts of a table with their meanings."""
    open_ = MEANINGS[Verdict.OPEN]
    meanings = {word(one, margin): MEANINGS[one.verdict] if one else open_ for one in judgements}
    return tables.facts(meanings.items())


def _difference(judgement: Judgement | None) -> list[str]:
    """Difference, p and resolvable difference."""
    if judgement is None:
        return ["–", "–", "–"]
    gap = judgement.difference
    return [tables.signed(gap.difference, gap.interval), p_value(judgement.test), tables.number(judgement.resolvable)]


def _estimate(estimate: Estimate) -> str:
    return tables.estimate(estimate.mean, estimate.interval)


def verdicts(outcome: Outcome) -> str:
    """The contrast's endpoints."""
    first, second = outcome.study.contrast
    rows, names = [], shared_endpoints(outcome.runs)
    for name in names:
        judgement = outcome.judgements.get(name)
        pair = [outcome.estimates.get(arm) for arm in (first, second)]
        means = [tables.number(estimates[name].mean) if estimates else "–" for estimates in pair]
        rows.append([ENDPOINTS[name], *means, *_difference(judgement), word(judgement, outcome.study.margin)])
    head = [
        "endpoint",
        *map(html.escape, (first, second, f"{first} − {second}")),
        "p, adjusted",
        "resolvable",
        "verdict",
    ]
    return (
        tables.table(head, rows)
        + legend(
            INTERVALS,
            f"The p value of AUROC is that of a loss of at least {short(outcome.study.margin)}; the others are two-sided. "
            "Holm's correction is over the endpoints that have a p value.",
            P_VALUES,
            RESOLVABLE,
        )
        + _words(map(outcome.judgements.get, names), outcome.study.margin)
    )


def arms(outcome: Outcome) -> str:
    """Means of every arm, and what they rest on."""
    names = shared_endpoints(outcome.runs)
    rows = []
    for arm, arm_runs in finished(outcome.runs).items():
        nats = [run.summary["kl"] for run in arm_runs]
        kl = ", ".join(f"{value:.0f}" for value in nats) if np.all(np.asarray(nats) > 0) else "–"
        other = "yes" if arm in outcome.other_budgets else ""
        rows.append(
            [
                html.escape(arm),
                str(len(arm_runs)),
                kl,
                other,
                *(_estimate(outcome.estimates[arm][name]) for name in names),
            ]
        )
    head = ["arm", "seeds", "KL of each, nats", "other KL budget", *(ENDPOINTS[name] for name in names)]
    return tables.table(head, rows) + legend(
        INTERVALS,
        "An arm with one seed has the patients' interval alone. “Other KL budget”: the KL was steered, and its mean is more than "
        f"5 % from that of {html.escape(outcome.study.contrast[1])}. The encode-decode score is the normalised cross-correlation "
        "(NCC) of what encoding and decoding leaves of an intervention with its exact effect; it is no strict upper bound.",
    )


def others(outcome: Outcome) -> str:
    """Every arm outside the contrast against the contrast's second."""
    second = html.escape(outcome.study.contrast[1])
    rows = []
    for arm, judgements in outcome.others.items():
        for name, judgement in judgements.items():
            difference, _, resolvable = _difference(judgement)
            seeds, said = str(judgement.seeds), word(judgement, outcome.study.margin)
            rows.append([html.escape(arm), ENDPOINTS[name], difference, resolvable, seeds, said])
        head = ["arm", "endpoint", f"difference from {second}", "resolvable", "fewest seeds", "reading"]
    return (
        tables.table(head, rows)
        + legend(
            "No claim was made of these arms beforehand: their differences are described, not tested.",
            INTERVALS,
            "With one seed on a side, the interval leaves out that side's variation over seeds.",
        )
        + _words((one for row in outcome.others.values() for one in row.values()), outcome.study.margin)
    )


def runs(outcome: Outcome) -> str:
    """Every run's endpoints and what is described beside them."""
    names = shared_endpoints(outcome.runs)
    head = ["arm", "seed", "coordinates", *(ENDPOINTS[name] for name in names)]
    head += [title for title, _ in DESCRIBED.values()]
    rows = []
    for arm, seeds in outcome.runs.items():
        for seed, run in seeds.items():
            bounds = outcome.intervals[arm][seed]
            cells = [tables.estimate(run.endpoints[name][0], bounds[name]) for name in names]
            cells += [_defined(run.summary[name], digits) for name, (_, digits) in DESCRIBED.items()]
            rows.append([html.escape(arm), str(seed), run.coordinates, *cells])
    return tables.table(head, rows) + legend(
        "Intervals of a run resample patients only. Coordinates: the map of the code that suits the run best on validation. "
        "A dash: the run has no such score."
    )


def _defined(value: float, digits: int) -> str:
    return tables.number(value if np.isfinite(value) else None, digits)


def findings(outcome: Outcome, scores: Discrimination) -> str:
    """AUROC of each finding."""
    first, second = map(html.escape, outcome.study.contrast)
    names = list(finished(outcome.runs))
    seeds = list(scores.findings[0].delong)
    head = ["finding", "positives of known", *map(html.escape, names), f"{first} − {second}"]
    rows = []
    for row in scores.findings:
        gap = tables.signed(row.difference.difference, row.difference.interval) if row.difference else "–"
        cells = [tables.number(row.aurocs[arm]) for arm in names]
        tests = [_small_p(row.delong[seed]) for seed in seeds]
        rows.append([html.escape(row.finding), f"{row.positives:,} of {row.known:,}", *cells, gap, *tests])
    return tables.table([*head, *(f"DeLong p, seed {seed}" for seed in seeds)], rows) + legend(
        "AUROC on test, means over seeds.",
        INTERVALS,
        "DeLong's test compares the two runs of one seed and takes images as independent. It is not corrected for the number of "
        "findings, and it leaves out the variation over seeds.",
    )


def _small_p(p: float | None) -> str:
    return "&lt; .001" if p is not None and p < 0.001 else tables.number(p)


def calibration(scores: Discrimination) -> str:
    """Calibration of each arm."""
    rows = [
        [
            html.escape(arm),
            *(tables.number(one.scores[name], 4) for name in CALIBRATION),
            f"{one.excess:+.4f}".replace("-", "−"),
        ]
        for arm, one in scores.calibration.items()
    ]
    head = ["arm", *CALIBRATION.values(), "mean probability − share of positives"]
    return tables.table(head, rows) + legend("Means over findings and seeds on test; 0 is best in every column.")


def panel(scores: CodeScores) -> str:
    """Every score of the arms' codes."""
    names = list(scores.probes)
    rows = [
        [CODES.get(name, name), *(_panel_cell(cells[arm]) for arm in names)] for name, cells in scores.panel.items()
    ]
    return tables.table(["score", *map(html.escape, names)], rows) + legend(
        "Means over seeds; in brackets the score of permuted codes, and that of the perfect code z = y, on the same labels. "
        "Latents are chosen on validation and scored on test, in the coordinates named in the table of runs."
    )


def _panel_cell(cell: PanelScore | None) -> str:
    return "–" if cell is None else tables.estimate(cell.score, (cell.null, cell.ceiling))


def probes(scores: CodeScores) -> str:
    """What probes read from the arms' codes."""
    rows = []
    for arm, one in scores.probes.items():
        mean, low, high = one.permuted
        cells = [_estimate(one.classifier), *(_estimate(one.probes[name]) for name in PROBES)]
        rows.append([html.escape(arm), *cells, tables.estimate(mean, (low, high))])
    head = ["arm", "own classifier", *PROBES.values(), "linear probe, permuted codes"]
    return tables.table(head, rows) + legend(
        "Macro AUROC on test, means over seeds.",
        INTERVALS,
        "The encoder is frozen, and each probe reads what the arm's own classifier reads. It is fitted to the validation images, "
        f"far fewer than that classifier had. Its setting (of {len(readout.RIDGES)} ridges or {len(readout.ROUNDS)} numbers of trees) is "
        f"chosen there by {readout.FOLDS}-fold cross-validation over patients. Last column: codes dealt to other images, "
        f"{readout.PERMUTATIONS} times a run; mean, and in brackets lowest and highest.",
    )
