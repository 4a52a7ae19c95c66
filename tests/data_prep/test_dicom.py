"""What a DICOM file says of itself: windows and tables, polarity, padding, orientation, proportions, and how it was encoded."""

import struct
import sys
from pathlib import Path

import numpy as np
import pydicom
import pytest
from support import jpeg_streams
from support.pictures import BIG_ENDIAN, EXPLICIT, FULL_12, IMPLICIT, chest, dataset, dicom, encapsulated, lookup, saved

from data_prep import images
from data_prep.dicom import UPRIGHT
from data_prep.geometry import TURNS
from data_prep.source import SourceError

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


# Polarity, padding, orientation, proportions


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


def directions(turn: int, upright: str) -> str:
    """The letters along the rows and down the columns of an upright image that was turned so that `turn` undoes it."""
    opposite = {"L": "R", "R": "L", "F": "H", "H": "F", "A": "P", "P": "A"}
    exchange, rows, columns = TURNS[turn]
    along, down = upright
    along, down = (opposite[along] if columns else along), (opposite[down] if rows else down)
    return down + along if exchange else along + down


@pytest.mark.parametrize("turn", TURNS)
def test_a_frontal_is_turned_upright_from_each_of_eight_positions(tmp_path: Path, turn: int) -> None:
    letters = directions(turn, "LF")
    assert UPRIGHT[letters] == turn
    stored = np.ascontiguousarray(TURNS[turn].undo(LEVELS))
    assert_shows(dicom(tmp_path / "a.dcm", stored, PatientOrientation=list(letters), **FULL_12))


@pytest.mark.parametrize("turn", [1, 4, 6, 8])
@pytest.mark.parametrize("upright", ["AF", "PF"])
def test_the_head_of_a_lateral_is_brought_up_without_mirroring_it(tmp_path: Path, turn: int, upright: str) -> None:
    letters = directions(turn, upright)
    stored = np.ascontiguousarray(TURNS[turn].undo(LEVELS))
    assert_shows(dicom(tmp_path / "a.dcm", stored, PatientOrientation=list(letters), **FULL_12))


@pytest.mark.parametrize("letters", [["L", "P"], ["L", "L"], ["L"], "", ["LE", "DV"], ["LA", "FR"]])
def test_other_orientations_are_left_as_stored(tmp_path: Path, letters: list[str]) -> None:
    assert_shows(dicom(tmp_path / "a.dcm", LEVELS, PatientOrientation=letters, **FULL_12))


@pytest.mark.parametrize(
    "elements",
    [
        {"PixelAspectRatio": [2, 1]},
        {"PixelSpacing": [0.2, 0.1]},
        {"ImagerPixelSpacing": [0.4, 0.2]},
        {"PixelAspectRatio": [2, 1], "PixelSpacing": [0.1, 0.1]},
    ],
)
def test_pixels_that_are_not_square_are_stretched(tmp_path: Path, elements: dict) -> None:
    read_back = read(dicom(tmp_path / "a.dcm", LEVELS[::2], **elements, **FULL_12))
    assert np.abs(read_back.astype(float) - PICTURE).mean() < 2
    sideways = read(dicom(tmp_path / "b.dcm", LEVELS.T[:, ::2], **{k: v[::-1] for k, v in elements.items()}, **FULL_12))
    np.testing.assert_allclose(sideways.T.astype(float), read_back, atol=1)


# Colour


@pytest.mark.parametrize("bits", [8, 16])
def test_palette_colour(tmp_path: Path, bits: int) -> None:
    elements = {"PhotometricInterpretation": "PALETTE COLOR"}
    for name in ("Red", "Green", "Blue"):
        elements[f"{name}PaletteColorLookupTableDescriptor"] = [256, 0, bits]
        table = np.arange(256).astype("u1") if bits == 8 else (np.arange(256) * 257).astype("<u2")
        elements[f"{name}PaletteColorLookupTableData"] = table.tobytes()
    assert_shows(dicom(tmp_path / "a.dcm", PICTURE, bits=8, **elements))


def test_colour_of_every_layout(tmp_path: Path) -> None:
    three = {"SamplesPerPixel": 3, "Rows": 96, "Columns": 96}
    grey = np.dstack([PICTURE] * 3)
    ybr = np.dstack([PICTURE, np.full_like(PICTURE, 128), np.full_like(PICTURE, 128)])
    planes = np.stack([PICTURE] * 3)
    assert_shows(
        dicom(tmp_path / "a.dcm", grey, bits=8, PlanarConfiguration=0, PhotometricInterpretation="RGB", **three)
    )
    assert_shows(
        dicom(tmp_path / "b.dcm", ybr, bits=8, PlanarConfiguration=0, PhotometricInterpretation="YBR_FULL", **three)
    )
    assert_shows(
        dicom(tmp_path / "c.dcm", planes, bits=8, PlanarConfiguration=1, PhotometricInterpretation="RGB", **three)
    )
    deep = grey.astype(np.uint16) * 257
    assert_shows(
        dicom(tmp_path / "d.dcm", deep, bits=16, PlanarConfiguration=0, PhotometricInterpretation="RGB", **three)
    )


