"""Parts of the reports on their own: curves, maps, animations, numbers as text."""

from io import BytesIO

import matplotlib
import numpy as np
import pytest
from PIL import Image

from dirvae.report.html import figures, pictures, tables


def test_maps_are_enlarged_only_as_far_as_the_scale_goes():
    rng = np.random.default_rng(0)
    change = rng.normal(size=(16, 16)) * 0.01
    scale = 0.2
    gain = pictures.gain_of(change, scale)
    assert gain == max(g for g in (1, 2, 5, 10, 20) if g * np.percentile(np.abs(change), 99.5) <= scale)
    assert pictures.gain_of(100 * change, scale) == 1


def test_a_map_tints_an_image_as_far_as_it_is_large():
    """Blue at -scale, red at scale, the image itself at 0; beyond the scale the last colour stays."""
    image, values = np.full((1, 5, 1), 0.25), np.array([[-2.0, -0.5, 0.0, 0.5, 2.0]])
    shown = pictures.tinted(image, values, 0.5)[0]
    ends = matplotlib.colormaps["RdBu_r"]([0.0, 1.0])[:, :3]
    np.testing.assert_allclose(shown[[0, 1, 3, 4]], ends[[0, 0, 1, 1]])
    np.testing.assert_allclose(shown[2], 0.25)
    faint = pictures.tinted(image, np.full((1, 5), 0.05), 0.5)[0, 0]
    assert np.all(np.abs(faint - 0.25) <= 0.1**0.75 + 1e-9)
    amber = pictures.tinted(image, values, 0.5, signed=False)[0]
    np.testing.assert_allclose(amber[0], amber[4])
    assert amber[0, 0] > amber[0, 2]


def test_maps_in_any_unit_have_a_scale_of_their_own():
    values = np.random.default_rng(0).normal(size=(16, 16))
    assert pictures.own_scale(1e-6 * values) == pytest.approx(1e-6 * pictures.own_scale(values))
    assert pictures.own_scale(np.zeros((4, 4))) == 1.0
    assert pictures.scale_of(1e-6 * values) == 0.01


def test_an_animation_goes_there_and_back():
    path = np.linspace(0.2, 0.8, 9, dtype=np.float32)[:, None, None, None] * np.ones((9, 12, 12, 1), np.float32)
    moving = Image.open(BytesIO(pictures.animate(path, path[0], "remove", side=12, most=5)))
    assert (moving.n_frames, moving.size) == (8, (24, 12))
    brightness = []
    for frame in range(moving.n_frames):
        moving.seek(frame)
        brightness.append(np.asarray(moving.convert("L"))[:, :12].mean())
    assert np.argmax(brightness) == 4
    np.testing.assert_allclose(brightness[1:4], brightness[:4:-1], atol=2)


@pytest.mark.parametrize(
    ("value", "bounds", "shown"),
    [(0.5, [0.25, 0.75], "+0.500 [0.250, 0.750]"), (-0.5, None, "−0.500"), (0.1, [None, None], "+0.100 [–]"), (None, None, "–")],
)  # fmt: skip
def test_differences_are_shown_with_sign_and_interval(value, bounds, shown):
    assert tables.signed(value, bounds) == shown


def test_a_curve_without_any_row_is_drawn_empty():
    drawn = figures.curves([])
    assert sum(axis.has_data() for axis in drawn.axes) == 0
