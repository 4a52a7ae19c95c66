"""SIIM-ACR Pneumothorax: relative run lengths down the columns are the masks that were drawn."""

from pathlib import Path

import numpy as np
import pytest
from support import sets

from data_prep.readers import siim
from data_prep.source import SourceError


def encoded(mask: np.ndarray) -> str:
    """Relative run lengths of a mask [1024, 1024] as the owners write them: pixel by pixel, down one column after the other."""
    steps, start, end = [], None, 0
    for place, inside in enumerate(mask.T.reshape(-1).tolist()):
        if inside and start is None:
            start = place
            steps.append(place - end)
        if not inside and start is not None:
            steps.append(place - start)
            start, end = None, place
    return " ".join(map(str, steps))


@pytest.fixture
def mask() -> np.ndarray:
    mask = np.zeros((1024, 1024), bool)
    mask[100:140, 700:712] = True
    mask[300, 5] = True
    return mask


@pytest.fixture
def folder(tmp_path: Path, mask: np.ndarray) -> Path:
    lines = ["ImageId, EncodedPixels", "1.2.3, -1", f"1.2.4, {encoded(mask)}", "1.2.4, 10 3", "1.2.5,-1"]
    sets.write(tmp_path / "train-rle.csv", "\n".join(lines))
    return tmp_path


def test_runs_are_the_mask_that_was_drawn(folder: Path, mask: np.ndarray) -> None:
    rows = sets.mapped(siim.READER, folder).rows
    drawn, second = rows["1.2.4.dcm"].masks
    inside = np.repeat(np.arange(len(drawn.runs)) % 2 == 1, drawn.runs)
    whole = np.pad(inside, (0, 1024 * 1024 - len(inside))).reshape(1024, 1024).T
    np.testing.assert_array_equal(whole, mask)
    assert second.runs == (10, 3)
    assert [row.labels["Pneumothorax"] for row in rows.values()] == [0, 1, 0]
    assert rows["1.2.3.dcm"].masks == ()


def test_images_are_found_below_study_and_series(folder: Path) -> None:
    for name in ("1.2.3", "1.2.4", "1.2.5"):
        sets.write(folder / "dicom-images-train" / f"{name}.1" / f"{name}.2" / f"{name}.dcm", "")
    found = sets.files(siim.READER, folder)
    assert found["1.2.4.dcm"] == "dicom-images-train/1.2.4.1/1.2.4.2/1.2.4.dcm"


@pytest.mark.parametrize("runs", ["1 2 3", "1 a", "5 -2", f"5 {1024 * 1024}"])
def test_numbers_that_are_no_mask_are_named_by_their_line(folder: Path, runs: str) -> None:
    sets.write(folder / "train-rle.csv", f"ImageId,EncodedPixels\n1.2.3,{runs}\n")
    with pytest.raises(SourceError, match="line 2: EncodedPixels must be pairs"):
        sets.mapped(siim.READER, folder)


def test_the_folder_is_recognised(folder: Path) -> None:
    assert sets.recognised(folder) == "siim"


def test_that_patients_are_not_known_is_said(folder: Path) -> None:
    (notice,) = sets.mapped(siim.READER, folder).notices
    assert notice.startswith("patients are not known")


def test_an_empty_cell_does_not_say_that_there_is_no_pneumothorax(folder: Path) -> None:
    table = folder / "train-rle.csv"
    table.write_text(table.read_text() + "\n1.2.6,\n")
    rows = sets.mapped(siim.READER, folder).rows
    states = [rows[f"1.2.{number}.dcm"].labels["Pneumothorax"] for number in (3, 4, 5, 6)]
    assert states == [0, 1, 0, -3]