# How a file is encoded


@pytest.mark.parametrize("syntax", [EXPLICIT, IMPLICIT, BIG_ENDIAN, "1.2.840.10008.1.2.1.99"])
@pytest.mark.parametrize("name", ["a.dcm", "A.DCM", "a", "a.png"])
def test_native_syntaxes_under_any_name(tmp_path: Path, syntax: str, name: str) -> None:
    assert_shows(dicom(tmp_path / name, LEVELS, syntax, **FULL_12))


@pytest.mark.parametrize("name", ["a.dcm", "a"])
@pytest.mark.parametrize("implicit", [True, False])
def test_a_data_set_without_preamble_and_meta_information(tmp_path: Path, name: str, implicit: bool) -> None:
    made = dataset(LEVELS, **FULL_12)
    del made.file_meta
    made.save_as(tmp_path / name, implicit_vr=implicit, little_endian=True)
    assert (tmp_path / name).read_bytes()[:2] == b"\x08\x00"
    assert_shows(tmp_path / name)


def test_a_syntax_that_is_not_named_and_elements_that_old_files_lack(tmp_path: Path) -> None:
    made = dataset(LEVELS, **FULL_12)
    for name in ("SamplesPerPixel", "PixelRepresentation", "PhotometricInterpretation", "HighBit"):
        delattr(made, name)
    del made.file_meta.TransferSyntaxUID
    pydicom.dcmwrite(tmp_path / "a.dcm", made, implicit_vr=True, little_endian=True, enforce_file_format=False)
    assert_shows(tmp_path / "a.dcm")


COMPRESSED = {
    "RLE": "1.2.840.10008.1.2.5",
    "JPEG-LS": "1.2.840.10008.1.2.4.80",
    "JPEG 2000 lossless": "1.2.840.10008.1.2.4.90",
}


def compressed(path: Path, syntax: str, levels: np.ndarray = LEVELS, **elements: object) -> Path:
    made = dataset(levels, **elements)
    made.compress(syntax, generate_instance_uid=False)
    made.save_as(path, enforce_file_format=True)
    return path


@pytest.mark.parametrize("syntax", COMPRESSED.values(), ids=COMPRESSED)
def test_syntaxes_that_pydicom_writes(tmp_path: Path, syntax: str) -> None:
    assert_shows(compressed(tmp_path / "a.dcm", syntax, **FULL_12))
    if syntax != COMPRESSED["JPEG-LS"]:  # which pydicom writes without a sign only
        assert_shows(compressed(tmp_path / "b.dcm", syntax, SIGNED, **CENTRED))


@pytest.mark.parametrize(("syntax", "predictor"), [("70", 1), ("57", 1), ("57", 2)])
@pytest.mark.parametrize("bits", [8, 12, 16])
def test_lossless_jpeg(tmp_path: Path, syntax: str, predictor: int, bits: int) -> None:
    levels = PICTURE if bits == 8 else PICTURE.astype(np.uint16) * (16 if bits == 12 else 257)
    stream = jpeg_streams.lossless(levels, bits, predictor)
    assert_shows(encapsulated(tmp_path / "a.dcm", stream, f"1.2.840.10008.1.2.4.{syntax}", levels, bits))


def test_lossless_jpeg_of_signed_levels(tmp_path: Path) -> None:
    stream = jpeg_streams.lossless((SIGNED & 0xFFF).astype(np.uint16), 12)
    assert_shows(encapsulated(tmp_path / "s.dcm", stream, "1.2.840.10008.1.2.4.70", SIGNED, 12, **CENTRED))


def test_twelve_bit_jpeg(tmp_path: Path) -> None:
    blocks = LEVELS[::8, ::8]
    stream = jpeg_streams.sequential(blocks, 12)
    whole = np.kron(blocks, np.ones((8, 8), np.uint16))
    assert_shows(encapsulated(tmp_path / "a.dcm", stream, "1.2.840.10008.1.2.4.51", whole, 12), whole / 4095.0 * 255.0)


def test_a_compressed_file_that_does_not_name_its_syntax(tmp_path: Path) -> None:
    path = encapsulated(tmp_path / "a.dcm", jpeg_streams.lossless(LEVELS, 12), "1.2.840.10008.1.2.4.70", LEVELS, 12)
    made = pydicom.dcmread(path)
    del made.file_meta.TransferSyntaxUID
    pydicom.dcmwrite(path, made, implicit_vr=False, little_endian=True, enforce_file_format=False)
    assert_shows(path)


