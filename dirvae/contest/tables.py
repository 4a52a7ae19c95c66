"""A contest's results as sentences and tables, for a terminal and for the page (`dirvae.report.contest`)."""

from collections.abc import Mapping

import numpy as np

from dirvae.contest import scoring

OURS = "traversal: denoised"
SCORES = {
    "rma": "RMA",
    "rma_skill": "its skill",
    "rra": "RRA",
    "rra_skill": "its skill",
    "hit": "hit",
    "pixel_auroc": "pixel AUROC",
    "ncc": "NCC",
    "ncc_skill": "its skill",
    "class_share": "class share",
    "deletion": "deletion",
    "insertion": "insertion",
    "road": "ROAD",
}
"""{score of an entry: its heading}, in the order of the tables."""
NO_RIVALS = ("location prior", "mean effect", "ceiling", "permuted direction", "edges", "random")
CLASSIFIED = 0.75  # AUROC from which on a finding's explanation is expected to be better than its location prior
Rows = tuple[list[str], list[tuple[str, list[str]]]]
"""Headings, and rows of a name and its cells."""


def words(found: Mapping) -> list[str]:
    """What the tables say, good and bad."""
    return [_against_others(found["maps"]), *_against_prior(found), *_as_counterfactuals(found)]


def _against_others(maps: Mapping) -> str:
    headline = "ncc" if scoring.over_findings(maps, "ncc") else "rra"
    means = scoring.over_findings(maps, headline)
    asked = {name: v for name, v in means.items() if name not in NO_RIVALS and not name.startswith("traversal")}
    rival = max(asked, key=asked.__getitem__)
    verb = "is ahead of" if means[OURS] > asked[rival] else "does not beat"
    sentence = (
        f"{SCORES[headline]} of the traversal, mean of {len(maps)} findings: {means[OURS]:.3f}. It {verb} the best other "
        f"explanation that asks the model ({rival}, {asked[rival]:.3f})."
    )
    if headline != "ncc":
        return sentence
    compared = "above" if means[OURS] > means["mean effect"] else "below"
    return sentence + (
        f" That is {means[OURS] / means['ceiling']:.2f} of what encoding and decoding can show ({means['ceiling']:.3f}), and "
        f"{compared} a map that knows no model, the mean effect ({means['mean effect']:.3f})."
    )


def _against_prior(found: Mapping) -> list[str]:
    expected = [finding for finding in found["maps"] if found["auroc"][finding] > CLASSIFIED]
    sentences = []
    for score, name in (("rma_skill", "RMA"), ("rra_skill", "RRA")):
        clear = [finding for finding in expected if found["maps"][finding][OURS][score][1] > 0]
        sentences.append(
            f"Skill over the location prior in {name}, interval above 0: {', '.join(clear) or 'none'}, of {len(expected)} "
            f"findings classified above {CLASSIFIED:g}."
        )
    return sentences


def _as_counterfactuals(found: Mapping) -> list[str]:
    ends = found["counterfactuals"].values()
    if not all("validity" in table for table in ends):
        return []
    validity, others = (np.nanmean([table[score][0] for table in ends]) for score in ("validity", "off_target"))
    return [
        f"The independent classifier follows {validity:.0%} of the counterfactuals, which go on to a probability of "
        f"{found['target']:g}; other findings' logits change by {others:.2f} of the explained one's."
    ]


Rows = tuple[list[str], list[tuple[str, list[str]]]]
"""Headings, and rows of a name and its cells."""


def entries(maps: Mapping) -> Rows:
    means = {score: scoring.over_findings(maps, score) for score in SCORES}
    known = [score for score in SCORES if means[score]]
    names = next(iter(maps.values()))
    rows = [(name, [f"{means[s][name]:.3f}" if name in means[s] else "" for s in known]) for name in names]
    return ["entry", *(SCORES[score] for score in known)], rows


def findings(found: Mapping) -> Rows:
    """Of the denoised traversal."""
    tables = {finding: table[OURS] for finding, table in found["maps"].items()}
    known = [score for score in SCORES if all(score in table for table in tables.values())]
    rows = [
        (finding, [f"{found['images'][finding]}", f"{found['auroc'][finding]:.3f}", *(_shown(table[s]) for s in known)])
        for finding, table in tables.items()
    ]
    return [OURS, "images", "AUROC", *(SCORES[score] for score in known)], rows


def counterfactuals(ends: Mapping) -> Rows:
    scores = list(next(iter(ends.values())))
    rows = [(finding, [_shown(table[score]) for score in scores]) for finding, table in ends.items()]
    means = [f"{np.nanmean([table[score][0] for table in ends.values()]):.3f}" for score in scores]
    return ["finding", *(score.replace("_", " ") for score in scores)], [*rows, ("mean", means)]


def random_weights(found: Mapping) -> Rows:
    weights, labels = found["weights"], found["labels"]
    layers = list(next(iter(weights.values())))
    heads = [*(f"to {layer}" for layer in layers), *(["shuffled labels"] if labels else [])]
    rows = [
        (name, [*(_number(row[layer]) for layer in layers), *([_number(labels[name])] if labels else [])])
        for name, row in weights.items()
    ]
    return ["entry", *heads], rows


def _shown(value: tuple[float, float, float]) -> str:
    mean, low, high = value
    return _number(mean) if not np.isfinite(low) else f"{mean:.2f} [{low:.2f}, {high:.2f}]"


def _number(value: float) -> str:
    return f"{value:.2f}" if np.isfinite(value) else "–"


def text(found: Mapping) -> str:
    """The same for a terminal."""
    blocks = [
        [f"geometry: {found['geometry']}", *words(found)],
        *(
            _lines(*rows)
            for rows in (entries(found["maps"]), findings(found), counterfactuals(found["counterfactuals"]))
        ),
        _lines(*random_weights(found)),
    ]
    return "\n\n".join("\n".join(block) for block in blocks)


def _lines(heads: list[str], rows: list[tuple[str, list[str]]]) -> list[str]:
    widths = [max(len(row[0]) for row in [(heads[0], []), *rows])]
    widths += [max(len(head), *(len(cells[i]) for _, cells in rows)) for i, head in enumerate(heads[1:])]
    every = [heads, *([name, *cells] for name, cells in rows)]
    return [
        "  ".join([row[0].ljust(widths[0]), *(c.rjust(w) for c, w in zip(row[1:], widths[1:], strict=True))])
        for row in every
    ]
