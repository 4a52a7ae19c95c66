"""Which levels of a DICOM file are black and white: stored bits, windows and tables, polarity, padding."""

from pathlib import Path

import numpy as np
import pytest
from support.pictures import EXPLICIT, FULL_12, IMPLICIT, chest, dicom, lookup

from data_prep import images

PICTURE = chest()
LEVELS = PICTURE.astype(np.uint16) * 16  # of 12 bit
SIGNED = (LEVELS.astype(int) - 2048).astype(np.int16)
CENTRED = {"PixelRepresentation": 1, "WindowCenter": 0, "WindowWidth": 4096}
RAMP = np.linspace(100, 3000, 144).astype(np.uint16).reshape(12, 12)


def read(path: Path, size: int = 96, intensity: str = "declared") -> np.ndarray:
    return images.picture(path, size, intensity).image[..., 0]


def assert_shows(path: Path, expected: np.ndarray = PICTURE, off: float = 1.0) -> None:
    np.testing.assert_allclose(read(path, max(expected.shape)).astype(float), expected, atol=off)


# Which levels are white


def test_without_a_window_white_is_the_largest_level_of_the_stored_bits(tmp_path: Path) -> None:
    for bits in (8, 10, 12, 14):
        levels = (RAMP >> 4).astype(np.uint8) if bits == 8 else RAMP >> max(0, 12 - bits)
        path = dicom(tmp_path / "no_suffix", levels, bits=bits)
        np.testing.assert_allclose(read(path, 12), levels * (255.0 / (2**bits - 1)), atol=0.51)


@pytest.mark.parametrize(
    "empty", [{"WindowCenter": "", "WindowWidth": ""}, {"WindowCenter": 100.0}, {"VOILUTSequence": []}]
)
def test_an_empty_or_half_a_window_is_none(tmp_path: Path, empty: dict) -> None:
    assert_shows(dicom(tmp_path / "a.dcm", LEVELS, **empty))


def test_bits_above_those_stored_do_not_count(tmp_path: Path) -> None:
    overlaid = LEVELS.copy()
    overlaid[40:50, 40:50] |= 1 << 12
    assert_shows(dicom(tmp_path / "a.dcm", overlaid))


def test_signed_levels_have_black_at_their_lowest(tmp_path: Path) -> None:
    assert_shows(dicom(tmp_path / "a.dcm", SIGNED, PixelRepresentation=1))
    assert_shows(dicom(tmp_path / "b.dcm", SIGNED, PixelRepresentation=1, bits=16))


def test_dead_pixels_do_not_change_the_rest(tmp_path: Path) -> None:
    soft = chest(low=60, high=120).astype(np.uint16) * 16
    dead = soft.copy()
    dead[0, 0], dead[0, 1] = 0, 4095
    for rule in ("declared", "percentile"):
        plain, damaged = (
            read(dicom(tmp_path / "a.dcm", soft), intensity=rule),
            read(dicom(tmp_path / "b.dcm", dead), intensity=rule),
        )
        np.testing.assert_allclose(damaged[2:].astype(float), plain[2:], atol=1)
    assert np.ptp(read(tmp_path / "b.dcm", intensity="percentile")[2:]) > 250


def test_float_pixels_need_a_window_or_their_own_range(tmp_path: Path) -> None:
    real = (PICTURE / 1000.0).astype(np.float32)
    bare = dict(BitsStored=None, HighBit=None, PixelRepresentation=None)
    path = dicom(tmp_path / "a.dcm", real, FloatPixelData=real.tobytes(), **bare)
    with pytest.raises(images.ImageError, match=r"no stated range; --intensity=range \(data.intensity\)"):
        read(path)
    window = {"WindowCenter": 0.1275, "WindowWidth": 0.255, "VOILUTFunction": "LINEAR_EXACT"}
    assert_shows(dicom(path, real, FloatPixelData=real.tobytes(), **bare, **window))
    path = dicom(path, real, FloatPixelData=real.tobytes(), **bare)
    np.testing.assert_allclose(read(path, intensity="range"), (PICTURE - 15.0) / 185.0 * 255.0, atol=1)


# Windows and tables