def test_pixels_in_the_upper_bits(tmp_path: Path) -> None:
    """HighBit 15 of 12 stored bits; where it is merely a wrong number, the pixels decide."""
    assert_shows(dicom(tmp_path / "a.dcm", LEVELS << 4, HighBit=15, **FULL_12))
    assert_shows(dicom(tmp_path / "b.dcm", SIGNED << 4, HighBit=15, **CENTRED))
    assert_shows(dicom(tmp_path / "c.dcm", LEVELS, HighBit=15, **FULL_12))
    assert_shows(dicom(tmp_path / "d.dcm", SIGNED, HighBit=15, **CENTRED))


def test_an_enhanced_file_of_one_frame_keeps_its_window_in_groups(tmp_path: Path) -> None:
    window, measures, groups = pydicom.Dataset(), pydicom.Dataset(), pydicom.Dataset()
    window.WindowCenter, window.WindowWidth = 3048, 4096
    measures.PixelSpacing = [0.2, 0.1]
    groups.FrameVOILUTSequence, groups.PixelMeasuresSequence = [window], [measures]
    levels = LEVELS[::2] + np.uint16(1000)
    for keyword in ("SharedFunctionalGroupsSequence", "PerFrameFunctionalGroupsSequence"):
        path = dicom(tmp_path / "a.dcm", levels, bits=16, NumberOfFrames=1, **{keyword: [groups]})
        assert np.abs(read(path).astype(float) - PICTURE).mean() < 2


def test_levels_of_thirty_two_bits(tmp_path: Path) -> None:
    assert_shows(dicom(tmp_path / "a.dcm", PICTURE.astype(np.uint32) * 16_843_009, bits=32))
    assert_shows(dicom(tmp_path / "b.dcm", LEVELS.astype(np.uint32), bits=32))


def test_names_do_not_matter(tmp_path: Path) -> None:
    saved(tmp_path / "a.png", PICTURE).rename(tmp_path / "a.dcm")
    assert_shows(tmp_path / "a.dcm")
    np.testing.assert_array_equal(images.picture(str(tmp_path / "a.dcm"), 96).image[..., 0], PICTURE)


SAMPLES = Path(pydicom.__file__).parent / "data" / "test_files"
"""Files that come with pydicom: of several makers, some broken."""


def test_one_picture_in_eight_encodings_of_other_makers() -> None:
    first, *others = (read(path) for path in sorted(SAMPLES.glob("MR_small*.dcm")))
    assert len(others) == 7
    assert np.ptp(first) > 150
    for other in others:
        np.testing.assert_array_equal(other, first)


def test_colours_in_the_encodings_of_other_makers() -> None:
    """Colour bars, some of them compressed with losses."""
    paths = [path for kind in ("dcmtk", "gdcm", "rle", "jls") for path in SAMPLES.glob(f"SC_rgb_{kind}*.dcm")]
    bars = [read(path, 64) for path in sorted(paths) if "2frame" not in path.name]
    assert len(bars) > 10
    for other in bars:
        np.testing.assert_allclose(other.astype(float), bars[0], atol=9)


def test_samples_of_other_makers_are_read_or_refused_with_a_reason() -> None:
    refused = {}
    for path in sorted(SAMPLES.glob("*.dcm")):
        try:
            assert read(path, 32).shape == (32, 32)
        except images.ImageError as error:
            refused[path.stem] = str(error)
    assert len(refused) < 35
    assert "15 frames" in refused["rtdose"]
    assert "15 frames" in refused["badVR"]
    assert "without pixels (RT Plan" in refused["rtplan"]
    assert "less than expected" in refused["MR_truncated"]
    assert not {
        "JPGExtended",
        "examples_jpeg2k",
        "examples_palette",
        "image_dfl",
        "CT_small",
        "JPEGLSNearLossless_16",
    } & set(refused)


JPEGS = (
    "JPEGBaseline8Bit",
    "JPEGExtended12Bit",
    "JPEGLossless",
    "JPEGLosslessSV1",
    "JPEGLSLossless",
    "JPEGLSNearLossless",
)
OTHERS = ("JPEG2000Lossless", "JPEG2000", "HTJ2KLossless", "HTJ2KLosslessRPCL", "HTJ2K", "RLELossless")


@pytest.mark.parametrize("name", JPEGS + OTHERS)
def test_the_extra_brings_a_codec_for_every_syntax(name: str) -> None:
    assert pydicom.pixels.get_decoder(getattr(pydicom.uid, name)).is_available


# Files that cannot be used


