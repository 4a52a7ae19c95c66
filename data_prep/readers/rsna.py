"""RSNA Pneumonia Detection Challenge 2018: 26,684 frontal images of NIH ChestX-ray14, with boxes of opacities.

stage_2_train_labels.csv has a line a box (patientId, x, y, width, height, Target), in the image's own 1024 pixels. Target 1 says
that there is an opacity suggestive of pneumonia. It is read as both Pneumonia and Lung Opacity, and so is each box.
stage_2_detailed_class_info.csv adds which of the others are `Normal`, read as No Finding. Images are <patientId>.dcm.

The owners' patientId tells images apart, not patients. pneumonia-challenge-dataset-mappings_2018.json, where it lies in the folder,
gives each image's name in ChestX-ray14 and so its true patient. Without it each image stands as its own patient.
"""

from collections.abc import Iterator

from data_prep.cells import Cells
from data_prep.reader import NO_PATIENTS, Box, Inputs, Reader, Row, TableFile
from data_prep.source import SourceError
from data_prep.tables import Line
from dirvae.config import DataConfig
from dirvae.labels import BLANK, NEGATIVE, POSITIVE, UNLABELLED

BOXED = ("Lung Opacity", "Pneumonia")
SIDES = ("x", "y", "width", "height")


def tables(data: DataConfig, only: str) -> tuple[TableFile, ...]:
    columns = ("patientId", *SIDES, "Target")
    return (
        TableFile("labels", (f"{data.train_table or 'stage_2_train_labels'}.csv",), columns),
        TableFile("classes", ("stage_2_detailed_class_info.csv",), ("patientId", "class"), optional=True),
        TableFile("nih", ("pneumonia-challenge-dataset-mappings_2018.json",), optional=True, json=True),
    )


def rows(inputs: Inputs, cells: Cells) -> Iterator[Row]:
    classes = {line["patientId"]: line["class"] for line in inputs.tables.get("classes", ())}
    names = nih_names(inputs)
    if not names:
        cells.notice(f"{NO_PATIENTS}, unless pneumonia-challenge-dataset-mappings_2018.json lies in the folder")
    targets: dict[str, int] = {}
    boxes: dict[str, tuple[Box, ...]] = {}
    for line in inputs.tables["labels"]:
        image, target = line["patientId"], cells.label(line["Target"], line.where)
        target = UNLABELLED if target == BLANK else target  # no report is silent here: the cell says nothing
        targets[image] = max(target, targets.get(image, target))
        if target == POSITIVE:
            boxes[image] = (*boxes.get(image, ()), *_boxes(line))
    for image, target in targets.items():
        labels = dict.fromkeys(BOXED, target)
        if image in classes:
            labels["No Finding"] = POSITIVE if classes[image] == "Normal" else NEGATIVE
        name = names.get(image, image)
        patient, _, follow_up = name.removesuffix(".png").partition("_")
        yield Row(
            path=f"stage_2_train_images/{image}.dcm",
            patient=patient if image in names else image,
            study=f"{patient}/{follow_up}" if image in names else image,
            view="FRONTAL",
            labels=labels,
            boxes=boxes.get(image, ()),
        )


def _boxes(line: Line) -> tuple[Box, ...]:
    try:
        left, top, width, height = (float(line[side]) for side in SIDES)
    except ValueError:
        raise SourceError(f"{line.where}: {', '.join(SIDES)} must be numbers of pixels where Target is 1") from None
    return tuple(Box(finding, top, left, top + height, left + width) for finding in BOXED)


def nih_names(inputs: Inputs) -> dict[str, str]:
    """Names of images in ChestX-ray14 by their names here.

    Raises:
      SourceError: for a document of another form.
    """
    if "nih" not in inputs.documents:
        return {}
    document = inputs.documents["nih"]
    try:
        return {entry["subset_img_id"]: entry["img_id"] for entry in document.json()}
    except (TypeError, KeyError):
        raise SourceError(
            f"{document.name} is no list of entries with subset_img_id and img_id; fetch it again"
        ) from None


def findings(inputs: Inputs) -> tuple[str, ...]:
    return ("No Finding", *BOXED) if "classes" in inputs.tables else BOXED


READER = Reader(
    name="rsna",
    title="RSNA Pneumonia Detection Challenge",
    holds="the folder that holds stage_2_train_labels.csv",
    source="https://www.rsna.org/rsnai/ai-image-challenge/rsna-pneumonia-detection-challenge-2018 (not verified on the data; columns "
    "after https://github.com/mlmed/torchxrayvision/blob/main/torchxrayvision/datasets.py)",
    tables=tables,
    rows=rows,
    findings=findings,
    images_of="NIH ChestX-ray14",
)
