"""What PNG, JPEG, TIFF and WebP files say of themselves is obeyed: orientation, polarity, depth, resolution, transparency."""

import io
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from support.pictures import chest, png, saved, tiff

from data_prep import images
from data_prep.geometry import TURNS

PICTURE = chest()


def read(path: Path, size: int = 96) -> np.ndarray:
    return images.read(path, size)[..., 0]


def orientation(turn: int) -> Image.Exif:
    exif = Image.Exif()
    exif[274] = turn
    return exif


@pytest.mark.parametrize("turn", TURNS)
@pytest.mark.parametrize("suffix", ["jpg", "png", "webp", "tiff"])
def test_orientation_is_followed_alike_in_every_format(tmp_path: Path, turn: int, suffix: str) -> None:
    """The box of the marker is told in stored pixels, as an annotator of the file sees them, and holds the marker."""
    upright = chest(90, 120)
    stored = TURNS[turn].undo(upright)
    options = {"tiffinfo": {274: turn}} if suffix == "tiff" else {"exif": orientation(turn)}
    options |= {"jpg": {"quality": 100}, "webp": {"lossless": True}}.get(suffix, {})
    found = images.picture(saved(tmp_path / f"a.{suffix}", stored, **options), 120)
    assert np.abs(found.image[15:105, :, 0].astype(float) - upright).mean() < 0.5
    assert found.facts.turned == turn
    assert (found.facts.height, found.facts.width) == stored.shape
    rows, columns = np.nonzero(stored > 170)
    box = found.frame.box(rows.min(), columns.min(), rows.max() + 1, columns.max() + 1)
    np.testing.assert_allclose(box, (15 / 120, 0.0, 24 / 120, 12 / 120), atol=1.5 / 120)
    np.testing.assert_array_equal(found.frame.mask(stored > 170)[15:105], upright > 170)


@pytest.mark.parametrize("turn", [0, 9, 77])
def test_an_orientation_that_is_none_is_left_out(tmp_path: Path, turn: int) -> None:
    np.testing.assert_array_equal(read(saved(tmp_path / "a.png", PICTURE, exif=orientation(turn))), PICTURE)
    saved(tmp_path / "b.png", PICTURE, exif=b"Exif\0\0II*\0\xff\xff\xff\xff")
    np.testing.assert_array_equal(read(tmp_path / "b.png"), PICTURE)


def packed(levels: np.ndarray, bits: int, order: str = "<") -> bytes:
    """Rows of levels, as TIFF packs them, most significant bit first."""
    if bits in (16, 32):
        return levels.astype(f"{order}u{bits // 8}").tobytes()
    single = (levels[..., None].astype(int) >> np.arange(bits)[::-1]) & 1
    return b"".join(np.packbits(row).tobytes() for row in single.reshape(len(levels), -1))


@pytest.mark.parametrize("order", ["<", ">"])
@pytest.mark.parametrize("bits", [1, 2, 4, 8, 16])
def test_tiff_says_whether_zero_is_white_at_every_depth(tmp_path: Path, bits: int, order: str) -> None:
    levels = PICTURE.astype(np.uint32) * 257 >> 16 - bits
    black = images.picture(tiff(tmp_path / "b.tiff", packed(levels, bits, order), 96, 96, bits, 1, order), 96)
    white = tiff(tmp_path / "w.tiff", packed(2**bits - 1 - levels, bits, order), 96, 96, bits, 0, order)
    np.testing.assert_array_equal(images.picture(white, 96).image, black.image)
    np.testing.assert_allclose(black.image[..., 0], levels * (255.0 / (2**bits - 1)), atol=1)
    assert images.picture(white, 96).facts.inverted
    assert not black.facts.inverted


@pytest.mark.parametrize("photometric", [0, 1])
def test_tiff_of_twelve_bits(tmp_path: Path, photometric: int) -> None:
    levels = PICTURE.astype(np.uint16) * 16
    path = tiff(tmp_path / "a.tiff", packed(levels if photometric else 4095 - levels, 12), 96, 96, 12, photometric)
    np.testing.assert_allclose(read(path), PICTURE, atol=1)


@pytest.mark.parametrize("compression", ["tiff_lzw", "tiff_adobe_deflate", "packbits"])
def test_compressed_tiff_with_white_at_zero(tmp_path: Path, compression: str) -> None:
    saved(tmp_path / "a.tiff", PICTURE.astype(np.uint16) * 257, compression=compression)
    whole = bytearray((tmp_path / "a.tiff").read_bytes())
    at = whole.index(b"\x06\x01\x03\x00\x01\x00\x00\x00") + 8
    assert whole[at] == 1
    whole[at] = 0
    (tmp_path / "a.tiff").write_bytes(whole)
    np.testing.assert_array_equal(read(tmp_path / "a.tiff"), 255 - PICTURE)


@pytest.mark.parametrize("bits", [8, 10, 12, 14])
def test_levels_of_a_detector_in_sixteen_bits_are_read_by_their_own_depth_and_said(tmp_path: Path, bits: int) -> None:
    levels = PICTURE.astype(np.uint16) << bits - 8
    for path in (png(tmp_path / "a.png", levels), saved(tmp_path / "a.tiff", levels)):
        found = images.picture(path, 96)
        np.testing.assert_allclose(found.image[..., 0], PICTURE, atol=1)
        assert (found.facts.bits, found.facts.shown_by) == (bits, "levels")
        assert [verdict.name for verdict in found.warnings] == ["depth"]


