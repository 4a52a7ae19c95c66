"""Conversion of raw files: exact averages, the stated rules for odd formats, and one reason for each unusable file."""

import struct
import sys
import tracemalloc
import zlib
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from data_prep import images
from data_prep.source import SourceError


@pytest.fixture
def pixels() -> np.ndarray:
    return np.random.default_rng(0).integers(0, 256, (12, 12), dtype=np.uint8)


def saved(tmp_path: Path, image: Image.Image, name: str = "a.png", **options: object) -> Path:
    path = tmp_path / name
    image.save(path, **options)
    return path


def test_an_image_of_the_right_size_keeps_every_pixel(tmp_path: Path, pixels: np.ndarray) -> None:
    read = images.read(saved(tmp_path, Image.fromarray(pixels)), 12)
    assert read.dtype == np.uint8
    np.testing.assert_array_equal(read, pixels[..., None])


@pytest.mark.parametrize(("shape", "size"), [((12, 12), 5), ((12, 12), 4), ((9, 12), 5), ((12, 7), 11), ((1, 12), 3)])
def test_square_is_the_exact_area_average_of_the_padded_image(shape: tuple[int, int], size: int) -> None:
    grey = np.random.default_rng(1).integers(0, 256, shape).astype(np.uint8)
    side = max(shape)
    padded = np.zeros((side, side))
    top, left = (side - shape[0]) // 2, (side - shape[1]) // 2
    padded[top : top + shape[0], left : left + shape[1]] = grey
    fine = np.kron(padded, np.ones((size, size)))  # on this grid, cells of both sizes are whole
    expected = fine.reshape(size, side, size, side).mean(axis=(1, 3))
    np.testing.assert_allclose(images.square(grey, size), expected, rtol=0, atol=0.5 + 1e-9)


def test_small_images_grow_without_leaving_their_range(pixels: np.ndarray) -> None:
    grown = images.square(pixels, 48)
    assert grown.shape == (48, 48)
    assert grown.min() >= pixels.min()
    assert grown.max() <= pixels.max()
    assert abs(float(grown.mean()) - float(pixels.mean())) < 2.0