@pytest.mark.parametrize("function", ["LINEAR_EXACT", "SIGMOID"])
def test_window_sets_the_range(tmp_path: Path, function: str) -> None:
    path = dicom(tmp_path / "a.dcm", RAMP, WindowCenter=1500, WindowWidth=1000, VOILUTFunction=function)
    offset = (RAMP - 1500.0) / 1000.0
    share = np.clip(offset + 0.5, 0, 1) if function == "LINEAR_EXACT" else 1 / (1 + np.exp(-4 * offset))
    np.testing.assert_allclose(read(path, 12), share * 255.0, atol=0.51)


def test_default_window_is_that_of_the_standard(tmp_path: Path) -> None:
    """PS3.3 C.11.2.1.2: c = 2048, w = 4096 maps 0..4095 to the whole output range."""
    levels = np.linspace(0, 4095, 144).astype(np.uint16).reshape(12, 12)
    path = dicom(tmp_path / "a.dcm", levels, WindowCenter=[2048, 40], WindowWidth=[4096, 400])
    np.testing.assert_allclose(read(path, 12), levels / 4095.0 * 255.0, atol=0.51)


def test_a_falling_rescale_does_not_turn_the_window_over(tmp_path: Path) -> None:
    window = {"WindowCenter": -1500, "WindowWidth": 1000, "VOILUTFunction": "LINEAR_EXACT"}
    path = dicom(tmp_path / "a.dcm", RAMP, RescaleSlope=-1, RescaleIntercept=0, **window)
    share = np.clip((1500.0 - RAMP) / 1000.0 + 0.5, 0, 1)
    np.testing.assert_allclose(read(path, 12), share * 255.0, atol=0.51)


def test_a_window_that_means_nothing_does_not_matter_to_the_other_rules(tmp_path: Path) -> None:
    path = dicom(tmp_path / "a.dcm", LEVELS, WindowCenter=1500, WindowWidth=0)
    np.testing.assert_allclose(read(path, intensity="range"), (PICTURE - 15.0) / 185.0 * 255.0, atol=1)


@pytest.mark.parametrize(
    ("window", "reason"),
    [
        ({"WindowCenter": 1500, "WindowWidth": 0}, "window of width 0"),
        ({"WindowCenter": 1500, "WindowWidth": 9, "VOILUTFunction": "CUBIC"}, "CUBIC is not one of LINEAR"),
    ],
)
def test_windows_that_mean_nothing(tmp_path: Path, window: dict, reason: str) -> None:
    with pytest.raises(images.ImageError, match=reason):
        read(dicom(tmp_path / "a.dcm", RAMP, **window), 12)


def test_rescale_comes_before_the_window(tmp_path: Path) -> None:
    window = {"WindowCenter": 2000, "WindowWidth": 2000, "VOILUTFunction": "LINEAR_EXACT"}
    path = dicom(tmp_path / "a.dcm", RAMP, RescaleSlope=2, RescaleIntercept=-100, **window)
    share = np.clip((2.0 * RAMP - 100.0 - 2000.0) / 2000.0 + 0.5, 0, 1)
    np.testing.assert_allclose(read(path, 12), share * 255.0, atol=0.51)


CURVE = np.round(65535 * (np.arange(2048) / 2047) ** 2).astype(np.uint16)  # of the levels 500 to 2547


@pytest.mark.parametrize("vr", ["OW", "US"])
@pytest.mark.parametrize("bits", [16, 8])
def test_lookup_table(tmp_path: Path, vr: str, bits: int) -> None:
    entries = CURVE >> (16 - bits)
    window = {"WindowCenter": 1500, "WindowWidth": 10}  # which a LUT comes before
    path = dicom(tmp_path / "a.dcm", RAMP, VOILUTSequence=[lookup(500, entries, bits=bits, data_vr=vr)], **window)
    expected = entries[np.clip(RAMP.astype(int) - 500, 0, 2047)] * (255.0 / entries.max())
    np.testing.assert_allclose(read(path, 12), expected, atol=0.51)