def test_sixteen_bits_that_are_used_are_divided_by_257(tmp_path: Path) -> None:
    levels = PICTURE.astype(np.uint16) * 250 + 99
    np.testing.assert_allclose(read(png(tmp_path / "a.png", levels)), levels / 257.0, atol=0.51)
    assert images.picture(tmp_path / "a.png", 96).facts.shown_by == "declared bits"


def test_significant_bits_of_png(tmp_path: Path) -> None:
    """Levels are scaled to 16 bit where the writer kept to the standard, and are not where it forgot to."""
    told = ((b"gAMA", bytes(4)), (b"sBIT", b"\x0c"))
    for levels in (PICTURE.astype(np.uint16) * 16, PICTURE.astype(np.uint16) * 256):
        found = images.picture(png(tmp_path / "a.png", levels, told), 96)
        np.testing.assert_allclose(found.image[..., 0], PICTURE, atol=1)
        assert (found.facts.bits, found.facts.shown_by) == (12, "declared bits")
        assert found.warnings == ()


@pytest.mark.parametrize(("channels", "bits"), [(2, 16), (3, 16), (3, 12), (3, 10)])
def test_deep_colour(tmp_path: Path, channels: int, bits: int) -> None:
    levels = PICTURE.astype(np.uint16) * 257 if bits == 16 else PICTURE.astype(np.uint16) << bits - 8
    stacked = np.dstack([levels] * channels)
    if channels == 2:
        stacked[..., 1] = 65535
    found = images.picture(png(tmp_path / "a.png", stacked), 96)
    np.testing.assert_allclose(found.image[..., 0], PICTURE, atol=1)
    assert found.facts.bits == (bits if bits < 16 else 8)


def test_a_transparent_level_is_black_and_sets_no_range(tmp_path: Path) -> None:
    levels = PICTURE.astype(np.uint16) * 250 + 99
    levels[:, :12] = 65535
    found = images.picture(png(tmp_path / "a.png", levels, ((b"tRNS", b"\xff\xff"),)), 96, "range").image[..., 0]
    assert found[:, :12].max() == 0
    assert (found[:, 12:].min(), found[:, 12:].max()) == (0, 255)


@pytest.mark.parametrize(
    ("name", "options"),
    [
        ("a.tiff", {"x_resolution": 200.0, "y_resolution": 100.0}),
        ("a.png", {"dpi": (200, 100)}),
        ("a.jpg", {"dpi": (200, 100), "quality": 100}),
    ],
)
def test_resolutions_that_differ_make_pixels_that_are_not_square(tmp_path: Path, name: str, options: dict) -> None:
    found = images.picture(saved(tmp_path / name, PICTURE[::2], **options), 96)
    assert found.facts.aspect == pytest.approx(2.0, rel=0.01)
    assert np.abs(found.image[..., 0].astype(float) - PICTURE).mean() < 2


def test_the_first_image_of_a_camera_file_is_the_picture(tmp_path: Path) -> None:
    """A camera's MPO holds previews after the image itself (CIPA DC-007)."""
    preview = Image.fromarray(chest(48, 48))
    saved(tmp_path / "a.mpo", PICTURE, format="MPO", save_all=True, append_images=[preview], quality=100)
    (tmp_path / "a.mpo").rename(tmp_path / "a.jpg")
    assert np.abs(read(tmp_path / "a.jpg").astype(float) - PICTURE).mean() < 1


def test_levels_without_a_stated_range_are_read_by_their_own(tmp_path: Path) -> None:
    expected = (PICTURE - 15.0) / 185.0 * 255.0
    for name, pixels in {
        "float.tiff": PICTURE.astype(np.float32) / 7.0,
        "large.tiff": PICTURE.astype(np.int32) * 100_000,
        "signed.tiff": PICTURE.astype(np.int32) - 100,
    }.items():
        path = saved(tmp_path / name, pixels)
        with pytest.raises(images.ImageError, match=r"no stated range; --intensity=range \(data.intensity\)"):
            read(path)
        np.testing.assert_allclose(images.picture(path, 96, "range").image[..., 0], expected, atol=1)


def test_floats_that_are_no_numbers_are_black(tmp_path: Path) -> None:
    pixels = PICTURE.astype(np.float32)
    pixels[:, :12] = np.nan
    found = images.picture(saved(tmp_path / "a.tiff", pixels), 96, "range").image[..., 0]
    assert found[:, :12].max() == 0
    assert found.max() == 255


def test_webp_with_several_frames_is_refused(tmp_path: Path) -> None:
    frames = [Image.fromarray(PICTURE), Image.fromarray(255 - PICTURE)]
    memory = io.BytesIO()
    frames[0].save(memory, "WEBP", save_all=True, append_images=frames[1:], lossless=True)
    (tmp_path / "a.webp").write_bytes(memory.getvalue())
    with pytest.raises(images.ImageError, match="2 frames"):
        read(tmp_path / "a.webp")
