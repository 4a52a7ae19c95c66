"""CheXpert as published (v1.0 unpacked, v1.0-small, Kaggle's copies, its test set), and any folder with the same columns.

Tables hold a row an image: `Path`, `Sex`, `Age`, `Frontal/Lateral`, `AP/PA` and the 14 findings. Only `Path` and one finding must
be there. An optional boxes.csv gives findings' boxes.

Irvin et al. 2019, CheXpert: a large chest radiograph dataset with uncertainty labels and expert comparison.
"""

import re
from collections.abc import Iterator

from data_prep.cells import Cells
from data_prep.reader import Box, Inputs, Reader, Row, TableFile
from data_prep.source import SourceError
from data_prep.tables import Line
from dirvae.config import DataConfig
from dirvae.labels import FINDINGS, canonical


def tables(data: DataConfig, only: str) -> tuple[TableFile, ...]:
    """The tables of each split: those that the configuration names, and boxes."""
    named = {only: only} if only else {"train": data.train_table or "train"}
    if not only and not data.folds:
        named["test"] = data.test_table or "valid"
        named["validation"] = data.validation_table
    wanted = [
        TableFile(split, (f"{stem}.csv",), ("Path",), optional=split == "test" and not data.test_table)
        for split, stem in named.items()
        if stem
    ]
    return (*wanted, TableFile("boxes", ("boxes.csv",), ("Path", "label"), optional=True))


def rows(inputs: Inputs, cells: Cells) -> Iterator[Row]:
    boxes = read_boxes(inputs)
    for split, table in inputs.tables.items():
        if split == "boxes":
            continue
        labelled = [finding for finding in findings(inputs) if table.has(finding)]
        for line in table:
            patient, study = identity(line)
            yield Row(
                path=line["Path"],
                patient=patient,
                study=study,
                view=_view(line, cells),
                sex=cells.sex(line.get("Sex"), line.where),
                age=cells.age(line.get("Age"), line.where),
                labels={name: cells.label(line[name], line.where) for name in labelled},
                boxes=boxes.get(line["Path"], ()),
                split=split,
            )


def findings(inputs: Inputs) -> tuple[str, ...]:
    """The 14, and further columns of the tables that the configuration asks for."""
    return FINDINGS


def identity(line: Line) -> tuple[str, str]:
    """Patient and study from the path's folders, .../patientPPPPP/studyN/file.

    Raises:
      SourceError: for a path of another form.
    """
    path = line["Path"]
    parts = path.replace("\\", "/").split("/")
    if not path.isprintable() or re.match(r"[A-Za-z]:", path) or {"", ".", ".."} & set(parts):
        raise SourceError(f"{line.where}: the Path {path!r} must be relative, plain and within raw_dir")
    places = [i for i, part in enumerate(parts[:-2]) if part.startswith("patient")]
    if not places:
        raise SourceError(
            f"{line.where}: the Path {path!r} is not of the form .../patient00001/study1/view1_frontal.jpg"
        )
    patient, study = parts[places[-1]], parts[places[-1] + 1]  # the last, since a folder above may be called patients
    return patient, f"{patient}/{study}"


def _view(line: Line, cells: Cells) -> str:
    side = cells.view(line.get("Frontal/Lateral"), line.where)
    return side if side == "LATERAL" else max(cells.view(line.get("AP/PA"), line.where), side, key=_VIEW_ORDER.index)


_VIEW_ORDER = ("UNKNOWN", "FRONTAL", "OTHER", "PA", "AP", "LATERAL")  # the more specific of two views counts


def read_boxes(inputs: Inputs) -> dict[str, tuple[Box, ...]]:
    """Boxes of boxes.csv by path.

    Its columns are Path, label, x_F, y_F, w_F and h_F (left, top, width, height) in the pixels of an image whose longer side has
    F pixels, as in x_1024; of several frames the largest counts.

    Raises:
      SourceError: for missing columns, an unknown label, or a box without area.
    """
    if "boxes" not in inputs.tables:
        return {}
    boxes: dict[str, tuple[Box, ...]] = {}
    table = inputs.tables["boxes"]
    frame = max((int(match[1]) for name in table.header if (match := re.fullmatch(r"\s*x_(\d+)\s*", name))), default=0)
    if not frame:
        raise SourceError(f"{table.name} needs the columns x_F, y_F, w_F and h_F, with F the frame's size in pixels")
    table.require(tuple(f"{side}_{frame}" for side in "xywh"))
    for line in table:
        try:
            x, y, w, h = (float(line[f"{side}_{frame}"]) for side in "xywh")
        except ValueError:
            raise SourceError(f"{line.where}: x, y, w and h must be numbers") from None
        box = Box(BOX_LABELS.get(line["label"], canonical(line["label"])), y, x, y + h, x + w, float(frame))
        boxes[line["Path"]] = (*boxes.get(line["Path"], ()), box)
    return boxes


BOX_LABELS = {
    "Infiltrate": "Lung Opacity",
    "Infiltration": "Lung Opacity",
    "Mass": "Lung Lesion",
    "Nodule": "Lung Lesion",
    "Pleural_Thickening": "Pleural Other",
}
"""Names that NIH ChestX-ray14 gives its boxes, as findings of CheXpert."""

READER = Reader(
    name="chexpert",
    title="CheXpert",
    holds="the folder that holds train.csv",
    source="https://stanfordmlgroup.github.io/competitions/chexpert/",
    tables=tables,
    rows=rows,
    findings=findings,
    images_of="CheXpert",
    tail=3,
    split_is_table=True,
)