def test_lookup_table_of_bytes_two_a_word(tmp_path: Path) -> None:
    table = lookup(500, CURVE, bits=8)
    table.LUTData = (CURVE >> 8).astype(np.uint8).tobytes()
    path = dicom(tmp_path / "a.dcm", RAMP, VOILUTSequence=[table])
    np.testing.assert_allclose(read(path, 12), (CURVE >> 8)[np.clip(RAMP.astype(int) - 500, 0, 2047)], atol=0.51)


def test_monochrome1_is_inverted(tmp_path: Path) -> None:
    window = {"WindowCenter": 1500, "WindowWidth": 1000}
    plain = read(dicom(tmp_path / "a.dcm", RAMP, **window), 12)
    inverse = read(dicom(tmp_path / "b.dcm", RAMP, PhotometricInterpretation="MONOCHROME1", **window), 12)
    np.testing.assert_allclose(plain.astype(int) + inverse, 255, atol=1)
    assert plain.min() == 0
    assert plain.max() == 255


def test_colour_and_frames(tmp_path: Path) -> None:
    colour = np.asarray([[[255, 0, 0], [0, 255, 0]], [[0, 0, 255], [255, 255, 255]]], np.uint8)
    bits = {"BitsAllocated": 8, "BitsStored": 8, "HighBit": 7, "PlanarConfiguration": 0}
    path = dicom(tmp_path / "c.dcm", colour, PhotometricInterpretation="RGB", SamplesPerPixel=3, **bits)
    np.testing.assert_array_equal(read(path, 2), [[76, 150], [29, 255]])
    frames = dicom(tmp_path / "f.dcm", np.zeros((4, 4), np.uint16), NumberOfFrames=2, Rows=2)
    with pytest.raises(images.ImageError, match="2 frames"):
        read(frames, 2)


@pytest.mark.parametrize("vr", ["SS", "US"])
@pytest.mark.parametrize("syntax", [EXPLICIT, IMPLICIT])
def test_a_table_may_begin_below_zero_and_say_so_in_the_wrong_type(tmp_path: Path, vr: str, syntax: str) -> None:
    item = lookup(-2048 if vr == "SS" else 63488, np.arange(4096) * 16, vr)
    assert_shows(dicom(tmp_path / "a.dcm", SIGNED, syntax, PixelRepresentation=1, VOILUTSequence=[item]))


@pytest.mark.parametrize("syntax", [EXPLICIT, IMPLICIT])
def test_a_table_may_begin_above_the_signed_numbers(tmp_path: Path, syntax: str) -> None:
    high = (LEVELS.astype(int) + 40000).astype(np.uint16)
    path = dicom(tmp_path / "a.dcm", high, syntax, bits=16, VOILUTSequence=[lookup(40000, np.arange(4096) * 16)])
    assert_shows(path)


def test_a_table_narrower_than_it_says_has_its_own_white(tmp_path: Path) -> None:
    assert_shows(dicom(tmp_path / "a.dcm", LEVELS, VOILUTSequence=[lookup(0, np.arange(4096))]))


def test_a_modality_table_comes_first(tmp_path: Path) -> None:
    item = lookup(0, np.arange(4096)[::-1])
    item.ModalityLUTType = "US"
    assert_shows(dicom(tmp_path / "a.dcm", 4095 - LEVELS, ModalityLUTSequence=[item]))
    assert_shows(dicom(tmp_path / "b.dcm", 4095 - LEVELS, ModalityLUTSequence=[item], **FULL_12))


@pytest.mark.parametrize(
    "display",
    [
        {"WindowCenter": 127, "WindowWidth": 255},
        {"VOILUTSequence": [lookup(0, np.arange(256))]},
        {"WindowCenter": 9e4, "WindowWidth": 2},
    ],
)
def test_a_window_that_misses_the_levels_is_refused_with_the_flag(tmp_path: Path, display: dict) -> None:
    path = dicom(tmp_path / "a.dcm", LEVELS + np.uint16(1000), bits=16, **display)
    with pytest.raises(images.ImageError, match=r"its (window|VOI LUT).*the levels 1240\.\.4200.*--intensity=range"):
        read(path)
    for rule in ("range", "percentile"):
        assert np.corrcoef(read(path, intensity=rule).ravel(), PICTURE.ravel())[0, 1] > 0.98


