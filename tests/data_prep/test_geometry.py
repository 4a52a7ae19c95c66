"""Exact averages, turns, proportions, and boxes and masks that stay on what they mark."""

import tracemalloc

import numpy as np
import pytest
from PIL import Image, ImageOps
from support.pictures import chest

from data_prep import geometry
from data_prep.geometry import TURNS, Frame


@pytest.mark.parametrize(("shape", "size"), [((12, 12), 5), ((12, 12), 4), ((9, 12), 5), ((12, 7), 11), ((1, 12), 3)])
def test_square_is_the_exact_area_average_of_the_padded_image(shape: tuple[int, int], size: int) -> None:
    grey = np.random.default_rng(1).integers(0, 256, shape).astype(np.uint8)
    side = max(shape)
    padded = np.zeros((side, side))
    top, left = (side - shape[0]) // 2, (side - shape[1]) // 2
    padded[top : top + shape[0], left : left + shape[1]] = grey
    fine = np.kron(padded, np.ones((size, size)))  # on this grid, cells of both sizes are whole
    expected = fine.reshape(size, side, size, side).mean(axis=(1, 3))
    np.testing.assert_allclose(geometry.square(grey, size), expected, rtol=0, atol=0.5 + 1e-9)


def test_small_images_grow_without_leaving_their_range() -> None:
    pixels = np.random.default_rng(0).integers(0, 256, (12, 12), dtype=np.uint8)
    grown = geometry.square(pixels, 48)
    assert grown.shape == (48, 48)
    assert grown.min() >= pixels.min()
    assert grown.max() <= pixels.max()
    assert abs(float(grown.mean()) - float(pixels.mean())) < 2.0


@pytest.mark.parametrize("shape", [(1, 1_000_000), (1_000_000, 1)])
def test_a_thin_image_takes_no_more_memory_than_a_square_one(shape: tuple[int, int]) -> None:
    thin = np.zeros(shape, np.uint8)
    tracemalloc.start()
    geometry.square(thin, 64)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 100 * thin.size


def test_levels_of_all_types_have_one_average() -> None:
    grey = chest(50, 41)
    for kind in (np.float32, np.uint16, np.float64):
        np.testing.assert_array_equal(geometry.square(grey.astype(kind), 16), geometry.square(grey, 16))


@pytest.mark.parametrize("turn", TURNS)
def test_turns_are_those_of_exif(turn: int) -> None:
    grey = chest(5, 7)
    exif = Image.Exif()
    exif[274] = turn
    picture = Image.fromarray(grey)
    picture.getexif()[274] = turn
    np.testing.assert_array_equal(TURNS[turn].apply(grey), np.asarray(ImageOps.exif_transpose(picture)))
    np.testing.assert_array_equal(TURNS[turn].undo(TURNS[turn].apply(grey)), grey)


@pytest.mark.parametrize("turn", TURNS)
@pytest.mark.parametrize("aspect", [1.0, 2.0, 0.5])
def test_boxes_and_masks_stay_on_what_they_mark(turn: int, aspect: float) -> None:
    """A bright block of a dark image is found where the box and the mask of the block say, whatever was done to the image."""
    stored = np.zeros((60, 88), np.uint8)
    top, left, bottom, right = 12, 40, 28, 64
    stored[top:bottom, left:right] = 255
    frame = Frame(*stored.shape, 176, turn, aspect)
    image = frame.square(stored)
    rows, columns = np.flatnonzero((image > 127).any(axis=1)), np.flatnonzero((image > 127).any(axis=0))
    seen = np.asarray([rows[0], columns[0], rows[-1] + 1, columns[-1] + 1]) / 176
    np.testing.assert_allclose(frame.box(top, left, bottom, right), seen, atol=1.1 / 176)
    shares = top / 60, left / 88, bottom / 60, right / 88
    np.testing.assert_allclose(frame.box_of_shares(*shares), frame.box(top, left, bottom, right), atol=1e-12)
    np.testing.assert_array_equal(frame.mask(stored > 0), image > 127)


