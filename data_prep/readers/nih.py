"""NIH ChestX-ray14: 112,120 frontal images of 30,805 patients, with text-mined labels, an official split and 984 boxes.

The table is Data_Entry_2017_v2020.csv, or its first version Data_Entry_2017.csv as Kaggle has it. `Finding Labels` joins names by |.
Every finding that a line does not name is negative, and `No Finding` is positive where the line says so. Images are looked up by
their names, so that images_001/images/..., images/... and Kaggle's folders will do.

train_val_list.txt and test_list.txt, where they are there, are the official split. BBox_List_2017.csv has boxes in the 1024-pixel
frame. The adjudicated labels of four findings (Majkowska et al. 2020) become the test split, alone, where `data.test_table` names
their table, which has a column `Airspace opacity`. Their patients' other images are then left out.
"""

from collections.abc import Iterator, Mapping

from data_prep.cells import Cells
from data_prep.reader import Box, Inputs, Reader, Row, TableFile
from data_prep.source import SourceError
from data_prep.tables import Line, Table
from dirvae.config import DataConfig
from dirvae.labels import NEGATIVE, POSITIVE, UNLABELLED, canonical

NAMES = (
    "No Finding|Atelectasis|Cardiomegaly|Effusion|Infiltration|Mass|Nodule|Pneumonia|Pneumothorax|Consolidation|Edema|"
    "Emphysema|Fibrosis|Pleural_Thickening|Hernia"
)
FINDINGS = tuple(canonical(name) for name in NAMES.split("|"))
ADJUDICATED = {"Fracture": "Fracture", "Pneumothorax": "Pneumothorax"}
ADJUDICATED |= {"Airspace opacity": "Lung Opacity", "Nodule or mass": "Lung Lesion"}
"""Columns of the adjudicated labels, whose cells are YES or NO, and the findings that they are here."""
STATES = {"YES": POSITIVE, "NO": NEGATIVE}
FRAME = 1024.0  # all images are squares of so many pixels, and boxes are counted in them


def tables(data: DataConfig, only: str) -> tuple[TableFile, ...]:
    names = (f"{data.train_table}.csv",) if data.train_table else ("Data_Entry_2017_v2020.csv", "Data_Entry_2017.csv")
    wanted = [
        TableFile("entries", names, ("Image Index", "Finding Labels", "Patient ID")),
        TableFile("train", ("train_val_list.txt",), optional=True),
        TableFile("test", ("test_list.txt",), optional=True),
        TableFile(
            "boxes", ("BBox_List_2017.csv",), ("Image Index", "Finding Label", "Bbox [x", "w", "h]"), optional=True
        ),
    ]
    if data.test_table:
        wanted.append(TableFile("adjudicated", (f"{data.test_table}.csv",), ("Image Index", *ADJUDICATED)))
    return tuple(wanted)


def rows(inputs: Inputs, cells: Cells) -> Iterator[Row]:
    boxes, split = boxes_by_image(inputs.tables.get("boxes")), OfficialSplit(inputs.tables)
    adjudicated = adjudicated_labels(inputs.tables.get("adjudicated"), cells)
    if not split.lists and not inputs.only:
        cells.notice(
            "train_val_list.txt and test_list.txt are not in the folder, so that the official split is not known"
        )
    scored = {image.partition("_")[0] for image in adjudicated}
    for line in inputs.tables["entries"]:
        image, patient = line["Image Index"], line["Patient ID"].zfill(8)
        place = "test" if image in adjudicated else split.of(line, cells)
        if image not in adjudicated and (patient in scored or (adjudicated and place == "test")):
            continue
        labels = cells.listed(line["Finding Labels"].split("|"), FINDINGS, line.where)
        yield Row(
            path=image,
            patient=patient,
            study=f"{patient}/{line.get('Follow-up #')}",
            view=cells.view(line.get("View Position"), line.where),
            sex=cells.sex(line.get("Patient Gender", line.get("Patient Sex")), line.where),
            age=cells.age(line.get("Patient Age"), line.where),
            labels=labels | adjudicated.get(image, {}),
            boxes=boxes.get(image, ()),
            split=place,
        )


def findings(inputs: Inputs) -> tuple[str, ...]:
    """The owners' 14, No Finding, and what the adjudicated labels add."""
    added = ADJUDICATED.values() if "adjudicated" in inputs.tables else ()
    return tuple(dict.fromkeys((*FINDINGS, *added)))


class OfficialSplit:
    """Which list an image is in. Where only one list is there, the other images are in the other part."""

    def __init__(self, tables: Mapping[str, Table]) -> None:
        self.lists = {part: _listed(tables[part]) for part in ("train", "test") if part in tables}

    def of(self, line: Line, cells: Cells) -> str:
        image = line["Image Index"]
        for part, images in self.lists.items():
            if image in images:
                return part
        if len(self.lists) == 1:
            return "test" if "train" in self.lists else "train"
        if self.lists:
            cells.read["split"] += 1
            cells.unknown("split", image, line.where)
        return ""


def _listed(table: Table) -> frozenset[str]:
    """The names of a list, which has no line of column names."""
    return frozenset((table.header[0].strip(), *(line.cells[0].strip() for line in table)))


def boxes_by_image(table: Table | None) -> dict[str, tuple[Box, ...]]:
    """Boxes of BBox_List_2017.csv, whose header `Bbox [x,y,w,h]` stands for four columns: left, top, width, height.

    Raises:
      SourceError: for an edge that is no number.
    """
    boxes: dict[str, tuple[Box, ...]] = {}
    for line in table or ():
        try:
            x, y, w, h = (float(line[side]) for side in ("Bbox [x", "y", "w", "h]"))
        except ValueError:
            raise SourceError(f"{line.where}: x, y, w and h must be numbers of pixels") from None
        box = Box(canonical(line["Finding Label"]), y, x, y + h, x + w, FRAME)
        boxes[line["Image Index"]] = (*boxes.get(line["Image Index"], ()), box)
    return boxes


def adjudicated_labels(table: Table | None, cells: Cells) -> dict[str, dict[str, int]]:
    """Labels of four findings by image; a cell that is neither YES nor NO is not labelled."""
    labels = {}
    for line in table or ():
        odd = [name for name in ADJUDICATED if line[name] not in STATES]
        cells.read["label"] += len(ADJUDICATED)
        for name in odd:
            cells.unknown("label", line[name], line.where)
        labels[line["Image Index"]] = {to: STATES.get(line[name], UNLABELLED) for name, to in ADJUDICATED.items()}
    return labels


READER = Reader(
    name="nih",
    title="NIH ChestX-ray14",
    holds="the folder that holds Data_Entry_2017_v2020.csv",
    source="https://nihcc.app.box.com/v/ChestXray-NIHCC (tables read whole; folders and lists after "
    "https://github.com/mlmed/torchxrayvision/blob/main/torchxrayvision/datasets.py and Kaggle's nih-chest-xrays/data)",
    tables=tables,
    rows=rows,
    findings=findings,
    images_of="NIH ChestX-ray14",
)
