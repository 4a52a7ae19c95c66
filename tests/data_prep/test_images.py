"""Files of every container: which reader they go to, what is told of them, and one reason for each unusable one."""

import io
import json
import struct
import zipfile
import zlib
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from support.pictures import FULL_12, chest, dicom, png, saved

from data_prep import images
from dirvae.config import ConfigError


@pytest.fixture
def pixels() -> np.ndarray:
    return np.random.default_rng(0).integers(0, 256, (12, 12), dtype=np.uint8)


def written(tmp_path: Path, image: Image.Image, name: str = "a.png", **options: object) -> Path:
    path = tmp_path / name
    image.save(path, **options)
    return path


def test_an_image_of_the_right_size_keeps_every_pixel(tmp_path: Path, pixels: np.ndarray) -> None:
    read = images.read(written(tmp_path, Image.fromarray(pixels)), 12)
    assert read.dtype == np.uint8
    np.testing.assert_array_equal(read, pixels[..., None])


def test_eight_bits_widened_to_sixteen_stay_what_they_are_however_dark(tmp_path: Path, pixels: np.ndarray) -> None:
    for shade in (pixels, pixels // 8):
        path = written(tmp_path, Image.fromarray(shade.astype(np.uint16) * 257))
        assert Image.open(path).mode.startswith("I")
        np.testing.assert_array_equal(images.read(path, 12)[..., 0], shade)


def test_colour_becomes_luma_and_transparency_black(tmp_path: Path) -> None:
    colours = np.asarray([[[255, 0, 0, 255], [0, 255, 0, 255]], [[0, 0, 255, 255], [255, 255, 255, 0]]], np.uint8)
    read = images.read(written(tmp_path, Image.fromarray(colours, "RGBA")), 2)[..., 0]
    np.testing.assert_array_equal(read, [[76, 150], [29, 0]])  # .299, .587 and .114 of 255
    opaque = images.read(written(tmp_path, Image.fromarray(colours[..., :3])), 2)[..., 0]
    np.testing.assert_array_equal(opaque, [[76, 150], [29, 255]])


def resized(png: bytes, side: int) -> bytes:
    """A PNG file whose header claims side x side pixels."""
    header = b"IHDR" + struct.pack(">IIBBBBB", side, side, 8, 0, 0, 0, 0)
    return png[:12] + header + struct.pack(">I", zlib.crc32(header)) + png[33:]


def broken_files(tmp_path: Path, pixels: np.ndarray) -> dict[str, Path]:
    whole = written(tmp_path, Image.fromarray(pixels), "whole.png").read_bytes()
    jpeg = written(tmp_path, Image.fromarray(np.kron(pixels, np.ones((9, 9), np.uint8))), "whole.jpg").read_bytes()
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
        "gif": written(tmp_path, frames[0], "a.gif"),
        "frames": written(tmp_path, frames[0], "a.tiff", save_all=True, append_images=frames[1:]),
        "float": written(tmp_path, Image.fromarray(pixels.astype(np.float32)), "f.tiff"),
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
    whole = np.frombuffer(written(tmp_path, Image.fromarray(pixels), f"whole.{suffix}").read_bytes(), np.uint8)
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


class OtherPath:
    """A path of another file system: no `Path`, but it opens."""

    def __init__(self, path: Path) -> None:
        self.path, self.name = path, path.name

    def is_file(self) -> bool:
        return self.path.is_file()

    def open(self, mode: str) -> io.BytesIO:
        return io.BytesIO(self.path.read_bytes())


def test_open_files_zip_members_and_other_paths_are_read_as_paths_are(tmp_path: Path) -> None:
    picture = chest(40, 50)
    files = {"a.png": saved(tmp_path / "a.png", picture), "b.dcm": dicom(tmp_path / "b.dcm", picture, bits=8)}
    with zipfile.ZipFile(tmp_path / "all.zip", "w") as archive:
        for name, path in files.items():
            archive.write(path, name)
    with zipfile.ZipFile(tmp_path / "all.zip") as archive:
        for name, path in files.items():
            expected = images.picture(path, 32)
            with archive.open(name) as member:
                zipped = images.picture(member, 32)
            for other in (
                zipped,
                images.picture(io.BytesIO(path.read_bytes()), 32),
                images.picture(OtherPath(path), 32),
            ):
                np.testing.assert_array_equal(other.image, expected.image)
                assert other[1:] == expected[1:]


def test_a_stream_without_end_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(images, "MAX_BYTES", 1000)
    with pytest.raises(images.ImageError, match="more than 1,000 bytes"):
        images.picture(io.BufferedReader(io.BytesIO(bytes(1001))), 32, name="a.png")


def test_stretched_pixels_count_towards_the_largest_image(tmp_path: Path) -> None:
    path = saved(tmp_path / "a.png", np.zeros((3000, 3000), np.uint8), dpi=(900, 100))
    with pytest.raises(images.ImageError, match="more than 50,000,000 pixels"):
        images.read(path, 8)


def test_facts_say_how_a_picture_was_read(tmp_path: Path) -> None:
    plain = images.picture(saved(tmp_path / "a.png", chest(40, 50)), 32)
    assert plain.facts == ("PNG", "L", 40, 50, 8, 1, 1.0, False, "declared bits", 0.0)
    assert plain.frame == (40, 50, 32, 1, 1.0)
    assert plain.warnings == ()
    elements = {"PatientOrientation": ["R", "F"], "PhotometricInterpretation": "MONOCHROME1", "PixelPaddingValue": 0}
    levels = chest().astype(np.uint16) * 16
    levels[:, :12] = 0
    path = dicom(tmp_path / "a.dcm", levels, PixelSpacing=[0.2, 0.1], **FULL_12, **elements)
    found = images.picture(path, 32).facts
    assert found == ("DICOM", "MONOCHROME1", 96, 96, 12, 2, 2.0, True, "window", 0.125)
    assert json.loads(json.dumps(found._asdict())) == found._asdict()


def test_black_and_white_pictures_are_read_and_said(tmp_path: Path) -> None:
    for level, name in ((0, "black"), (255, "white"), (90, "constant")):
        found = images.picture(saved(tmp_path / "a.png", np.full((40, 40), level, np.uint8)), 32)
        assert [verdict.name for verdict in found.warnings] == [name]
    clear = np.dstack([chest(), np.zeros((96, 96), np.uint8)])
    clear[:20, :20, 1] = 255
    assert "transparent" in [verdict.name for verdict in images.picture(saved(tmp_path / "c.png", clear), 32).warnings]


@pytest.mark.parametrize(
    ("head", "words"),
    [
        (b"GIF89a", "GIF.*save it as PNG"),
        (b"%PDF-1.7", "PDF.*save its image as PNG"),
        (b"<!DOCTYPE html>", "web page"),
        (b"\xef\xbb\xbf\n<!doctype HTML>", "web page"),
        (b'<?xml version="1.0"?><Error><Code>AccessDenied</Code>', "XML"),
        (b'{"message": "403"}', "JSON"),
        (b"\x1f\x8b", "gzip"),
    ],
)
@pytest.mark.parametrize("suffix", [".png", ".dcm", ""])
def test_what_is_found_in_place_of_an_image_is_named(tmp_path: Path, head: bytes, words: str, suffix: str) -> None:
    path = tmp_path / f"a{suffix}"
    path.write_bytes(head + bytes(200))
    with pytest.raises(images.ImageError, match=words):
        images.read(path, 8)


def test_holes_in_a_picture_are_said_and_an_even_veil_is_not_one(tmp_path: Path) -> None:
    """Alpha that is the same everywhere hides nothing from anywhere; a transparent part is black, with a word."""
    picture = chest()
    for alpha in (255, 128, 1):
        found = images.picture(saved(tmp_path / "a.png", np.dstack([picture, np.full_like(picture, alpha)])), 96)
        np.testing.assert_array_equal(found.image[..., 0], picture)
        assert found.warnings == ()
    alpha = np.full_like(picture, 255)
    alpha[30:50, 20:40] = 0
    found = images.picture(saved(tmp_path / "b.png", np.dstack([picture, alpha])), 96)
    assert not found.image[30:50, 20:40].any()
    assert [verdict.name for verdict in found.warnings] == ["transparent"]


def test_a_thumbnail_is_said(tmp_path: Path) -> None:
    path = saved(tmp_path / "a.png", chest())
    assert [verdict.name for verdict in images.picture(path, 256).warnings] == ["enlarged"]
    assert images.picture(path, 128).warnings == ()
    tall = dicom(tmp_path / "a.dcm", chest().astype(np.uint16)[::4] * 16, PixelAspectRatio=[4, 1], **FULL_12)
    assert "enlarged" not in [verdict.name for verdict in images.picture(tall, 96).warnings]


@pytest.mark.parametrize("intensity", ["declared", "range", "percentile"])
def test_one_picture_is_the_same_in_every_container(tmp_path: Path, intensity: str) -> None:
    """Levels of 8 bit everywhere, widened to 16 bit, and of 12 bit."""
    picture = chest(low=40, high=170)
    wide, deep = picture.astype(np.uint16) * 257, picture.astype(np.uint16) * 16
    eight = [saved(tmp_path / f"8.{kind}", picture) for kind in ("png", "tiff", "bmp", "pgm", "jp2")]
    eight += [saved(tmp_path / "webp.png", picture, format="WEBP", lossless=True), png(tmp_path / "wide.png", wide)]
    eight += [dicom(tmp_path / "8.dcm", picture, bits=8), dicom(tmp_path / "w.dcm", wide, bits=16)]
    twelve = [png(tmp_path / "12.png", deep), saved(tmp_path / "12.tiff", deep), dicom(tmp_path / "12.dcm", deep)]
    twelve += [png(tmp_path / "told.png", deep, ((b"sBIT", b"\x0c"),)), dicom(tmp_path / "16.dcm", deep, bits=16)]
    for files in (eight, twelve):
        first, *others = (images.picture(path, 96, intensity).image for path in files)
        for other in others:
            np.testing.assert_array_equal(other, first)
    if intensity == "declared":
        np.testing.assert_array_equal(images.read(eight[0], 96)[..., 0], picture)
        np.testing.assert_allclose(images.read(twelve[0], 96)[..., 0], picture, atol=1)


def test_an_unknown_rule_names_the_nearest(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="did you mean 'percentile'"):
        images.picture(saved(tmp_path / "a.png", chest()), 32, "percentiles")
