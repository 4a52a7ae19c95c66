"""The tables of what the flaws of the published code change, and of how its traversal compares."""

import html
from collections.abc import Mapping

from dirvae.report.html import tables
from dirvae.report.study_tables import INTERVALS, MEANINGS, P_VALUES, legend, p_value
from dirvae.studies.priors.flaw_effects import FlawEffects, TraversalScores, flaw_word
from dirvae.studies.priors.verdicts import FlawVerdict, Verdict

FLAW_MEANINGS = {
    FlawVerdict.NO_EFFECT: "the change's adjusted p is not below .05",
    FlawVerdict.SIGN: "the two intervals lie on either side of 0",
    FlawVerdict.HIDES: "a difference is shown only without the flaw",
    FlawVerdict.MAKES_UP: "a difference is shown only with the flaw",
    FlawVerdict.ENLARGES: "both show a difference, and the flaw's is larger",
    FlawVerdict.SHRINKS: "both show a difference, and the flaw's is smaller",
    FlawVerdict.MOVES: "no difference is shown with the flaw or without it, but it changes",
}


def flaws(effects: FlawEffects, endpoint: str) -> str:
    """What each flaw does on one endpoint."""
    head = ["pair", "with the flaw", "without it", "change", "p, adjusted", "what it does"]
    rows, meanings = [], {}
    for row in effects.pairs:
        name = html.escape(" − ".join(row.pair))
        if endpoint not in row.effects:
            reason = row.missing or "not measured in every run of the four arms"
            rows.append([name, *["–"] * 4, html.escape(reason)])
            continue
        one = row.effects[endpoint]
        cells = [tables.signed(part.difference, part.interval) for part in one.effect]
        rows.append([name, *cells, p_value(one.test), flaw_word(one, len(row.seeds))])
        meanings[rows[-1][-1]] = FLAW_MEANINGS[one.verdict] if one.decided else MEANINGS[Verdict.OPEN]
    return tables.table(head, rows) + tables.facts(meanings.items())


LEGEND = legend(
    INTERVALS,
    "Seeds and patients are resampled alike with the flaw and without it. p is that of the change, with Holm's correction over the rows.",
    P_VALUES,
    "A flaw may change the labels, the training images or what is scored. The two differences are then of different things.",
)


def traversals(scores: Mapping[str, TraversalScores]) -> str:
    """How the two traversals of each arm compare."""
    rows = []
    for arm, one in scores.items():
        rank, gap = f"{one.rank:.0f} of {one.components}", one.difference
        means = [tables.estimate(*part) for part in (one.on_manifold, one.as_released)]
        rows.append([html.escape(arm), str(one.cases), rank, *means, tables.signed(gap.difference, gap.interval)])
    head = ["arm", "cases", "median rank of |z| moved", "NCC, on the manifold", "NCC, as published", "difference"]
    return tables.table(head, rows) + legend(
        "Normalised cross-correlation (NCC) with the exact effect of the finding, over true positives drawn by seed; intervals resample "
        "patients. Rank: of the three coordinates that the published procedure moves, 1 the smallest of the image's own."
    )
