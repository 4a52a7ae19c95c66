"""The rules for black and white on levels whose shares are known."""

import numpy as np
import pytest

from data_prep import intensity
from data_prep.stored import Display, ImageError, Range, Stored, coded, depth
from dirvae.config import Config, ConfigError
from dirvae.config.fields import DataConfig


def stored(pixels: np.ndarray, **fields: object) -> Stored:
    codes, levels = coded(pixels)
    made = Stored(codes, levels, np.zeros(len(levels), bool), Range(0, 4095, 12), "TEST", "grey", 16)
    return made._replace(**fields)


LEVELS = np.arange(1000, 3000, dtype=np.uint16).reshape(40, 50)


def test_each_rule_by_hand() -> None:
    made = stored(LEVELS)
    np.testing.assert_allclose(intensity.grey(made, "declared"), LEVELS / 4095.0 * 255.0, rtol=1e-5)
    np.testing.assert_allclose(intensity.grey(made, "range"), (LEVELS - 1000.0) / 1999.0 * 255.0, rtol=1e-5, atol=1e-4)
    low, high = np.percentile(LEVELS, [0.5, 99.5], method="inverted_cdf")
    expected = np.clip((LEVELS - float(low)) / (high - low), 0.0, 1.0) * 255.0
    np.testing.assert_allclose(intensity.grey(made, "percentile"), expected, rtol=1e-5, atol=1e-4)


@pytest.mark.parametrize("rule", intensity.RULES)
def test_blanks_are_black_and_negatives_are_turned_over(rule: str) -> None:
    pixels = LEVELS.copy()
    pixels[0] = 4095
    blank = np.arange(2**16) == 4095
    plain, negative = (
        intensity.grey(stored(pixels, blank=blank, inverted=inverted), rule) for inverted in (False, True)
    )
    assert plain[0].max() == negative[0].max() == 0
    np.testing.assert_allclose(plain[1:] + negative[1:], 255.0, atol=1e-3)


@pytest.mark.parametrize("kind", [np.int16, np.int32, np.float32, np.int8, np.bool_])
def test_levels_of_all_types_are_told_apart(kind: type) -> None:
    pixels = np.asarray([[0, 1], [1, 0]] if kind is np.bool_ else [[-100, 0], [50, 100]]).astype(kind)
    codes, levels = coded(pixels)
    np.testing.assert_array_equal(levels[codes], pixels.astype(float))
    made = Stored(codes, levels, np.zeros(len(levels), bool), None, "TEST", "grey", 16, no_range="such levels")
    expected = (levels[codes] - levels[codes].min()) / np.ptp(levels[codes]) * 255.0
    np.testing.assert_allclose(intensity.grey(made, "range"), expected, rtol=1e-5)
    with pytest.raises(ImageError, match="such levels have no stated range"):
        intensity.grey(made)


def test_a_display_that_shows_nothing_is_refused_unless_there_is_nothing_to_show() -> None:
    white = Display(np.ones_like, "window", "its window")
    with pytest.raises(ImageError, match=r"its window shows the levels 1000\.\.2999 as one grey"):
        intensity.grey(stored(LEVELS, display=white))
    assert intensity.grey(stored(np.full_like(LEVELS, 7), display=white)).min() == 255


@pytest.mark.parametrize(
    ("low", "high", "bits", "signed", "expected"),
    [
        (0, 4095, 12, False, (0, 4095, 12, False)),
        (0, 300, 12, False, (0, 4095, 12, False)),
        (0, 255, 16, False, (0, 255, 8, True)),
        (0, 256, 16, False, (0, 1023, 10, True)),
        (0, 4095, 16, False, (0, 4095, 12, True)),
        (0, 16383, 16, False, (0, 16383, 14, True)),
        (0, 16384, 16, False, (0, 65535, 16, False)),
        (-2048, 2047, 12, True, (-2048, 2047, 12, False)),
        (-2048, 2047, 16, True, (-2048, 2047, 12, True)),
        (-2049, 0, 16, True, (-8192, 8191, 14, True)),
        (240, 3200, 16, True, (0, 4095, 12, True)),
    ],
)
def test_depth(low: int, high: int, bits: int, signed: bool, expected: tuple) -> None:
    assert depth(low, high, bits, signed) == expected


def test_eight_bits_that_were_widened_are_not_taken_for_fewer() -> None:
    assert depth(0, 3855, 16, exact=lambda: True) == (0, 65535, 16, False)


def test_the_configuration_offers_these_rules() -> None:
    choices = DataConfig.__dataclass_fields__["intensity"].metadata["choices"]
    assert tuple(choices) == tuple(intensity.RULES)
    assert Config().data.intensity == "declared"
    with pytest.raises(ConfigError, match="did you mean 'range'"):
        intensity.grey(stored(LEVELS), "rang")
