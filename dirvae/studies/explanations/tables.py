"""A contest's results as sentences and tables, for a terminal and for the page (`dirvae.report.explanations_page`)."""

from collections.abc import Mapping

import numpy as np

from dirvae.studies.explanations import scoring

OURS = "traversal: gated"
LED = (OURS, "traversal: denoised", "traversal: signed")
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
NO_RIVALS = ("location prior", "mean effect", "ceiling", "permuted direction", "gate", "edges", "random")
GATED = ("mean effect, gated", "latent shift, gated")  # controls of ours
CLASSIFIED = 0.75  # AUROC from which on a finding's explanation is expected to be better than its location prior
Rows = tuple[list[str], list[tuple[str, list[str]]]]
"""Headings, and rows of a name and its cells."""


def words(found: Mapping) -> list[str]:
    """What the tables say, good and bad."""
    return [
        *_against_others(found),
        *_against_prior(found),
        *_as_counterfactuals(found),
        _picked(found),
        _left_out(found),
    ]


def _against_others(found: Mapping) -> list[str]:
    """Of the gated map, of what is gated and of the plain change, since the other explanations are not worked on either."""
    headline = found["headline"]
    means = scoring.over_findings(found["maps"], headline)
    rival = max((name for name in means if _asks(name)), key=means.__getitem__)
    sentences = []
    for ours in LED:
        _, low, high = found["leads"][ours][rival]
        verb = "is ahead of" if low > 0 else "is behind" if high < 0 else "is not clearly apart from"
        sentences.append(
            f"{SCORES[headline]} of the {ours.replace(': ', ', ')}, mean of {len(found['maps'])} findings: {means[ours]:.3f}. It "
            f"{verb} the best other explanation that asks the model ({rival}, {means[rival]:.3f}; "
            f"{_difference(found['leads'][ours][rival])}, of findings with {scoring.FEWEST} patients or more)."
        )
    if headline == "ncc":
        sentences.append(
            f"The {OURS.replace(': ', ', ')} has {means[OURS] / means['ceiling']:.2f} of what encoding and decoding can show "
            f"({means['ceiling']:.3f}); a map that knows no model, the mean effect, has {means['mean effect']:.3f} "
            f"({_difference(found['leads'][OURS]['mean effect'])})."
        )
    leads = found["leads"][OURS]
    told = [f"{name} {means[name]:.3f} ({_difference(leads[name])})" for name in GATED if name in means]
    return [*sentences, f"With the same gate on what others draw: {'; '.join(told)}."]


def _difference(lead: tuple[float, float, float]) -> str:
    return "difference {:+.3f} [{:+.3f}, {:+.3f}]".format(*lead)


def _asks(entry: str) -> bool:
    """Whether it is another's explanation of the model."""
    return entry not in (*NO_RIVALS, *GATED) and not entry.startswith("traversal")


def _picked(found: Mapping) -> str:
    tried = ", ".join(f"{name} {score:.3f}" for name, score in found["geometries"].items())
    told = f" (mean {'NCC' if found['headline'] == 'ncc' else 'RRA'} there: {tried})" if tried else ""
    return f"The traversal's geometry was picked on validation images, {found['geometry']}{told}; no other explanation was tuned."


def _left_out(found: Mapping) -> str:
    told = "; ".join(f"{finding}, {why}" for finding, why in found["left_out"].items())
    return f"Left out: {told}." if told else "No finding was left out."


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
    validity, others = (
        scoring.mean_of_known([table[score][0] for table in ends]) for score in ("validity", "off_target")
    )
    seen = round(sum(table["judged"][0] * found["images"][name] for name, table in found["counterfactuals"].items()))
    if not seen:
        return [
            "The independent classifier saw the finding on none of the images, so that it cannot miss it afterwards."
        ]
    tried = "".join(f"; {target} on validation {value:.2f}" for target, value in found["targets"].items())
    return [
        f"Of the {seen} images on which an independent classifier saw the finding, it is gone in {validity:.0%} (mean over findings) "
        f"once the run's own probability of the finding is below {1 - found['target']:.2g}{tried}. Other findings' logits change by "
        f"{others:.2f} of the explained one's."
    ]


def entries(maps: Mapping) -> Rows:
    means = {score: scoring.over_findings(maps, score) for score in SCORES}
    known = [score for score in SCORES if means[score]]
    every = list(next(iter(maps.values())))
    names = [*(name for name in LED if name in every), *(name for name in every if name not in LED)]
    rows = [(name, [f"{means[s][name]:.3f}" if name in means[s] else "" for s in known]) for name in names]
    return ["entry", *(SCORES[score] for score in known)], rows


def findings(found: Mapping) -> Rows:
    """Of our best map."""
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
    means = [f"{scoring.mean_of_known([table[score][0] for table in ends.values()]):.3f}" for score in scores]
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
        words(found),
        *(
            aligned(*rows)
            for rows in (entries(found["maps"]), findings(found), counterfactuals(found["counterfactuals"]))
        ),
        aligned(*random_weights(found)),
    ]
    return "\n\n".join("\n".join(block) for block in blocks)


def aligned(heads: list[str], rows: list[tuple[str, list[str]]]) -> list[str]:
    """Lines of columns for a terminal: names to the left, cells to the right."""
    widths = [max(len(row[0]) for row in [(heads[0], []), *rows])]
    widths += [max(len(head), *(len(cells[i]) for _, cells in rows)) for i, head in enumerate(heads[1:])]
    every = [heads, *([name, *cells] for name, cells in rows)]
    return [
        "  ".join([row[0].ljust(widths[0]), *(c.rjust(w) for c, w in zip(row[1:], widths[1:], strict=True))])
        for row in every
    ]
