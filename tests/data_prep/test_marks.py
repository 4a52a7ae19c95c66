"""Boxes and masks lie on what they mark, in the square as in the stored picture."""

import numpy as np
import pytest

from data_prep import marks
from data_prep.geometry import Frame
from data_prep.reader import Box, Mask, Row

FINDINGS = ("Pneumothorax", "Mass")
HEIGHT, WIDTH, SIZE = 300, 400, 40
MARKER = (80, 120, 140, 200)  # top, left, bottom, right in stored pixels


def marker(height: int = HEIGHT, width: int = WIDTH) -> np.ndarray:
    """A grey picture with a bright marker, in pixels of any copy of the stored picture."""
    grey = np.full((height, width), 60, np.uint8)
    top, left, bottom, right = (edge * height // HEIGHT for edge in MARKER)
    grey[top:bottom, left:right] = 250
    return grey


def runs(inside: np.ndarray, by_column: bool = True) -> tuple[int, ...]:
    flat = (inside.T if by_column else inside).reshape(-1)
    edges = np.flatnonzero(np.diff(np.concatenate([[False], flat, [False]]).astype(np.int8)))
    return tuple(np.diff(np.concatenate([[0], edges])).tolist())


def row(*boxes: Box, masks: tuple[Mask, ...] = ()) -> Row:
    return Row("a.png", "p", boxes=boxes, masks=masks)


def unpacked(packed: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Finding indices and masks bool [m, SIZE, SIZE] of masks as an example holds them."""
    bits = np.unpackbits(packed[:, 1:], axis=1, count=SIZE * SIZE)
    return packed[:, 0], bits.reshape(-1, SIZE, SIZE).astype(bool)


def within(levels: np.ndarray, box: np.ndarray) -> np.ndarray:
    """Levels of the pixels that lie wholly within a box of shares."""
    top, left, bottom, right = box * SIZE
    return levels[int(np.ceil(top - 1e-4)) : int(bottom + 1e-4), int(np.ceil(left - 1e-4)) : int(right + 1e-4)]


@pytest.mark.parametrize("turn", range(1, 9))
def test_a_box_in_the_pixels_of_a_picture_that_is_not_square_holds_its_marker(turn: int) -> None:
    frame = Frame(HEIGHT, WIDTH, SIZE, turn)
    found = marks.of(row(Box("Mass", *MARKER)), FINDINGS, frame)
    levels = within(frame.square(marker()), found.boxes[0, 1:])
    assert levels.size == 6 * 8
    assert (levels == 250).all()
    assert found.boxes[0, 0] == 1


def test_the_marker_of_a_landscape_picture_lies_below_the_bar() -> None:
    found = marks.of(row(Box("Mass", *MARKER)), FINDINGS, Frame(HEIGHT, WIDTH, SIZE))
    np.testing.assert_allclose(found.boxes[0, 1:], [130 / 400, 120 / 400, 190 / 400, 200 / 400], atol=1e-6)


@pytest.mark.parametrize("frame", [(600.0, 800.0), 800.0])
def test_edges_counted_in_a_larger_copy_mean_the_same_box(frame) -> None:
    edges = [2.0 * edge for edge in MARKER]
    found = marks.of(row(Box("Mass", *edges, frame)), FINDINGS, Frame(HEIGHT, WIDTH, SIZE))
    same = marks.of(row(Box("Mass", *MARKER)), FINDINGS, Frame(HEIGHT, WIDTH, SIZE))
    np.testing.assert_allclose(found.boxes, same.boxes, atol=1e-6)


def test_a_box_over_the_border_is_cut_off_there() -> None:
    found = marks.of(row(Box("Mass", -50.0, 300.0, 30.0, 900.0)), FINDINGS, Frame(HEIGHT, WIDTH, SIZE))
    np.testing.assert_allclose(found.boxes[0, 1:], [50 / 400, 300 / 400, 80 / 400, 1.0], atol=1e-6)


def test_what_has_no_area_or_lies_outside_is_left_out_and_counted() -> None:
    empty, outside, odd = (
        Box("Mass", 9.0, 9.0, 9.0, 20.0),
        Box("Mass", 0.0, 500.0, 9.0, 600.0),
        Box("Mass", 5.0, 9.0, 1.0, 20.0),
    )
    blank = Mask("Mass", HEIGHT, WIDTH, (HEIGHT * WIDTH,))
    found = marks.of(
        row(empty, outside, odd, Box("Mass", *MARKER), masks=(blank,)), FINDINGS, Frame(HEIGHT, WIDTH, SIZE)
    )
    assert (len(found.boxes), len(found.masks), found.left_out) == (1, 0, 4)
    nan = marks.of(row(Box("Mass", float("nan"), 0.0, 9.0, 9.0)), FINDINGS, Frame(HEIGHT, WIDTH, SIZE))
    assert nan.left_out == 1
    unsized = marks.of(row(Box("Mass", 1.0, 1.0, 9.0, 9.0, (0.0, 9.0))), FINDINGS, Frame(HEIGHT, WIDTH, SIZE))
    assert unsized.left_out == 1


def test_marks_of_other_findings_are_told() -> None:
    rows = [row(Box("Hernia", *MARKER), Box("Mass", *MARKER), masks=(Mask("Edema", 2, 2, (0, 4)),))]
    assert marks.notes(rows, FINDINGS) == {
        "boxes_listed": 2,
        "masks_listed": 1,
        "marks_of_other_findings": {"Hernia": 1, "Edema": 1},
    }
    assert marks.of(rows[0], FINDINGS, Frame(HEIGHT, WIDTH, SIZE)).left_out == 0


@pytest.mark.parametrize("turn", [1, 3, 6, 7])
@pytest.mark.parametrize("factor", [1, 2])
@pytest.mark.parametrize("by_column", [True, False])
def test_a_mask_lies_on_its_marker(turn: int, factor: int, by_column: bool) -> None:
    height, width = HEIGHT * factor, WIDTH * factor
    mask = Mask("Pneumothorax", height, width, runs(marker(height, width) == 250, by_column), by_column)
    frame = Frame(HEIGHT, WIDTH, SIZE, turn)
    found = marks.of(row(masks=(mask,)), FINDINGS, frame)
    index, inside = unpacked(found.masks)
    assert index.tolist() == [0]
    np.testing.assert_array_equal(inside[0], frame.square(marker()) == 250)


def test_a_mask_without_a_box_gets_the_box_around_it_and_one_with_boxes_none() -> None:
    mask = Mask("Mass", HEIGHT, WIDTH, runs(marker() == 250))
    frame = Frame(HEIGHT, WIDTH, SIZE)
    alone = marks.of(row(masks=(mask,)), FINDINGS, frame).boxes
    np.testing.assert_allclose(alone, marks.of(row(Box("Mass", *MARKER)), FINDINGS, frame).boxes, atol=1e-6)
    boxed = marks.of(row(Box("Mass", 0.0, 0.0, 30.0, 30.0), masks=(mask,)), FINDINGS, frame)
    assert (len(boxed.boxes), len(boxed.masks)) == (1, 1)


def test_a_mask_finer_than_a_pixel_is_the_pixel_that_it_touches() -> None:
    inside = np.zeros((HEIGHT, WIDTH), bool)
    inside[100, 205] = True
    found = marks.of(row(masks=(Mask("Mass", HEIGHT, WIDTH, runs(inside)),)), FINDINGS, Frame(HEIGHT, WIDTH, SIZE))
    _, drawn = unpacked(found.masks)
    assert np.argwhere(drawn[0]).tolist() == [[15, 20]]


def test_runs_that_stop_early_leave_the_rest_outside() -> None:
    np.testing.assert_array_equal(
        marks.drawn(Mask("Mass", 3, 2, (1, 2))), [[False, False], [True, False], [True, False]]
    )
    np.testing.assert_array_equal(
        marks.drawn(Mask("Mass", 2, 3, (1, 9), by_column=False)), [[False, True, True], [True] * 3]
    )
