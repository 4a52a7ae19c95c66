"""A folder of images without a table."""

from pathlib import Path

import pytest
from support import sets

from data_prep.source import SourceError
from dirvae.labels import UNLABELLED


def test_every_image_is_taken_unlabelled(tmp_path: Path) -> None:
    for number, name in enumerate(("a.png", "deep/b.JPG", "._c.png", "patient1/study1/x.png", "patient1/study2/y.png")):
        sets.picture(tmp_path / name, seed=number)
    sets.write(tmp_path / "notes.txt", "none")
    source = sets.source(tmp_path, "folder", image_size=16, validation_percent=50)
    rows = [entry.row for part in source.plan().entries.values() for entry in part]
    assert {row.path: (row.patient, row.study) for row in rows} == {
        "a.png": ("a.png", "a.png/study"),
        "deep/b.JPG": ("deep/b.JPG", "deep/b.JPG/study"),
        "patient1/study1/x.png": ("patient1", "patient1/study1"),
        "patient1/study2/y.png": ("patient1", "patient1/study2"),
    }
    examples, skipped = sets.everything(source)
    assert skipped == []
    assert all((example.labels == UNLABELLED).all() for part in examples.values() for example in part)
    assert "4 images are taken without a table: they are unlabelled" in source.facts()["notices"]
    assert "2 images lie in no patient's folder: each counts as a patient of its own" in source.facts()["notices"]


def test_a_folder_without_an_image_is_refused(tmp_path: Path) -> None:
    with pytest.raises(SourceError, match="holds no image; give a folder of image files"):
        sets.source(tmp_path, "folder").plan()
