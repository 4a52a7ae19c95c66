"""Tables and tiles as HTML, from the dictionaries of a workdir."""

import html
import json
from collections.abc import Sequence

from dirvae.config import Config, differences


def number(value: float | None, digits: int = 3) -> str:
    """A number, or a dash where there is none."""
    return "–" if value is None else f"{value:.{digits}f}"


def interval(bounds: Sequence[float | None] | None, digits: int = 3) -> str:
    if bounds is None or bounds[0] is None:
        return ""
    return f"[{bounds[0]:.{digits}f}, {bounds[1]:.{digits}f}]"


def signed(value: float | None, bounds: Sequence[float | None] | None, digits: int = 3) -> str:
    return "–" if value is None else f"{value:+.{digits}f} {interval(bounds, digits)}"


def tile(name: str, value: float | None, bounds: Sequence[float] | None, digits: int = 3) -> str:
    return (
        f"<div class='tile'><span>{html.escape(name)}</span><b>{number(value, digits)}</b>"
        f"<small>{interval(bounds, digits)}</small></div>"
    )


def table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """First column text, the others numbers; cells are HTML already."""
    top = "".join(f"<th>{cell}</th>" for cell in head)
    body = "".join("<tr>" + "".join(f"<td>{cell}</td>" for cell in row) + "</tr>" for row in rows)
    return f"<div class='scroll'><table><thead><tr>{top}</tr></thead><tbody>{body}</tbody></table></div>"


def source_name(config: Config, manifest: dict) -> str:
    if config.data.dataset == "phantom":
        return f"the phantom ({config.data.phantom})"
    return str(manifest["options"].get("source", "CheXpert layout"))


def data(manifest: dict, labels: Sequence[str]) -> str:
    """Counts a split, and positives (uncertain, not mentioned) of each finding."""
    splits = manifest["splits"]
    head = ["", *map(html.escape, splits)]
    rows = [
        ["images", *(f"{s['images']:,}" for s in splits.values())],
        ["patients", *(f"{s['patients']:,}" for s in splits.values())],
    ]
    for label in labels:
        counts = [s["labels"][label] for s in splits.values()]
        rows.append(
            [
                html.escape(label),
                *(f"{c['positive']:,} <small>({c['uncertain']}, {c['blank']})</small>" for c in counts),
            ]
        )
    note = f"<p class='note'>Positives (uncertain, not mentioned). Content {manifest['content_hash'][:16]}"
    return table(head, rows) + note + f", {len(manifest['skipped'])} unreadable images left out.</p>"


def scores(split: dict, labels: Sequence[str]) -> str:
    """Every metric of every label with its interval."""
    head = ["", "positives", "AUROC", "AUPRC", "Brier", "ECE", "AUROC − linear baseline"]
    gaps, rows = split["baseline"].get("difference", {}), []
    for name in ("macro", *labels):
        positives = split["positives"].get(name, sum(split["positives"].values()))
        cells = [
            f"{number(split[m][name])} <small>{interval(split.get(f'{m}_interval', {}).get(name))}</small>"
            for m in ("auroc", "auprc", "brier", "ece")
        ]
        gap = gaps.get(name)
        rows.append(
            [
                f"<b>{html.escape(name)}</b>",
                str(positives),
                *cells,
                signed(gap["difference"], gap["interval"]) if gap else "–",
            ]
        )
    return table(head, rows)


def latent(found: dict, config: Config) -> str:
    rows = [["active coordinates", f"{found['active']} of {found['coordinates']}", ""]]
    if "prior" in found:
        rows += [
            ["perplexity (components in use)", number(found["perplexity"], 1), number(found["prior"]["perplexity"], 1)],
            ["inverse Simpson", number(found["inverse_simpson"], 1), number(found["prior"]["inverse_simpson"], 1)],
            ["Hoyer (0 uniform, 1 one-hot)", number(found["hoyer"]), ""],
            ["components near 0 in every image", str(found["dead_components"]), ""],
        ]
    if "dead_decoder_columns" in found:
        rows.append(["latents the decoder ignores", str(found["dead_decoder_columns"]), ""])
    text = f"<p>Each simplex has {config.model.latents} components.</p>" if "prior" in found else ""
    return text + table(["", "posterior means", "expected of the prior"], rows)


def provenance(config: Config, versions: dict, timing: dict) -> str:
    """What differs from the defaults, versions and times."""
    changed = {name: ours for name, (ours, _) in differences(config, Config()).items()}
    seconds = ", ".join(f"{phase} {s:.0f} s" for phase, s in (timing.get("seconds") or {}).items())
    listed = ", ".join(f"{name} {version}" for name, version in versions.items())
    return (
        f"<p>Best checkpoint: step {timing['best_step']} of {config.train.steps}. {seconds}.</p>"
        f"<p>Departures from the default config: <code>{html.escape(json.dumps(changed)) if changed else 'none'}</code></p>"
        f"<p class='note'>{html.escape(listed)}</p>"
    )
