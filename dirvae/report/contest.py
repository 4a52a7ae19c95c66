"""The page of a contest of explanations: who is right, by how much, and where nobody is."""

import html
from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.figure import Figure

from dirvae.contest import scoring
from dirvae.report import document
from dirvae.report.document import Section, note
from dirvae.report.style import BOX, RULES, SIGNED, WIDTH

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
DRAWN = (OURS, "as released: signed", "latent shift", "integrated gradients", "grad cam", "location prior", "ceiling")
EXPLAINED = (
    "RMA: share of a map's mass within the truth. RRA: share of the truth's area that the map's strongest pixels hit. Their skill is "
    "over the location prior, where the finding is on average; NCC is with the exact effect, its skill over the mean effect; "
    "0 is as good as that, 1 perfect. Class share: of a map's mass on the one positive of four images, chance .25. "
    "Deletion (low is good), insertion (high is good) and ROAD (positive is good): what the run's own probability does as pixels go "
    "in the map's order; random's line is chance."
)
CLASSIFIED = 0.75  # AUROC from which on a finding's explanation is expected to be better than its location prior


class Example(NamedTuple):
    """One true positive and its maps."""

    image: np.ndarray  # [H, W, C]
    mask: np.ndarray  # bool [H, W]
    maps: Mapping[str, np.ndarray]  # {entry: [H, W]}


def write(path: Path, found: Mapping, examples: Mapping[str, Example]) -> Path:
    """One self-contained page; its figure beside it."""
    maps = found["maps"]
    caption = (
        "One true positive of each finding, the truth outlined. Red: brighter with the finding, blue: darker; "
        "each map on a scale of its own."
    )
    every = [Section("Means over findings", _table(*_entries(maps)) + note(EXPLAINED))]
    every += [
        Section("Examples", document.figure(path.parent, f"{path.stem}_examples", drawn(examples), caption)),
        Section("Finding by finding", _table(*_findings(found))),
        Section("As counterfactuals", _table(*_counterfactuals(found["counterfactuals"]))),
        Section("Sanity checks", _sanity(found)),
    ]
    lead = "".join(f"<p class='lead'>{html.escape(sentence)}</p>" for sentence in words(found))
    return document.save(path, f"Which explanation is right? {found['split']}", lead, every)


def words(found: Mapping) -> list[str]:
    """What the tables say, good and bad."""
    maps = found["maps"]
    headline = "ncc" if scoring.over_findings(maps, "ncc") else "rra"
    means = scoring.over_findings(maps, headline)
    asked = {
        n: v for n, v in means.items() if n not in ("location prior", "mean effect", "ceiling") and not _is_ours(n)
    }
    rival = max(asked, key=asked.__getitem__)
    heading = SCORES[headline]
    verb = "is ahead of" if means[OURS] > asked[rival] else "does not beat"
    sentences = [
        f"{heading} of the traversal, mean of {len(maps)} findings: {means[OURS]:.3f}. It {verb} the best other explanation that asks "
        f"the model ({rival}, {asked[rival]:.3f})."
    ]
    if headline == "ncc":
        compared = "above" if means[OURS] > means["mean effect"] else "below"
        sentences[0] += (
            f" That is {means[OURS] / means['ceiling']:.2f} of what encoding and decoding can show ({means['ceiling']:.3f}), and "
            f"{compared} a map that knows no model, the mean effect ({means['mean effect']:.3f})."
        )
    expected = [f for f in maps if found["auroc"][f] > CLASSIFIED]
    for score, name in (("rma_skill", "RMA"), ("rra_skill", "RRA")):
        clear = [f for f in expected if maps[f][OURS][score][1] > 0]
        which = ", ".join(clear) or "none"
        sentences.append(
            f"Skill over the location prior in {name}, interval above 0: {which}, of {len(expected)} findings classified "
            f"above {CLASSIFIED:g}."
        )
    ends = found["counterfactuals"]
    if all("validity" in table for table in ends.values()):
        validity, others = (np.nanmean([t[s][0] for t in ends.values()]) for s in ("validity", "off_target"))
        sentences.append(
            f"The independent classifier follows {validity:.0%} of the counterfactuals, which go on to a probability of "
            f"{found['target']:g}; other findings' logits change by {others:.2f} of the explained one's."
        )
    return sentences


def _is_ours(entry: str) -> bool:
    return entry.startswith("traversal")


Rows = tuple[list[str], list[tuple[str, list[str]]]]
"""Headings, and rows of a name and its cells."""


