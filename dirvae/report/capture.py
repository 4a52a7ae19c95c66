"""The picture of a secondary capture: the X-ray, the X-ray under its map, and the facts in print, as RGB pixels.

It is drawn to be read without this project: what the colours mean, what the probability is, and that this is no medical device stand on
it. No name of a patient does.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import matplotlib
import numpy as np
from jaxtyping import Float, UInt8
from matplotlib import colormaps
from PIL import Image, ImageDraw, ImageFont

from dirvae.report.explanation_files import CAUTION, VERBS, Facts
from dirvae.report.html import pictures
from dirvae.report.html.style import SIGNED

LONGEST = 896  # pixels of a panel's longer side
MARGIN, LETTERS, BAR = 24, 22, 14  # pixels: around panels, of a line's letters, of the colour bar's height
BACKGROUND, INK, LOUD = (0, 0, 0), (235, 235, 235), (255, 210, 31)
FONTS = Path(matplotlib.get_data_path()) / "fonts" / "ttf"


class Line(NamedTuple):
    """A line of print."""

    text: str
    colour: tuple[int, int, int] = INK
    bold: bool = False


def draw(
    image: Float[np.ndarray, "height width"],
    change: Float[np.ndarray, "height width"],
    facts: Facts,
    warnings: Sequence[str] = (),
    proportions: tuple[float, float] | None = None,
) -> UInt8[np.ndarray, "H W 3"]:
    """Both panels side by side above the print; `image` is in grey levels of [0, 1], upright.

    `warnings` are sentences about the image, which are printed in another colour. `proportions` are the true height and width
    where the pixels are not square.
    """
    size = _panel_size(proportions or image.shape)
    shown = np.asarray(Image.fromarray(np.asarray(image, np.float32)).resize(size, Image.Resampling.BOX))[..., None]
    values = np.asarray(Image.fromarray(np.asarray(change, np.float32)).resize(size, Image.Resampling.NEAREST))
    panels = [np.repeat(np.clip(shown, 0, 1), 3, axis=-1), pictures.tinted(shown, values, facts.scale)]
    width = max(2 * size[0] + 3 * MARGIN, LONGEST)
    lines = _lines(facts, warnings, width)
    height = size[1] + 3 * MARGIN + BAR + LETTERS + round(1.5 * LETTERS) * len(lines)
    sheet = Image.new("RGB", (width, height), BACKGROUND)
    for position, panel in enumerate(panels):
        left = (width - 2 * size[0] - MARGIN) // 2 + position * (size[0] + MARGIN)
        sheet.paste(Image.fromarray(np.rint(panel * 255).astype(np.uint8)), (left, MARGIN))
    _print(sheet, size[1] + 2 * MARGIN, lines, facts.scale)
    return np.asarray(sheet)


def _panel_size(shape: Sequence[float]) -> tuple[int, int]:
    """Width and height of a panel, in the image's proportions."""
    share = LONGEST / max(shape)
    return max(1, round(share * shape[1])), max(1, round(share * shape[0]))


def _lines(facts: Facts, warnings: Sequence[str], width: int) -> list[Line]:
    """Lines of print, broken to the sheet's width."""
    change = f"probability {facts.before:.2f} before, {facts.after:.2f} after"
    said = [
        Line(f"{facts.finding} {VERBS[facts.sign]}: {change}", bold=True),
        Line(f"{CAUTION} Not for diagnosis.", LOUD, bold=True),
        *(Line(warning, LOUD) for warning in warnings),
        Line("Left: the image. Right: over it, what the finding adds. Red: brighter, blue: darker."),
        Line("Before: the classifier's answer to the image. After: its answer to the image with the change."),
        Line(f"Model: run {facts.run}, step {facts.step:,}."),
    ]
    room = width - 2 * MARGIN
    return [line._replace(text=part) for line in said for part in _broken(line.text, _font(line.bold), room)]


def _broken(text: str, font: ImageFont.FreeTypeFont, room: int) -> list[str]:
    """The text in lines of at most `room` pixels, unless one word is longer."""
    lines = [""]
    for word in text.split():
        longer = f"{lines[-1]} {word}".strip()
        if font.getlength(longer) <= room or not lines[-1]:
            lines[-1] = longer
        else:
            lines.append(word)
    return lines


def _print(sheet: Image.Image, top: int, lines: list[Line], scale: float) -> None:
    """The colour bar with its ends, and below it the lines."""
    pen = ImageDraw.Draw(sheet)
    length = (sheet.width - 2 * MARGIN) // 4
    colours = colormaps[SIGNED](np.linspace(0, 1, length))[None, :, :3].repeat(BAR, axis=0)
    sheet.paste(Image.fromarray(np.rint(colours * 255).astype(np.uint8)), (MARGIN, top))
    ends = f"-{scale:.2f} to +{scale:.2f} grey levels (black 0, white 1)"
    pen.text((2 * MARGIN + length, top - LETTERS // 4), ends, INK, _font())
    for row, line in enumerate(lines):
        place = (MARGIN, top + BAR + MARGIN // 2 + round(1.5 * LETTERS) * row)
        pen.text(place, line.text, line.colour, _font(line.bold))


def _font(bold: bool = False) -> ImageFont.FreeTypeFont:
    return ImageFont.truetype(str(FONTS / f"DejaVuSans{'-Bold' if bold else ''}.ttf"), LETTERS)
