"""A contact sheet: small pictures of a data set with their names, views and positive findings, on one PNG."""

from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import matplotlib
import numpy as np
from PIL import Image, ImageDraw, ImageFont

from data_prep import images, sample
from data_prep.files import Folder
from data_prep.plan import Entry
from data_prep.sample import Look
from data_prep.schema import UNKNOWN_AGE
from dirvae.labels import POSITIVE, UNCERTAIN

COLUMNS, TILE, GAP = 8, 168, 10  # pictures in a row, pixels of a picture's side, pixels between two
LETTERS, STEP, LINES = 12, 15, 5  # pixels of letters and between lines, lines under a picture
TITLE = 34  # pixels
MOST, ODD = 40, 8  # pictures of a sheet, and how many of those with a verdict come first
BACKGROUND, INK, QUIET, LOUD = (17, 20, 24), (235, 235, 235), (150, 160, 170), (255, 178, 24)
FONT = ImageFont.truetype(str(Path(matplotlib.get_data_path()) / "fonts" / "ttf" / "DejaVuSans.ttf"), LETTERS)


class Line(NamedTuple):
    """A line of print under a picture."""

    text: str
    colour: tuple[int, int, int] = INK


def chosen(seen: Sequence[Look]) -> list[Look]:
    """The pictures of a sample that a sheet shows: some odd ones first, then others at equal distances."""
    odd = [look for look in seen if look.odd][:ODD]
    rest = [look for look in seen if look not in odd]
    count = min(MOST - len(odd), len(rest))
    return odd + [rest[place * len(rest) // count] for place in range(count)]


def draw(seen: Sequence[Look], folder: Folder, intensity: str, title: str) -> Image.Image:
    """The sheet of the looks, in their order; pictures are read again, at the size that is shown."""
    rows = -(-len(seen) // COLUMNS)
    height = TILE + STEP * LINES + GAP
    sheet = Image.new("RGB", (COLUMNS * (TILE + GAP) + GAP, TITLE + rows * height), BACKGROUND)
    pen = ImageDraw.Draw(sheet)
    pen.text((GAP, GAP), short(title, sheet.width - 2 * GAP), INK, FONT)
    for place, look in enumerate(seen):
        left, top = GAP + place % COLUMNS * (TILE + GAP), TITLE + place // COLUMNS * height
        _paste(sheet, look, folder, intensity, (left, top))
        for number, line in enumerate(lines(look)[:LINES]):
            pen.text((left, top + TILE + 2 + number * STEP), line.text, line.colour, FONT)
    return sheet


def _paste(sheet: Image.Image, look: Look, folder: Folder, intensity: str, place: tuple[int, int]) -> None:
    """The picture, or an empty frame for one that cannot be read."""
    try:
        pixels = sample.picture(look.entry, folder, TILE, intensity).image[..., 0]
    except images.ImageError:
        pixels = np.zeros((TILE, TILE), np.uint8)
    sheet.paste(Image.fromarray(pixels).convert("RGB"), place)
    ImageDraw.Draw(sheet).rectangle((*place, place[0] + TILE - 1, place[1] + TILE - 1), outline=(70, 76, 84))


def lines(look: Look) -> list[Line]:
    """Name, what is odd, view with sex and age, and findings, in lines of a picture's width."""
    entry = look.entry
    said = [Line(part) for part in name_lines(entry.row.path)]
    if look.odd:
        said.append(Line(short(look.reason or ", ".join(look.verdicts), TILE), LOUD))
    said.append(Line(short(_person(entry), TILE), QUIET))
    room = LINES - len(said)
    return said + [Line(text) for text in broken(_findings(entry), TILE, room)]


def name_lines(path: str) -> list[str]:
    """A path in one line or, where it is longer, its last folders above the file's name."""
    if FONT.getlength(path) <= TILE:
        return [path]
    folders, _, name = path.rpartition("/")
    parts = folders.split("/") if folders else []
    while len(parts) > 1 and FONT.getlength("/".join(parts) + "/") > TILE:
        parts = parts[1:]
    return [short(text, TILE) for text in (*(["/".join(parts) + "/"] if parts else []), name)]


def _person(entry: Entry) -> str:
    age = "" if entry.row.age == UNKNOWN_AGE else f", {entry.row.age}"
    sex = "" if entry.row.sex == "Unknown" else f", {entry.row.sex}"
    return f"{entry.row.view}{sex}{age}"


def _findings(entry: Entry) -> str:
    """Positive findings, and uncertain ones with a question mark."""
    labels = entry.row.labels
    named = [name for name, state in labels.items() if state == POSITIVE]
    named += [f"{name}?" for name, state in labels.items() if state == UNCERTAIN]
    return ", ".join(named) or ("none positive" if labels else "not labelled")


def short(text: str, room: float) -> str:
    """The text in `room` pixels, without its middle where it is too long."""
    if FONT.getlength(text) <= room:
        return text
    kept = len(text)
    while kept > 2 and FONT.getlength(text[: kept // 2] + "…" + text[-(kept - kept // 2) :]) > room:
        kept -= 1
    return text[: kept // 2] + "…" + text[-(kept - kept // 2) :]


def broken(text: str, room: float, count: int) -> list[str]:
    """The text in at most `count` lines of `room` pixels, the last of which ends in … where something is left out."""
    rows = [""]
    for word in text.split():
        longer = f"{rows[-1]} {word}".strip()
        if FONT.getlength(longer) <= room or not rows[-1]:
            rows[-1] = longer
        elif len(rows) == count:
            while FONT.getlength(f"{rows[-1]} …") > room and " " in rows[-1]:
                rows[-1] = rows[-1].rpartition(" ")[0]
            rows[-1] += " …"
            break
        else:
            rows.append(word)
    return [short(row, room) for row in rows]