def test_sixteen_bits_are_divided_by_257_however_dark_the_image(tmp_path: Path, pixels: np.ndarray) -> None:
    for shade in (pixels, pixels // 8):
        path = saved(tmp_path, Image.fromarray(shade.astype(np.uint16) * 257))
        assert Image.open(path).mode.startswith("I")
        np.testing.assert_array_equal(images.read(path, 12)[..., 0], shade)


def test_colour_becomes_luma_and_transparency_black(tmp_path: Path) -> None:
    colours = np.asarray([[[255, 0, 0, 255], [0, 255, 0, 255]], [[0, 0, 255, 255], [255, 255, 255, 0]]], np.uint8)
    read = images.read(saved(tmp_path, Image.fromarray(colours, "RGBA")), 2)[..., 0]
    np.testing.assert_array_equal(read, [[76, 150], [29, 0]])  # .299, .587 and .114 of 255
    opaque = images.read(saved(tmp_path, Image.fromarray(colours[..., :3])), 2)[..., 0]
    np.testing.assert_array_equal(opaque, [[76, 150], [29, 255]])


def resized(png: bytes, side: int) -> bytes:
    """A PNG file whose header claims side x side pixels."""
    header = b"IHDR" + struct.pack(">IIBBBBB", side, side, 8, 0, 0, 0, 0)
    return png[:12] + header + struct.pack(">I", zlib.crc32(header)) + png[33:]


def broken_files(tmp_path: Path, pixels: np.ndarray) -> dict[str, Path]:
    whole = saved(tmp_path, Image.fromarray(pixels), "whole.png").read_bytes()
    jpeg = saved(tmp_path, Image.fromarray(np.kron(pixels, np.ones((9, 9), np.uint8))), "whole.jpg").read_bytes()
    contents = {
        "empty": b"",
        "text": b"patient data, not an image" * 20,
        "cut.png": whole[: len(whole) // 2],
        "cut.jpg": jpeg[: len(jpeg) // 2],
        "bomb.png": resized(whole, 60_000),  # beyond Pillow's own limit, too
        "large.png": resized(whole, 8_000),
        "cut.dcm": bytes(128) + b"DICM" + b"nonsense",
    }
    paths = {name: tmp_path / name for name in contents}
    for name, path in paths.items():
        path.write_bytes(contents[name])
    frames = [Image.fromarray(pixels), Image.fromarray(pixels)]
    return paths | {
        "missing": tmp_path / "nowhere.png",
        "folder": tmp_path,
        "long": tmp_path / ("a" * 300 + ".png"),
        "gif": saved(tmp_path, frames[0], "a.gif"),
        "frames": saved(tmp_path, frames[0], "a.tiff", save_all=True, append_images=frames[1:]),
        "float": saved(tmp_path, Image.fromarray(pixels.astype(np.float32)), "f.tiff"),
    }


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("empty", "the file is empty"),
        ("text", "not a readable image"),
        ("cut.png", "not a readable image"),
        ("cut.jpg", "not a readable image .*truncated"),
        ("bomb.png", "^more than 50,000,000 pixels$"),
        ("large.png", "^more than 50,000,000 pixels$"),
        ("cut.dcm", "not a readable DICOM"),
        ("missing", "no such file"),
        ("folder", "no such file"),
        ("long", "cannot be opened"),
        ("gif", "not a readable image"),
        ("frames", "2 frames"),
        ("float", "no stated range"),
    ],
)
def test_unusable_files_give_a_reason(tmp_path: Path, pixels: np.ndarray, name: str, reason: str) -> None:
    path = broken_files(tmp_path, pixels)[name]
    with pytest.raises(images.ImageError, match=reason) as raised:
        images.read(path, 12)
    assert str(tmp_path) not in str(raised.value)


@pytest.mark.parametrize("suffix", ["png", "jpg", "tiff", "bmp", "pgm", "jp2"])
def test_damaged_bytes_give_an_image_or_a_reason(tmp_path: Path, pixels: np.ndarray, suffix: str) -> None:
    rng, path = np.random.default_rng(3), tmp_path / f"damaged.{suffix}"
    whole = np.frombuffer(saved(tmp_path, Image.fromarray(pixels), f"whole.{suffix}").read_bytes(), np.uint8)
    refused = 0
    for _ in range(100):
        damaged = whole.copy()
        damaged[rng.integers(0, len(whole), 6)] = rng.integers(0, 256, 6)
        path.write_bytes(damaged[: rng.integers(1, len(whole) + 1)].tobytes())
        try:
            assert images.read(path, 8).shape == (8, 8, 1)
        except images.ImageError:
            refused += 1
    assert refused > 20


@pytest.mark.parametrize("shape", [(1, 1_000_000), (1_000_000, 1)])
def test_a_thin_image_takes_no_more_memory_than_a_square_one(shape: tuple[int, int]) -> None:
    thin = np.zeros(shape, np.uint8)
    tracemalloc.start()
    images.square(thin, 64)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 100 * thin.size


def write_dicom(path: Path, levels: np.ndarray, **elements: object) -> Path:
    """A 12-bit grey DICOM file of the given stored levels."""
    pydicom = pytest.importorskip("pydicom", reason="DICOM needs the extra of that name")
    dataset = pydicom.Dataset()
    dataset.file_meta = pydicom.dataset.FileMetaDataset()
    dataset.file_meta.TransferSyntaxUID = pydicom.uid.ExplicitVRLittleEndian
    dataset.SOPClassUID, dataset.SOPInstanceUID = "1.2.840.10008.5.1.4.1.1.1.1", "1.2.3"
    dataset.Rows, dataset.Columns = levels.shape[:2]
    dataset.SamplesPerPixel, dataset.PixelRepresentation = 1, 0
    dataset.PhotometricInterpretation = "MONOCHROME2"
    dataset.BitsAllocated, dataset.BitsStored, dataset.HighBit = 16, 12, 11
    for name, value in elements.items():
        setattr(dataset, name, value)
    dataset.PixelData = levels.tobytes()
    dataset.save_as(path, enforce_file_format=True)
    return path


RAMP = np.linspace(100, 3000, 144).astype(np.uint16).reshape(12, 12)


def test_dicom_without_window_fills_its_own_range(tmp_path: Path) -> None:
    read = images.read(write_dicom(tmp_path / "no_suffix", RAMP), 12)[..., 0]
    np.testing.assert_allclose(read, (RAMP - 100.0) / 2900.0 * 255.0, atol=0.51)


@pytest.mark.parametrize("function", ["LINEAR_EXACT", "SIGMOID"])
def test_dicom_window_sets_the_range(tmp_path: Path, function: str) -> None:
    path = write_dicom(tmp_path / "a.dcm", RAMP, WindowCenter=1500, WindowWidth=1000, VOILUTFunction=function)
    offset = (RAMP - 1500.0) / 1000.0
    share = np.clip(offset + 0.5, 0, 1) if function == "LINEAR_EXACT" else 1 / (1 + np.exp(-4 * offset))
    np.testing.assert_allclose(images.read(path, 12)[..., 0], share * 255.0, atol=0.51)


def test_dicom_default_window_is_that_of_the_standard(tmp_path: Path) -> None:
    """PS3.3 C.11.2.1.2: c = 2048, w = 4096 maps 0..4095 to the whole output range."""
    levels = np.linspace(0, 4095, 144).astype(np.uint16).reshape(12, 12)
    path = write_dicom(tmp_path / "a.dcm", levels, WindowCenter=[2048, 40], WindowWidth=[4096, 400])
    np.testing.assert_allclose(images.read(path, 12)[..., 0], levels / 4095.0 * 255.0, atol=0.51)


def test_a_falling_rescale_does_not_turn_the_window_over(tmp_path: Path) -> None:
    window = {"WindowCenter": -1500, "WindowWidth": 1000, "VOILUTFunction": "LINEAR_EXACT"}
    path = write_dicom(tmp_path / "a.dcm", RAMP, RescaleSlope=-1, RescaleIntercept=0, **window)
    share = np.clip((1500.0 - RAMP) / 1000.0 + 0.5, 0, 1)
    np.testing.assert_allclose(images.read(path, 12)[..., 0], share * 255.0, atol=0.51)


@pytest.mark.parametrize(
    ("window", "reason"),
    [
        ({"WindowCenter": 1500, "WindowWidth": 0}, "window of width 0"),
        ({"WindowCenter": 1500, "WindowWidth": 9, "VOILUTFunction": "CUBIC"}, "CUBIC is not one of LINEAR"),
    ],
)
def test_dicom_windows_that_mean_nothing(tmp_path: Path, window: dict, reason: str) -> None:
    with pytest.raises(images.ImageError, match=reason):
        images.read(write_dicom(tmp_path / "a.dcm", RAMP, **window), 12)


def test_dicom_rescale_comes_before_the_window(tmp_path: Path) -> None:
    window = {"WindowCenter": 2000, "WindowWidth": 2000, "VOILUTFunction": "LINEAR_EXACT"}
    path = write_dicom(tmp_path / "a.dcm", RAMP, RescaleSlope=2, RescaleIntercept=-100, **window)
    share = np.clip((2.0 * RAMP - 100.0 - 2000.0) / 2000.0 + 0.5, 0, 1)
    np.testing.assert_allclose(images.read(path, 12)[..., 0], share * 255.0, atol=0.51)


CURVE = np.round(65535 * (np.arange(2048) / 2047) ** 2).astype(np.uint16)  # of the levels 500 to 2547


@pytest.mark.parametrize("vr", ["OW", "US"])
@pytest.mark.parametrize("bits", [16, 8])
def test_dicom_lookup_table(tmp_path: Path, vr: str, bits: int) -> None:
    pydicom = pytest.importorskip("pydicom", reason="DICOM needs the extra of that name")
    table, entries = pydicom.Dataset(), CURVE >> (16 - bits)
    table.add_new("LUTDescriptor", "US", [2048, 500, bits])
    table.add_new("LUTData", vr, entries.astype("<u2").tobytes() if vr == "OW" else entries.tolist())
    window = {"WindowCenter": 1500, "WindowWidth": 10}  # which a LUT comes before
    path = write_dicom(tmp_path / "a.dcm", RAMP, VOILUTSequence=[table], **window)
    expected = entries[np.clip(RAMP.astype(int) - 500, 0, 2047)] * (255.0 / entries.max())
    np.testing.assert_allclose(images.read(path, 12)[..., 0], expected, atol=0.51)


def test_dicom_lookup_table_of_bytes_two_a_word(tmp_path: Path) -> None:
    pydicom = pytest.importorskip("pydicom", reason="DICOM needs the extra of that name")
    table = pydicom.Dataset()
    table.add_new("LUTDescriptor", "US", [2048, 500, 8])
    table.add_new("LUTData", "OW", (CURVE >> 8).astype(np.uint8).tobytes())
    path = write_dicom(tmp_path / "a.dcm", RAMP, VOILUTSequence=[table])
    expected = (CURVE >> 8)[np.clip(RAMP.astype(int) - 500, 0, 2047)]
    np.testing.assert_allclose(images.read(path, 12)[..., 0], expected, atol=0.51)


def test_monochrome1_is_inverted(tmp_path: Path) -> None:
    window = {"WindowCenter": 1500, "WindowWidth": 1000}
    plain = images.read(write_dicom(tmp_path / "a.dcm", RAMP, **window), 12)
    inverse = images.read(write_dicom(tmp_path / "b.dcm", RAMP, PhotometricInterpretation="MONOCHROME1", **window), 12)
    np.testing.assert_allclose(plain.astype(int) + inverse, 255, atol=1)
    assert plain.min() == 0
    assert plain.max() == 255


def test_dicom_colour_and_frames(tmp_path: Path) -> None:
    colour = np.asarray([[[255, 0, 0], [0, 255, 0]], [[0, 0, 255], [255, 255, 255]]], np.uint8)
    bits = {"BitsAllocated": 8, "BitsStored": 8, "HighBit": 7, "PlanarConfiguration": 0}
    path = write_dicom(tmp_path / "c.dcm", colour, PhotometricInterpretation="RGB", SamplesPerPixel=3, **bits)
    np.testing.assert_array_equal(images.read(path, 2)[..., 0], [[76, 150], [29, 255]])
    frames = write_dicom(tmp_path / "f.dcm", np.zeros((4, 4), np.uint16), NumberOfFrames=2, Rows=2)
    with pytest.raises(images.ImageError, match="2 frames"):
        images.read(frames, 2)


def test_dicom_without_pydicom_says_what_to_install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = write_dicom(tmp_path / "a.dcm", RAMP)
    monkeypatch.setitem(sys.modules, "pydicom", None)  # what Python itself does for a package that cannot be imported
    with pytest.raises(SourceError, match=r"pip install 'dirvae\[dicom\]'"):
        images.read(path, 12)
