"""The reader on real chest X-rays, read where they lie, against the tables and files as the standard library reads them."""

import csv
from collections import Counter
from pathlib import Path

import numpy as np
from PIL import Image
from support.sets import everything, opened, patients

from data_prep.build import build, read_manifest
from data_prep.verify import verify
from dirvae.labels import FINDINGS

STATES = {"1.0": "positive", "0.0": "negative", "-1.0": "uncertain", "": "blank"}


def rows(real_set: Path, table: str) -> list[dict[str, str]]:
    with (real_set / f"{table}.csv").open(newline="") as file:
        return list(csv.DictReader(file))


def test_the_data_set_holds_what_the_tables_say(real_set: Path, tmp_path: Path) -> None:
    built = build(opened(real_set, 64), tmp_path, workers=1)
    whole, train, valid = read_manifest(built), rows(real_set, "train"), rows(real_set, "valid")
    assert verify(built).problems == ()
    assert whole["skipped"] == []
    splits = whole["splits"]
    assert splits["train"]["images"] + splits["validation"]["images"] == len(train)
    assert splits["test"]["images"] == len(valid)
    for finding in FINDINGS:
        expected = Counter(STATES[row[finding]] for row in train + valid)
        found = sum((Counter(split["labels"][finding]) for split in splits.values()), Counter())
        assert found == expected, finding
    assert 0.05 < splits["validation"]["patients"] / len({row["Path"].split("/")[2] for row in train}) < 0.15
    assert sum(split["boxes"] for split in splits.values()) == whole["facts"]["boxes_listed"]
    assert whole["facts"]["boxes_listed"] == len(rows(real_set, "boxes"))


def test_pixels_and_boxes_are_those_of_the_files(real_set: Path) -> None:
    examples, skipped = everything(opened(real_set, 64, only="valid"))
    assert skipped == []
    for example in examples["valid"]:
        with Image.open(real_set.parent / example.path) as picture:
            np.testing.assert_array_equal(example.image[..., 0], np.asarray(picture.convert("L")))
    listed = [row for row in rows(real_set, "boxes") if "/valid/" in row["Path"]]
    assert sum(len(example.boxes) for example in examples["valid"]) == len(listed)
    by_path = {example.path: example.boxes for example in examples["valid"]}
    for row in listed:
        x, y, w, h = (float(row[f"{side}_64"]) / 64 for side in "xywh")
        distance = np.abs(by_path[row["Path"]][:, 1:] - [y, x, y + h, x + w]).max(axis=1)
        assert distance.min() < 0.02 / 64  # which those coordinates were rounded to


def test_folds_hold_every_patient_out_once(real_set: Path) -> None:
    folds = [patients(opened(real_set, 64, folds=5, fold=fold)) for fold in range(5)]
    held_out = [fold["validation"] for fold in folds]
    whole = {row["Path"].split("/")[2] for row in rows(real_set, "train")}
    assert sum(map(len, held_out)) == len(whole)
    assert set.union(*held_out) == whole
    for fold in folds:
        assert not fold["train"] & fold["validation"]
