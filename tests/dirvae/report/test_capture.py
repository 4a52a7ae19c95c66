"""The picture of a secondary capture: both panels, a map at its place, and print that stays on the sheet."""

import numpy as np
import pytest

from dirvae.report import capture
from dirvae.report.explanation_files import Facts

FACTS = Facts("Pleural Effusion", 1.0, 0.05, 0.93, "run", 40, 0.2)


def panels(sheet, proportions):
    """The two panels [height, width, 3] of a sheet."""
    share = capture.LONGEST / max(proportions)
    height, width = (round(share * extent) for extent in proportions)
    left = (sheet.shape[1] - 2 * width - capture.MARGIN) // 2
    rows = slice(capture.MARGIN, capture.MARGIN + height)
    return [sheet[rows, start : start + width].astype(int) for start in (left, left + width + capture.MARGIN)]


@pytest.mark.parametrize("shape", [(40, 30), (30, 40), (32, 32)])
def test_without_a_change_both_panels_show_the_image(shape):
    image = np.random.default_rng(0).random(shape).astype(np.float32)
    first, second = panels(capture.draw(image, np.zeros(shape), FACTS), shape)
    np.testing.assert_array_equal(first, second)
    rows, columns = ((np.arange(n) + 0.5) * side / n for n, side in zip(first.shape, shape, strict=False))
    expected = np.rint(255 * image[rows.astype(int)[:, None], columns.astype(int)])
    inner = np.abs(first[..., 0] - expected) <= 1  # the filter blends pixels only where two of them meet
    assert inner.mean() > 0.85


@pytest.mark.parametrize(("sign", "strong", "weak"), [(1.0, 0, 2), (-1.0, 2, 0)])
def test_a_spot_of_the_map_is_coloured_where_it_lies(sign, strong, weak):
    change = np.zeros((40, 30))
    change[8, 21] = sign
    first, second = panels(capture.draw(np.full((40, 30), 0.5), change, FACTS), (40, 30))
    coloured = np.argwhere(np.abs(second - first).sum(axis=-1) > 60)
    centre = coloured.mean(axis=0) / first.shape[:2]
    np.testing.assert_allclose(centre, [8.5 / 40, 21.5 / 30], atol=2e-3)
    assert (second - first)[tuple(coloured.T)][:, strong].mean() > (second - first)[tuple(coloured.T)][:, weak].mean()


def test_the_true_proportions_are_drawn():
    sheet = capture.draw(np.ones((40, 40)), np.zeros((40, 40)), FACTS, proportions=(80, 40))
    first, _ = panels(sheet, (80, 40))
    assert first.shape[:2] == (896, 448)
    assert first.min() == 255


def test_print_says_that_the_probability_is_of_the_picture(monkeypatch):
    drawn = []
    monkeypatch.setattr(capture, "_print", lambda sheet, top, lines, scale: drawn.extend(line.text for line in lines))
    capture.draw(np.zeros((40, 40)), np.zeros((40, 40)), FACTS)
    printed = " ".join(drawn)
    assert "probability 0.05 before, 0.93 after" in printed
    assert "After: its answer to the image with the change." in printed
    assert "latent" not in printed


def test_print_stays_on_the_sheet_and_warnings_are_loud():
    blank = np.zeros((40, 10))
    long = "this image is darker than any that the run was trained on, which a wrong window does, and " * 3
    plain = capture.draw(blank, blank, FACTS)
    warned = capture.draw(blank, blank, FACTS, [long])
    for sheet in (plain, warned):
        assert sheet.dtype == np.uint8
        edge = capture.MARGIN - 2  # letters reach over their line by a pixel
        assert sheet[:, :edge].max() == sheet[:, -edge:].max() == 0
        assert sheet[-4:].max() == 0
        assert sheet[capture.LONGEST + capture.MARGIN :].max() > 200
    loud = [np.all(sheet == capture.LOUD, axis=-1).sum() for sheet in (plain, warned)]
    assert 0 < loud[0] < loud[1] / 2
