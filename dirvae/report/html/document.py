"""A page that opens from disk with everything inside it: stylesheet, figures and animations."""

import base64
import html
import io
import re
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from matplotlib import pyplot as plt
from matplotlib.figure import Figure

from dirvae.training.workdir import write_text

DPI = 120  # of the files
SHOWN = 98  # pixels of the page to an inch
STYLESHEET = Path(__file__).with_name("page.css")


class Section(NamedTuple):
    """A heading, which the table of contents lists, and its HTML; `parts` are the headings of `part` within it."""

    title: str
    body: str
    parts: tuple[str, ...] = ()


def save(path: Path, title: str, lead: str, sections: Sequence[Section]) -> Path:
    """Title, lead (HTML), table of contents and sections, as one file."""
    entries = "".join(_entry(section) for section in sections)
    bodies = "".join(
        f"<section id='{anchor(s.title)}'><h2>{html.escape(s.title)}</h2>{s.body}</section>" for s in sections
    )
    write_text(
        path,
        "<!doctype html>\n<html lang='en'><head><meta charset='utf-8'>"
        "<meta name='viewport' content='width=device-width, initial-scale=1'>"
        f"<title>{html.escape(title)}</title><style>{STYLESHEET.read_text()}</style></head>"
        f"<body><main><h1>{html.escape(title)}</h1>{lead}"
        f"<nav aria-label='Contents'><ul>{entries}</ul></nav>{bodies}</main></body></html>\n",
    )
    return path


def _entry(section: Section) -> str:
    parts = "".join(f"<li>{_link(part)}</li>" for part in section.parts)
    return f"<li>{_link(section.title)}{f'<ul>{parts}</ul>' if parts else ''}</li>"


def _link(title: str) -> str:
    return f"<a href='#{anchor(title)}'>{html.escape(title)}</a>"


def anchor(title: str) -> str:
    return re.sub(r"[^a-z0-9]+", "-", title.lower()).strip("-")


def part(title: str) -> str:
    """A heading within a section."""
    return f"<h3 id='{anchor(title)}'>{html.escape(title)}</h3>"


def note(text: str) -> str:
    """A paragraph of small print; `text` is HTML."""
    return f"<p class='note'>{text}</p>"


def figure(directory: Path, name: str, plot: Figure, caption: str, kind: str = "png") -> str:
    """Saves the figure as <directory>/figures/<name>.<kind> and embeds it over its caption.

    `kind` "webp", without loss too, has two thirds of the bytes where most of a figure is images.
    """
    buffer, inches = io.BytesIO(), plot.get_figwidth()
    plot.savefig(buffer, format=kind, dpi=DPI, pil_kwargs={"lossless": True, "method": 2} if kind == "webp" else {})
    plt.close(plot)
    return _embed(directory / "figures" / f"{name}.{kind}", buffer.getvalue(), caption, f"width:{inches * SHOWN:.0f}px")


def animation(directory: Path, name: str, content: bytes, caption: str) -> str:
    """Writes the bytes of a GIF into the directory, and gives the HTML that shows it above its caption."""
    return _embed(directory / "figures" / f"{name}.gif", content, caption, "height:160px")


def _embed(path: Path, content: bytes, caption: str, size: str) -> str:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)
    encoded, text = base64.b64encode(content).decode(), html.escape(caption, quote=True)
    return (
        f"<figure><div class='scroll'><img alt='{text}' style='{size}' "
        f"src='data:image/{path.suffix[1:]};base64,{encoded}'></div><figcaption>{text}</figcaption></figure>"
    )
