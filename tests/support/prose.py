"""Reads Markdown as prose: sentences, links, anchors, abbreviations, and the commands that a page tells its reader to run."""

import re
from pathlib import Path
from typing import NamedTuple

FENCE = re.compile(r"^```.*?^```", re.MULTILINE | re.DOTALL)
INLINE_CODE = re.compile(r"`[^`]*`")
LINK = re.compile(r"!?\[([^\]]*)\]\(([^)\s]+)\)")
ANCHOR = re.compile(r'<a id="([^"]+)"></a>')
COMMENT_OR_TAG = re.compile(r"<!--.*?-->|</?[a-zA-Z][^>]*>", re.DOTALL)
SENTENCE_END = re.compile(r"(?<=[.!?])[\"')\]*_]*\s+(?=[\"'(\[*_]*[A-Z0-9])|(?<=[.!?][\"')*_])\s+(?=[\"'(\[*_]*[A-Z])")
NOT_AN_END = re.compile(r"\b(et al|e\.g|i\.e|vs|cf|Fig|Sec|approx)\.$")
CAPITALS = re.compile(r"\b[A-Za-z]*[A-Z]{2,}[A-Za-z]*\b")
COMMAND = re.compile(r"python -m ([\w.]+)((?:[^`\n\\#]|\\\n)*)")


class Command(NamedTuple):
    """A `python -m MODULE --flag=value ...` of a page: the module and the names of its flags, without values."""

    module: str
    flags: tuple[str, ...]


def without_code(text: str) -> str:
    """The page with fenced blocks removed and each inline code replaced by one word."""
    return INLINE_CODE.sub("code", FENCE.sub("\n\n", text))


def blocks(text: str) -> list[str]:
    """Paragraphs, headings, list items and table cells, each one as a line of plain words, without code, tags and link targets."""
    plain = COMMENT_OR_TAG.sub("", LINK.sub(r"\1", without_code(text)))
    starts = re.compile(r"^\s*(?:[-*+] |\d+\. |#+ |> |\|)", re.MULTILINE)
    pieces: list[str] = []
    for paragraph in re.split(r"\n\s*\n", plain):
        for line in paragraph.splitlines():
            if starts.match(line) or not pieces or pieces[-1] == "":
                pieces.append(line.strip())
            else:
                pieces[-1] += " " + line.strip()
        pieces.append("")
    cells = [cell for piece in pieces for cell in (piece.split("|") if piece.startswith("|") else [piece])]
    stripped = [re.sub(r"^(?:[-*+] |\d+\. |#+ |> )", "", cell.strip()) for cell in cells]
    return [cell for cell in stripped if cell]


def sentences(text: str) -> list[str]:
    """Every sentence of the page; a colon ends none."""
    result: list[str] = []
    for block in blocks(text):
        open_piece = ""
        for piece in SENTENCE_END.split(block):
            open_piece = f"{open_piece} {piece or ''}".strip()
            if not NOT_AN_END.search(open_piece):
                result.append(open_piece)
                open_piece = ""
        if open_piece:
            result.append(open_piece)
    return result


def words(sentence: str) -> int:
    """How many words a sentence has; a number counts as one, an operator or dash as none."""
    return sum(bool(re.search(r"\w", token)) for token in sentence.split())


def links(text: str) -> list[str]:
    """Targets of the page's links and pictures, outside code."""
    return [target for _, target in LINK.findall(without_code(text))]


def anchors(text: str) -> set[str]:
    """What `#...` may point at: explicit anchors, and headings by GitHub's rule (lower case, no punctuation, dashes for spaces)."""
    headings = re.findall(r"^#+ (.+)$", FENCE.sub("", text), re.MULTILINE)
    plain = [LINK.sub(r"\1", COMMENT_OR_TAG.sub("", heading)).replace("`", "") for heading in headings]
    return set(ANCHOR.findall(text)) | {
        re.sub(r"[^\w\- ]", "", name.lower()).strip().replace(" ", "-") for name in plain
    }


def broken_links(page: Path) -> list[str]:
    """Relative targets of the page that do not exist, as a file or as an anchor within one."""
    broken = []
    for target in links(page.read_text()):
        if re.match(r"[a-z]+:", target):
            continue
        name, _, anchor = target.partition("#")
        place = page if not name else page.parent / name
        if not place.exists() or (anchor and anchor not in anchors(place.read_text())):
            broken.append(target)
    return broken


def unlinked_abbreviations(text: str, terms: set[str], exempt: set[str]) -> list[str]:
    """Abbreviations in capitals that are no term of the glossary, or whose first use is no link to it."""
    plain = without_code(text)
    linked = [(m.start(), m.end(), m[2]) for m in LINK.finditer(plain)]
    wrong, seen = [], set()
    for match in CAPITALS.finditer(plain):
        name = match[0].removesuffix("s")
        covering = [target for start, end, target in linked if start <= match.start() < end]
        if name in exempt or name in seen or any(name in target for target in covering):
            continue
        seen.add(name)
        if name not in terms:
            wrong.append(f"{name} is not in the glossary")
        elif not any("glossary.md#" in target for target in covering):
            wrong.append(f"{name} is not linked at its first use")
    return wrong


def commands(text: str) -> list[Command]:
    """Every command of the page, in code blocks and inline."""
    result = []
    for module, rest in COMMAND.findall(text):
        rest = re.split(r"&&|\||;", rest)[0]
        result.append(Command(module, tuple(re.findall(r"(?<!\S)(--[\w.]+)", rest))))
    return result
