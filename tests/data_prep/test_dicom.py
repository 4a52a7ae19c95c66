"""What a DICOM file says of itself: orientation, proportions, colour, and how it was encoded."""

import struct
import sys
from pathlib import Path

import numpy as np
import pydicom
import pytest
from support import jpeg_streams
from support.pictures import BIG_ENDIAN, EXPLICIT, FULL_12, IMPLICIT, chest, dataset, dicom, encapsulated, saved

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


# Orientation and proportions


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


def test_an_enhanced_file_of_one_frame_keeps_its_window_in_groups(tmp_path: Path) -> None:
    window, measures, groups = pydicom.Dataset(), pydicom.Dataset(), pydicom.Dataset()
    window.WindowCenter, window.WindowWidth = 3048, 4096
    measures.PixelSpacing = [0.2, 0.1]
    groups.FrameVOILUTSequence, groups.PixelMeasuresSequence = [window], [measures]
    levels = LEVELS[::2] + np.uint16(1000)
    for keyword in ("SharedFunctionalGroupsSequence", "PerFrameFunctionalGroupsSequence"):
        path = dicom(tmp_path / "a.dcm", levels, bits=16, NumberOfFrames=1, **{keyword: [groups]})
        assert np.abs(read(path).astype(float) - PICTURE).mean() < 2


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