def test_a_box_of_a_wide_image_moves_with_the_bars() -> None:
    """300 x 400 stored pixels lie between bars of 50 rows."""
    np.testing.assert_allclose(Frame(300, 400, 64).box(30, 100, 90, 200), [80 / 400, 0.25, 140 / 400, 0.5])
    np.testing.assert_allclose(Frame(300, 400, 64).box(-5, 0, 900, 500), [50 / 400, 0.0, 350 / 400, 1.0])


def test_thin_masks_do_not_vanish_and_empty_ones_stay_empty() -> None:
    thin = np.zeros((512, 512), bool)
    thin[100, 20:400] = True
    mask = Frame(512, 512, 32).mask(thin)
    assert mask.dtype == np.uint8
    assert set(np.flatnonzero(mask.any(axis=1))) == {100 // 16}
    assert mask.sum() >= 23
    assert Frame(512, 512, 32).mask(np.zeros((512, 512))).sum() == 0
    with pytest.raises(ValueError, match="5 x 4 pixels does not fit an image of 512 x 512"):
        Frame(512, 512, 32).mask(np.zeros((5, 4)))


@pytest.mark.parametrize(
    ("sides", "aspect"),
    [
        ((2, 1), 2.0),
        ((0.1, 0.2), 0.5),
        ((0.139, 0.1391), 1.0),
        ((1, 0), 1.0),
        ((np.nan, 1), 1.0),
        ((50, 1), 1.0),
        ((-1, -2), 1.0),
    ],
)
def test_pixels_that_make_no_sense_are_square(sides: tuple[float, float], aspect: float) -> None:
    assert geometry.usable_aspect(*sides) == pytest.approx(aspect)


SHAPES = [(1, 40, 1.0), (40, 60, 1.0), (61, 40, 1.0), (17, 9, 1.0), (40, 40, 2.0), (30, 50, 0.5)]
"""Stored height and width, and the height of a pixel divided by its width."""


@pytest.mark.parametrize("turn", TURNS)
@pytest.mark.parametrize(("height", "width", "aspect"), SHAPES)
def test_a_map_brought_back_has_the_mean_over_each_pixel(turn, height, width, aspect):
    """Against a sum over points, dense and even within each stored pixel, whose places in the square come from `Frame.box`."""
    frame = Frame(height, width, 16, turn, aspect)
    values = np.random.default_rng(0).normal(size=(16, 16))
    brought = frame.unsquare(values)
    assert brought.shape == (height, width)
    assert brought.dtype == np.float32
    for row, column in {(0, 0), (height - 1, 0), (height // 2, width // 3), (height - 1, width - 1)}:
        top, left, bottom, right = frame.box(row, column, row + 1, column + 1)
        points = (np.arange(200) + 0.5) / 200
        rows, columns = ((low + points * (high - low)) * 16 for low, high in ((top, bottom), (left, right)))
        expected = values[rows.astype(int)[:, None], columns.astype(int)].mean()
        np.testing.assert_allclose(brought[row, column], expected, atol=0.02)


@pytest.mark.parametrize("turn", TURNS)
def test_a_bright_spot_comes_back_to_its_stored_pixel(turn):
    frame = Frame(48, 80, 40, turn)
    stored = np.zeros((48, 80), np.uint8)
    stored[12:14, 66:68] = 255
    brought = frame.unsquare(frame.square(stored).astype(float))
    np.testing.assert_allclose(brought, stored, atol=1e-3)


@pytest.mark.parametrize("turn", TURNS)
def test_squares_of_maps_that_come_back_are_the_maps(turn):
    """Where every stored pixel lies in one cell of the square, no value is lost but those of the bars."""
    frame = Frame(64, 96, 24, turn)
    values = np.random.default_rng(1).integers(0, 256, (24, 24)).astype(float)
    again = frame.square(frame.unsquare(values))
    inside = frame.mask(np.ones((64, 96), bool)) == 1
    np.testing.assert_array_equal(again[inside], values[inside])
    assert inside.mean() == pytest.approx(64 / 96)


def test_maps_of_another_size_are_refused():
    with pytest.raises(ValueError, match="does not fit a square of 16 x 16 pixels"):
        Frame(40, 60, 16).unsquare(np.zeros((60, 40)))
