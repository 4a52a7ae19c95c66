"""Tables and tiles as HTML, from the dictionaries of a workdir."""

import html
import json
import math
import re
from collections.abc import Iterable, Mapping, Sequence

from dirvae.metrics.titles import PER_IMAGE, PER_LABEL, scope, scope_counts


def number(value: float | None, digits: int = 3) -> str:
    """A number, or a dash where there is none."""
    return "–" if value is None or math.isnan(value) else f"{value:,.{digits}f}".replace("-", "−")


def interval(bounds: Sequence[float | None] | None, digits: int = 3) -> str:
    """[low, high], [–] where the sample is too small for an interval, or nothing where none was asked for."""
    if bounds is None:
        return ""
    if not all(bound is not None and math.isfinite(bound) for bound in bounds):
        return "[–]"
    return f"[{number(bounds[0], digits)}, {number(bounds[1], digits)}]"


def estimate(value: float | None, bounds: Sequence[float | None] | None, digits: int = 3, note: str = "") -> str:
    """A number, a note on it, and its interval, as plain text."""
    if value is None or math.isnan(value):
        return number(value)
    return f"{number(value, digits)}{note and f' {note}'} {interval(bounds, digits)}".rstrip()


def macro_note(scores: Mapping[str, float | None]) -> str:
    """Which part of the findings a macro is over, as in "(2 of 4)"; nothing where it is over all."""
    known, findings = scope_counts(scores)
    return "" if known == findings else f"({known} of {findings})"


def signed(value: float | None, bounds: Sequence[float | None] | None, digits: int = 3) -> str:
    """A difference, with its sign, and its interval."""
    sign = "+" if value is not None and value > 0 else ""
    return sign + estimate(value, bounds, digits)


def tile(name: str, value: float | None, bounds: Sequence[float | None] | None, digits: int = 3) -> str:
    return (
        f"<div class='tile'><span>{html.escape(name)}</span><b>{number(value, digits)}</b>"
        f"<small>{interval(bounds, digits)}</small></div>"
    )


def table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """First column text, the others numbers; cells are HTML already, and an interval at a cell's end is set small."""
    top = "".join(f"<th scope='col'>{cell}</th>" for cell in head)
    body = "".join(
        f"<tr><th scope='row'>{row[0]}</th>" + "".join(f"<td>{_small(cell)}</td>" for cell in row[1:]) + "</tr>"
        for row in rows
    )
    return f"<div class='scroll'><table><thead><tr>{top}</tr></thead><tbody>{body}</tbody></table></div>"


def _small(cell: str) -> str:
    return re.sub(r" (\[[^]]*\])$", r" <small>\1</small>", cell)


def facts(pairs: Iterable[tuple[str, str]]) -> str:
    """Names and values, both HTML, as a two-column list."""
    return "<dl>" + "".join(f"<dt>{name}</dt><dd>{value}</dd>" for name, value in pairs) + "</dl>"


def data(held: Mapping[str, Mapping], labels: Sequence[str]) -> str:
    """Counts of each split of a manifest, and positives (uncertain, not mentioned) of each finding."""
    splits = held.values()
    rows = [[name, *(f"{s[name]:,}" for s in splits)] for name in ("images", "patients", "studies")]
    for name in ("views", "sexes"):
        rows.append([name, *(html.escape(_shares(s[name], s["images"])) for s in splits)])
    rows.append(["age, years (quartiles)", *(_quartiles(s["age_quartiles"]) for s in splits)])
    if any(s["boxes"] for s in splits):
        rows.append(["boxes", *(f"{s['boxes']:,}" for s in splits)])
    for label in labels:
        counts = [s["labels"][label] for s in splits]
        cells = (f"{c['positive']:,} <small>({c['uncertain']:,}, {c['blank']:,})</small>" for c in counts)
        rows.append([html.escape(label), *cells])
    return table(["", *map(html.escape, held)], rows)


def _shares(counts: Mapping[str, int], total: int) -> str:
    common = sorted(counts.items(), key=lambda item: -item[1])
    return ", ".join(f"{name.lower() if len(name) > 2 else name} {count / total:.0%}" for name, count in common)


def _quartiles(ages: Sequence[float] | None) -> str:
    return "–" if ages is None else "{1:.0f} [{0:.0f}, {2:.0f}]".format(*ages)


def scores(split: Mapping, labels: Sequence[str]) -> str:
    """Every classification score of every label with its interval, and the difference from the linear baseline."""
    gaps = split.get("baseline", {}).get("difference", {})
    head = ["", "positives", *PER_LABEL.values(), *(["AUROC − linear baseline"] * bool(gaps))]
    rows = []
    for name in ("macro", *labels):
        notes = {m: _differing_note(split, m) if name == "macro" else "" for m in PER_LABEL}
        cells = [estimate(split[m][name], split.get(f"{m}_interval", {}).get(name), note=notes[m]) for m in PER_LABEL]
        if gaps:
            cells.append(signed(gaps[name]["difference"], gaps[name]["interval"]))
        shown = f"macro, {scope(split['auroc'])}" if name == "macro" else name
        rows.append([f"<b>{html.escape(shown)}</b>", _positives(split, name), *cells])
    return table(head, rows)


def _differing_note(split: Mapping, metric: str) -> str:
    """Which part of the findings a metric's macro is over, where it is another than AUROC's, which its row tells."""
    known, findings = scope_counts(split[metric])
    return "" if (known, findings) == scope_counts(split["auroc"]) else f"({known} of {findings})"


def _positives(split: Mapping, name: str) -> str:
    if name == "macro":
        return ""
    return f"{split['positives'][name]:,} <small>({split['prevalence'][name]:.1%})</small>"


def splits(metrics: Mapping[str, Mapping]) -> str:
    """Macro scores and per-image means of every split that was scored, one column a split."""
    rows = [["images, patients", *(f"{s['images']:,}, {s['patients']:,}" for s in metrics.values())]]
    for name, title in PER_LABEL.items():
        cells = (
            estimate(s[name]["macro"], s.get(f"{name}_interval", {}).get("macro"), note=macro_note(s[name]))
            for s in metrics.values()
        )
        rows.append([f"{title}, macro", *cells])
    for name, (title, digits) in PER_IMAGE.items():
        cells = (estimate(s[name], s.get(f"{name}_interval"), digits) for s in metrics.values())
        rows.append([title, *cells])
    return table(["", *map(html.escape, metrics)], rows)


def provenance(preset: Mapping, versions: Mapping, seconds: Mapping[str, float], parameters: str) -> str:
    """The preset {"name", "departures"} of a run, its parameters, times and versions."""
    return facts(
        [
            ("preset", html.escape(preset["name"])),
            ("departures from the preset", f"<code>{html.escape(json.dumps(preset['departures']))}</code>"),
            ("parameters", html.escape(parameters)),
            ("seconds", ", ".join(f"{html.escape(phase)} {s:,.0f}" for phase, s in seconds.items())),
            ("versions", html.escape(", ".join(f"{name} {version}" for name, version in versions.items()))),
        ]
    )
