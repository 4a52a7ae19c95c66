"""CheXlocalize: COCO's run lengths are the masks that were drawn, outlines are boxes, and images are found by their paths."""

import functools
import io
import json
from pathlib import Path

import numpy as np
import pytest
from support import sets

from data_prep import chexlocalize
from data_prep.marks import drawn
from data_prep.reader import Box
from data_prep.readers import chexpert
from data_prep.source import SourceError
from data_prep.tables import Document

IMAGE = "patient64541_study1_view1_frontal"


def written(runs: list[int]) -> str:
    """COCO's text of run lengths: the rule of `rleToString`, the other way round."""
    text = ""
    for place, run in enumerate(runs):
        value, more = run - runs[place - 2] if place > 2 else run, True
        while more:
            group, value = value & 31, value >> 5
            more = value != -1 if group & 16 else value != 0
            text += chr(48 + (group | (32 if more else 0)))
    return text


def document(whole, name: str = "set/gt.json") -> Document:
    return Document(name, functools.partial(io.BytesIO, json.dumps(whole).encode()))


@pytest.mark.parametrize(("text", "runs"), [("PVWX6", (2320 * 2828,)), ("nefl3", (2022 * 2021,))])
def test_published_masks_without_a_pixel_fill_their_images(text: str, runs: tuple[int, ...]) -> None:
    assert chexlocalize.run_lengths(text) == runs


@pytest.mark.parametrize("runs", [[5, 3, 4], [0, 40, 2, 100, 31, 33, 1, 5000, 7], [1000000, 16, 15, 1], [3]])
def test_any_run_lengths_come_back(runs: list[int]) -> None:
    assert chexlocalize.run_lengths(written(runs)) == tuple(runs)


def test_a_mask_is_read_down_the_columns() -> None:
    inside = np.zeros((6, 8), bool)
    inside[1:3, 2:5] = True
    runs = [13, 2, 4, 2, 4, 2, 21]
    entry = {"size": [6, 8], "counts": written(runs)}
    empty = {"size": [6, 8], "counts": written([48])}
    found = chexlocalize.masks({"segmentations_val": document({IMAGE: {"Airspace Opacity": entry, "Edema": empty}})})
    (mask,) = found[IMAGE]
    assert mask.finding == "Lung Opacity"
    np.testing.assert_array_equal(drawn(mask), inside)


def test_an_outline_becomes_a_box_in_its_own_frame() -> None:
    outlines = {"img_size": [2320, 2828], "Cardiomegaly": [[[10.5, 20], [30, 25.5], [12, 40]], [[1, 2], [3, 4]]]}
    found = chexlocalize.boxes({"annotations_val": document({IMAGE: outlines})})
    frame = (2320.0, 2828.0)
    assert found[IMAGE] == (Box("Cardiomegaly", 20, 10.5, 40, 30, frame), Box("Cardiomegaly", 2, 1, 4, 3, frame))


def test_an_image_is_named_by_the_end_of_its_path() -> None:
    for folder in ("CheXpert-v1.0-small/valid", "CheXpert-v1.0 batch 1 (validate & csv)/valid", "val"):
        assert chexlocalize.image_of(f"{folder}/patient64541/study1/view1_frontal.jpg") == IMAGE


@pytest.mark.parametrize(
    "whole",
    [
        [1],
        {IMAGE: {"Edema": {"size": [2, 2]}}},
        {IMAGE: {"Edema": {"size": [2, 2], "counts": "1"}}},
        {IMAGE: {"Edema": 3}},
    ],
)
def test_a_document_of_another_form_is_named(whole) -> None:
    with pytest.raises(SourceError, match=r"set/gt\.json"):
        chexlocalize.masks({"segmentations_val": document(whole)})


@pytest.mark.parametrize("text", ["`", "o5P", "/"])
def test_text_that_is_no_run_length_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="run lengths"):
        chexlocalize.run_lengths(text)


def test_masks_and_boxes_come_to_chexpert_s_images(tmp_path: Path) -> None:
    image = "CheXpert-v1.0/valid/patient64541/study1/view1_frontal.jpg"
    sets.write(
        tmp_path / "train.csv", "Path,Cardiomegaly\nCheXpert-v1.0/train/patient00001/study1/view1_frontal.jpg,1\n"
    )
    sets.write(tmp_path / "valid.csv", f"Path,Cardiomegaly\n{image},1\n")
    entry = {"size": [6, 8], "counts": written([13, 2, 33])}
    sets.write(tmp_path / "CheXlocalize/gt_segmentations_val.json", json.dumps({IMAGE: {"Cardiomegaly": entry}}))
    outlines = {"img_size": [6, 8], "Cardiomegaly": [[[1, 2], [3, 5]]]}
    sets.write(tmp_path / "CheXlocalize/gt_annotations_val.json", json.dumps({IMAGE: outlines}))
    first, second = sets.mapped(chexpert.READER, tmp_path).rows.values()
    assert (first.masks, first.boxes) == ((), ())
    assert second.masks[0].runs == (13, 2, 33)
    assert second.boxes == (Box("Cardiomegaly", 2, 1, 5, 3, (6.0, 8.0)),)