def _entries(maps: Mapping) -> Rows:
    means = {score: scoring.over_findings(maps, score) for score in SCORES}
    known = [score for score in SCORES if means[score]]
    names = next(iter(maps.values()))
    rows = [(name, [f"{means[s][name]:.3f}" if name in means[s] else "" for s in known]) for name in names]
    return ["entry", *(SCORES[score] for score in known)], rows


def _findings(found: Mapping) -> Rows:
    """Of the denoised traversal."""
    tables = {finding: table[OURS] for finding, table in found["maps"].items()}
    known = [score for score in SCORES if all(score in table for table in tables.values())]
    rows = [
        (finding, [f"{found['images'][finding]}", f"{found['auroc'][finding]:.3f}", *(_shown(table[s]) for s in known)])
        for finding, table in tables.items()
    ]
    return [OURS, "images", "AUROC", *(SCORES[score] for score in known)], rows


def _counterfactuals(ends: Mapping) -> Rows:
    scores = list(next(iter(ends.values())))
    rows = [(finding, [_shown(table[score]) for score in scores]) for finding, table in ends.items()]
    means = [f"{np.nanmean([table[score][0] for table in ends.values()]):.3f}" for score in scores]
    return ["finding", *(score.replace("_", " ") for score in scores)], [*rows, ("mean", means)]


def _random_weights(found: Mapping) -> Rows:
    weights, labels = found["weights"], found["labels"]
    layers = list(next(iter(weights.values())))
    heads = [*(f"to {layer}" for layer in layers), *(["shuffled labels"] if labels else [])]
    rows = [
        (name, [*(_number(row[layer]) for layer in layers), *([_number(labels[name])] if labels else [])])
        for name, row in weights.items()
    ]
    return ["entry", *heads], rows


def _sanity(found: Mapping) -> str:
    small = (
        "Rank correlation of the map's size with the trained model's, once the layers from the head down to this one are random, and "
        "with a model's trained on shuffled labels. A map that explains this classifier loses its likeness (below .2); edges and random "
        "ask no model."
    )
    return _table(*_random_weights(found)) + note(small)


def _shown(value: tuple[float, float, float]) -> str:
    mean, low, high = value
    return _number(mean) if not np.isfinite(low) else f"{mean:.2f} [{low:.2f}, {high:.2f}]"


def _number(value: float) -> str:
    return f"{value:.2f}" if np.isfinite(value) else "–"


def _table(heads: list[str], rows: list[tuple[str, list[str]]]) -> str:
    head = "".join(f"<th>{html.escape(name)}</th>" for name in heads)
    body = "".join(
        f"<tr><th>{html.escape(name)}</th>{''.join(f'<td>{html.escape(cell)}</td>' for cell in cells)}</tr>"
        for name, cells in rows
    )
    return f"<div class='scroll'><table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table></div>"


@plt.rc_context(RULES)
def drawn(examples: Mapping[str, Example]) -> Figure:
    """A row a finding: the image, then a map by each of DRAWN that there is."""
    shown = [entry for entry in DRAWN if entry in next(iter(examples.values())).maps]
    side = WIDTH / (len(shown) + 2)
    figure, axes = plt.subplots(
        len(examples), len(shown) + 1, figsize=(WIDTH, side * len(examples)), squeeze=False, layout="constrained"
    )
    for row, (finding, example) in zip(axes, examples.items(), strict=True):
        row[0].imshow(example.image.mean(axis=-1), cmap="gray", vmin=0, vmax=1)
        row[0].set_ylabel(finding, rotation=0, ha="right", va="center")
        for axis, entry in zip(row[1:], shown, strict=True):
            values = example.maps[entry]
            most = max(float(np.abs(values).max()), 1e-12)
            axis.imshow(values, cmap=SIGNED, vmin=-most, vmax=most)
        for axis in row:
            axis.contour(example.mask, [0.5], colors=BOX, linewidths=0.8)
            axis.set(xticks=[], yticks=[])
    for axis, name in zip(axes[0], ["image", *shown], strict=True):
        axis.set_title(
            name.replace(": ", ":\n").replace(" ", "\n", 1) if ": " not in name else name.replace(": ", ":\n")
        )
    return figure


def text(found: Mapping) -> str:
    """The same for a terminal."""
    blocks = [
        [f"geometry: {found['geometry']}", *words(found)],
        *(
            _lines(*rows)
            for rows in (_entries(found["maps"]), _findings(found), _counterfactuals(found["counterfactuals"]))
        ),
        _lines(*_random_weights(found)),
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
