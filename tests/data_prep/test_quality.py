"""Verdicts on pixels: each fault has its name, real and drawn radiographs have none, and a set's sentence names the flag."""

import numpy as np
import pytest
from PIL import Image
from support.pictures import chest

from data_prep import quality
from data_prep.intensity import RULES as INTENSITIES
from data_prep.phantom.config import PhantomConfig
from data_prep.phantom.rendering import quantise, render
from data_prep.phantom.source import Phantom

PICTURE = chest(low=0, high=255)
NOISE = np.random.default_rng(0).integers(0, 256, PICTURE.shape).astype(np.uint8)
FLAT = np.where(np.arange(PICTURE.size).reshape(PICTURE.shape) < 100, 255, 90 + PICTURE // 24).astype(np.uint8)


def names(image: np.ndarray) -> list[str]:
    return [verdict.name for verdict in quality.verdicts(image)]


@pytest.mark.parametrize(
    ("name", "image"),
    [
        ("black", PICTURE // 21),
        ("white", 243 + PICTURE // 21),
        ("constant", np.full_like(PICTURE, 90)),
        ("narrow", 90 + PICTURE // 5),
        ("dark", PICTURE // 4),
        ("bright", 255 - PICTURE // 8),
        ("flat", FLAT),
        ("clipped", np.where(PICTURE > 110, 255, 0).astype(np.uint8)),
        ("framed", np.pad(PICTURE, 20, constant_values=255)),
        ("noise", NOISE),
        ("inverted", 255 - PICTURE),
    ],
)
def test_every_fault_has_its_name(name: str, image: np.ndarray) -> None:
    assert name in names(image)
    assert name in names(image[..., None])
    if name in quality.ALONE:
        assert names(image) == [name]


def test_every_rule_on_pixels_is_tried_above_and_every_flag_exists() -> None:
    assert {rule.mend for rule in quality.RULES.values()} - {""} <= set(INTENSITIES)
    assert set(quality.ALONE) <= set(quality.RULES)


def test_a_frame_is_not_taken_for_a_window() -> None:
    """Nor is it missed where bars of black lie around it, or where its levels differ a little, as JPEG leaves them."""
    frame = np.pad(PICTURE, 60, constant_values=235)
    assert names(frame) == ["framed"]
    assert names(np.pad(frame, ((40, 40), (0, 0)))) == ["framed"]
    assert names(frame - NOISE.max() // 64 + np.random.default_rng(1).integers(0, 5, frame.shape).astype(np.uint8)) == [
        "framed"
    ]


def test_levels_with_their_bytes_exchanged_are_noise() -> None:
    levels = PICTURE.astype(np.uint16) * 200 + NOISE  # as a detector of 16 bit has them
    assert names((levels >> 8).astype(np.uint8)) == []
    swapped = levels.byteswap() >> 8
    assert "noise" in names(swapped.astype(np.uint8))


@pytest.mark.parametrize("size", [32, 64])
def test_drawn_radiographs_have_no_fault_and_their_negatives_are_found(size: int) -> None:
    source = Phantom(PhantomConfig(image_size=size))
    people = source.population("train", 0)
    images = quantise(render(people.factors[:60], people.seeds[:60], size))
    assert [names(image) for image in images] == [[]] * 60
    assert all("inverted" in names(255 - image) for image in images)


def test_bars_do_not_count() -> None:
    tall = np.zeros((96, 96), np.uint8)
    tall[:, 30:66] = np.asarray(Image.fromarray(PICTURE).resize((36, 96)))
    assert names(tall) == []
    assert quality.measure(tall).mean == pytest.approx(float(tall[:, 30:66].mean()))


def test_measurements_are_those_of_numpy() -> None:
    image = np.maximum(PICTURE, 1)
    look = quality.measure(image)
    assert (look.low, look.high) == (1, 255)
    assert look.mean == pytest.approx(image.mean())
    assert look.spread == pytest.approx(image.std())
    assert look.span == pytest.approx(np.subtract(*np.percentile(image, [99.5, 0.5])), abs=1)
    assert look.clipped == np.mean(image == 255)
    assert look.neighbours == pytest.approx(np.corrcoef(image[:, 1:].ravel(), image[:, :-1].ravel())[0, 1])


def test_a_set_is_judged_by_how_many_pictures_have_a_fault() -> None:
    verdicts = quality.verdicts_of_set({"inverted": 3, "black": 900, "dark": 0}, 1000)
    assert [(verdict.name, verdict.serious) for verdict in verdicts] == [("black", True), ("inverted", False)]
    assert verdicts[0].share == 0.9
    sentence = verdicts[0].sentence("--config.")
    assert sentence.startswith("900 of 1,000 pictures (90.0%) are black: ")
    assert "--config.intensity=range" in sentence
    assert quality.verdicts_of_set({}, 10) == ()


def test_a_single_picture_has_a_sentence() -> None:
    (verdict,) = quality.verdicts(np.zeros((8, 8), np.uint8))
    assert verdict.serious
    assert verdict.sentence().startswith("the picture is black: ")
    assert "--intensity=range" in verdict.sentence()


def test_real_radiographs_have_almost_no_fault(real_set) -> None:
    """At most one in 500, of sets as they are; nearly all negatives are found."""
    files = sorted(path for path in real_set.rglob("*") if path.suffix in (".png", ".jpg"))
    images = [np.asarray(Image.open(path).convert("L")) for path in files]
    assert sum(bool(names(image)) for image in images) <= len(images) / 500
    assert sum("inverted" in names(255 - image) for image in images) > 0.95 * len(images)
