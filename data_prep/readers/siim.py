"""SIIM-ACR Pneumothorax Segmentation 2019: masks of pneumothoraces in frontal images of NIH ChestX-ray14.

train-rle.csv has a line a mask (`ImageId`, ` EncodedPixels`), and -1 where an image has none. A mask is numbers in pairs: pixels to
go on, then pixels that are inside, down the columns of the image, whose side is 1024 pixels. Each step counts from the end of the run
before it, unlike in other competitions. Images are <ImageId>.dcm, in a folder a study and a series.

The images are NIH's (Filice et al. 2020). Patients are only in the DICOM headers, and are not read: each image stands as its own.
"""

from collections.abc import Iterator

from data_prep.cells import Cells
from data_prep.reader import NO_PATIENTS, Inputs, Mask, Reader, Row, TableFile
from data_prep.source import SourceError
from data_prep.tables import Line
from dirvae.config import DataConfig
from dirvae.labels import NEGATIVE, POSITIVE, UNLABELLED

FINDING = "Pneumothorax"
SIDE = 1024


def tables(data: DataConfig, only: str) -> tuple[TableFile, ...]:
    names = (f"{data.train_table}.csv",) if data.train_table else ("train-rle.csv", "stage_2_train.csv")
    return (TableFile("masks", names, ("ImageId", "EncodedPixels")),)


def rows(inputs: Inputs, cells: Cells) -> Iterator[Row]:
    cells.notice(NO_PATIENTS)
    masks: dict[str, list[Mask]] = {}
    free: set[str] = set()  # images of which a line says that they have no mask, unlike an empty cell
    for line in inputs.tables["masks"]:
        image = masks.setdefault(line["ImageId"], [])
        if line["EncodedPixels"] == "-1":
            free.add(line["ImageId"])
        elif line["EncodedPixels"]:
            image.append(mask_of(line))
    for image, own in masks.items():
        labels = {FINDING: POSITIVE if own else NEGATIVE if image in free else UNLABELLED}
        yield Row(f"{image}.dcm", patient=image, study=image, view="FRONTAL", labels=labels, masks=tuple(own))


def mask_of(line: Line) -> Mask:
    """The mask of a line, whose numbers are already runs outside and inside by turns.

    Raises:
      SourceError: for numbers that are none, or that leave the image.
    """
    try:
        runs = tuple(map(int, line["EncodedPixels"].split()))
    except ValueError:
        runs = (-1,)
    if min(runs) < 0 or len(runs) % 2 or sum(runs) > SIDE**2:
        raise SourceError(
            f"{line.where}: EncodedPixels must be pairs of a step and a length within {SIDE} x {SIDE} pixels"
        )
    return Mask(FINDING, SIDE, SIDE, runs)


def findings(inputs: Inputs) -> tuple[str, ...]:
    return (FINDING,)


READER = Reader(
    name="siim",
    title="SIIM-ACR Pneumothorax",
    holds="the folder that holds train-rle.csv",
    source="https://www.kaggle.com/c/siim-acr-pneumothorax-segmentation (not verified on the data; masks after the owners' "
    "mask_functions.py as in https://github.com/mlmed/torchxrayvision/blob/main/torchxrayvision/datasets.py)",
    tables=tables,
    rows=rows,
    findings=findings,
    images_of="NIH ChestX-ray14",
)