@pytest.mark.parametrize("kind", ["70", "80", "90", "5"])
def test_a_stream_that_ends_early_is_refused(tmp_path: Path, kind: str) -> None:
    if kind == "70":
        stream = jpeg_streams.lossless(LEVELS, 12)
        syntax = "1.2.840.10008.1.2.4.70"
    else:
        syntax = "1.2.840.10008.1.2.5" if kind == "5" else f"1.2.840.10008.1.2.4.{kind}"
        made = pydicom.dcmread(compressed(tmp_path / "a.dcm", syntax))
        stream = pydicom.encaps.get_frame(made.PixelData, 0, number_of_frames=1)
    for share in (0.3, 0.8):
        path = encapsulated(tmp_path / "b.dcm", stream[: int(len(stream) * share)], syntax, LEVELS, 12)
        with pytest.raises(images.ImageError, match="not a readable DICOM image"):
            read(path)


def test_a_stream_that_claims_another_size_is_refused_before_it_is_decoded(tmp_path: Path) -> None:
    stream = bytearray(jpeg_streams.lossless(LEVELS, 12))
    at = stream.index(b"\xff\xc3") + 5
    stream[at : at + 4] = struct.pack(">HH", 65000, 65000)
    with pytest.raises(images.ImageError, match="65000 x 65000 where the file states 96 x 96"):
        read(encapsulated(tmp_path / "a.dcm", bytes(stream), "1.2.840.10008.1.2.4.70", LEVELS, 12))


def test_a_deflated_file_is_not_inflated_without_limit(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = dicom(tmp_path / "a.dcm", LEVELS, "1.2.840.10008.1.2.1.99", **FULL_12)
    monkeypatch.setattr("data_prep.dicom.MAX_BYTES", 10_000)
    with pytest.raises(images.ImageError, match="more than 10,000 bytes"):
        read(path)


@pytest.mark.parametrize(
    ("elements", "reason"),
    [
        ({"Rows": 20_000, "Columns": 20_000}, "more than 50,000,000 pixels"),
        ({"NumberOfFrames": 2, "Rows": 48}, "2 frames"),
        ({"Rows": 97}, "not a readable DICOM image"),
        ({"Rows": None}, "not a readable DICOM image"),
        ({"PhotometricInterpretation": "CIELAB"}, "CIELAB is neither"),
    ],
)
def test_headers_that_do_not_fit(tmp_path: Path, elements: dict, reason: str) -> None:
    with pytest.raises(images.ImageError, match=reason):
        read(dicom(tmp_path / "a.dcm", LEVELS, **elements))


def test_a_file_without_pixels_says_what_it_is(tmp_path: Path) -> None:
    made = dataset(LEVELS, SOPClassUID="1.2.840.10008.5.1.4.1.1.88.11")
    del made.PixelData
    made.save_as(tmp_path / "a.dcm", enforce_file_format=True)
    with pytest.raises(images.ImageError, match=r"without pixels.*Basic Text SR"):
        read(tmp_path / "a.dcm")


def test_a_video_has_no_codec(tmp_path: Path) -> None:
    path = encapsulated(tmp_path / "a.dcm", b"video", "1.2.840.10008.1.2.4.102", LEVELS, 12)
    with pytest.raises(images.ImageError, match=r"MPEG-4.*no codec"):
        read(path)


def test_a_missing_codec_names_the_packages_and_the_command(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    syntax = "1.2.840.10008.1.2.4.70"
    path = encapsulated(tmp_path / "a.dcm", jpeg_streams.lossless(LEVELS, 12), syntax, LEVELS, 12)
    decoder = pydicom.pixels.get_decoder(pydicom.uid.UID(syntax))
    monkeypatch.setattr(decoder, "_available", {})  # as pydicom has it where the packages are missing
    monkeypatch.setattr(decoder, "_unavailable", {"pylibjpeg": ("pylibjpeg>=2.0", "pylibjpeg-libjpeg>=2.1")})
    with pytest.raises(images.ImageError, match=r"pylibjpeg-libjpeg.*: pip install -e '\.\[dicom\]'$"):
        read(path)


def test_without_pydicom_the_command_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = dicom(tmp_path / "a.dcm", RAMP)
    monkeypatch.setitem(sys.modules, "pydicom", None)  # what Python itself does for a package that cannot be imported
    with pytest.raises(SourceError, match=r"pip install -e '\.\[dicom\]'$"):
        read(path)


def test_damaged_bytes_give_an_image_or_a_reason(tmp_path: Path) -> None:
    rng, path = np.random.default_rng(3), tmp_path / "b.dcm"
    whole = np.frombuffer(dicom(tmp_path / "a.dcm", RAMP, **FULL_12).read_bytes(), np.uint8)
    refused = 0
    for _ in range(150):
        damaged = whole.copy()
        damaged[rng.integers(128, len(whole), 6)] = rng.integers(0, 256, 6)
        path.write_bytes(damaged[: rng.integers(140, len(whole) + 1)].tobytes())
        try:
            assert read(path, 8).shape == (8, 8)
        except images.ImageError:
            refused += 1
    assert refused > 50