def test_odd_numbers_are_no_window(tmp_path: Path) -> None:
    path = dicom(tmp_path / "a.dcm", LEVELS, **FULL_12)
    whole = path.read_bytes()
    path.write_bytes(whole.replace(b"2048", b"wide"))
    assert_shows(path)


# Polarity and padding


def test_polarity(tmp_path: Path) -> None:
    """MONOCHROME1 is turned over, and so is INVERSE; both together say one thing."""
    one, inverse = {"PhotometricInterpretation": "MONOCHROME1"}, {"PresentationLUTShape": "INVERSE"}
    table = {"VOILUTSequence": [lookup(0, np.arange(4096))]}
    for elements in (one, inverse, one | inverse):
        for display in (FULL_12, table, {}):
            assert_shows(dicom(tmp_path / "a.dcm", 4095 - LEVELS, **elements, **display))
    assert_shows(dicom(tmp_path / "a.dcm", LEVELS, PresentationLUTShape="IDENTITY"))


PADDED = np.arange(96)[None, :] < np.full((96, 1), 12)


@pytest.mark.parametrize(
    ("kind", "value", "elements"),
    [
        (np.int16, -20000, {"PixelRepresentation": 1, "PixelPaddingValue": -20000, "bits": 16}),
        (np.uint16, 65535, {"PixelPaddingValue": 65535, "bits": 16}),
        (np.uint16, 65535, {"PixelPaddingValue": 65535, "bits": 12}),
        (np.uint16, 65535, {"PixelPaddingValue": 65535, "bits": 12, **FULL_12}),
        (np.uint16, 4000, {"PixelPaddingValue": 3990, "PixelPaddingRangeLimit": 4095, "bits": 12}),
        (np.uint16, 4000, {"PixelPaddingValue": 4095, "PixelPaddingRangeLimit": 3990, "bits": 12, **FULL_12}),
    ],
)
@pytest.mark.parametrize("syntax", [EXPLICIT, IMPLICIT])
def test_padding_is_black_and_sets_no_range(
    tmp_path: Path, kind: type, value: int, elements: dict, syntax: str
) -> None:
    levels = LEVELS.astype(kind)
    levels[PADDED] = value
    path = dicom(tmp_path / "a.dcm", levels, syntax, **elements)
    assert_shows(path, np.where(PADDED, 0, PICTURE))
    stretched = read(path, intensity="range")
    assert stretched[PADDED].max() == 0
    assert stretched[~PADDED].min() == 0
    assert stretched[~PADDED].max() == 255


def test_padding_of_a_negative_is_black(tmp_path: Path) -> None:
    levels = np.where(PADDED, 0, 4095 - LEVELS).astype(np.uint16)
    path = dicom(tmp_path / "a.dcm", levels, PhotometricInterpretation="MONOCHROME1", PixelPaddingValue=0)
    assert_shows(path, np.where(PADDED, 0, PICTURE))


def test_nothing_but_padding_is_no_picture(tmp_path: Path) -> None:
    with pytest.raises(images.ImageError, match="nothing but padding"):
        read(dicom(tmp_path / "a.dcm", np.zeros((9, 9), np.uint16), PixelPaddingValue=0))


def test_pixels_in_the_upper_bits(tmp_path: Path) -> None:
    """HighBit 15 of 12 stored bits; where it is merely a wrong number, the pixels decide."""
    assert_shows(dicom(tmp_path / "a.dcm", LEVELS << 4, HighBit=15, **FULL_12))
    assert_shows(dicom(tmp_path / "b.dcm", SIGNED << 4, HighBit=15, **CENTRED))
    assert_shows(dicom(tmp_path / "c.dcm", LEVELS, HighBit=15, **FULL_12))
    assert_shows(dicom(tmp_path / "d.dcm", SIGNED, HighBit=15, **CENTRED))


def test_levels_of_thirty_two_bits(tmp_path: Path) -> None:
    assert_shows(dicom(tmp_path / "a.dcm", PICTURE.astype(np.uint32) * 16_843_009, bits=32))
    assert_shows(dicom(tmp_path / "b.dcm", LEVELS.astype(np.uint32), bits=32))
