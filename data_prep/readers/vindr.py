"""VinDr-CXR: 18,000 PA images, each of the 15,000 for training read by three radiologists; PhysioNet's files or Kaggle's.

PhysioNet's annotations/image_labels_train.csv has a line an image and reader (image_id, rad_id, then 28 findings of 0 or 1), and
annotations/annotations_train.csv a line a box in the image's own pixels. The tables of the test split have one line an image, the
consensus of five. Kaggle's VinBigData train.csv has a line a box and reader (image_id, class_name, rad_id, edges), `No finding`
where a reader saw none, and 14 findings.

A finding is positive where more than half of an image's readers name it, uncertain where some do, else negative. Boxes are those
of all readers. Sex and age are only in the DICOM headers and not read. There are no patients: each image stands as its own.
"""

from collections.abc import Iterable, Iterator

from data_prep import recognition
from data_prep.cells import Cells
from data_prep.reader import NO_PATIENTS, Box, Inputs, Reader, Row, TableFile
from data_prep.source import SourceError
from data_prep.tables import Line, Table
from dirvae.config import DataConfig
from dirvae.labels import NEGATIVE, POSITIVE, UNCERTAIN, UNLABELLED, canonical

KAGGLE = (
    "No finding,Aortic enlargement,Atelectasis,Calcification,Cardiomegaly,Consolidation,ILD,Infiltration,Lung Opacity,"
    "Nodule/Mass,Other lesion,Pleural effusion,Pleural thickening,Pneumothorax,Pulmonary fibrosis"
)
SPELLINGS = {"Other disease": "Other diseases", "No finding": "No Finding"}  # of one of the two tables of labels
FACTS = ("image id", "rad id", "rad ids")
EDGES = ("y_min", "x_min", "y_max", "x_max")  # in the order of `Box`


def name_of(text: str) -> str:
    return canonical(SPELLINGS.get(text.strip(), text))


def tables(data: DataConfig, only: str) -> tuple[TableFile, ...]:
    boxes = ("image_id", "class_name", *EDGES)
    return (
        TableFile("labels/train", ("image_labels_train.csv",), ("image_id",), optional=True),
        TableFile("labels/test", ("image_labels_test.csv",), ("image_id",), optional=True),
        TableFile("boxes/train", ("annotations_train.csv",), boxes, optional=True),
        TableFile("boxes/test", ("annotations_test.csv",), boxes, optional=True),
        TableFile("kaggle", ("train.csv",), (*boxes, "rad_id"), optional=True),
        TableFile("sizes", ("train_meta.csv",), ("image_id", "dim0", "dim1"), optional=True),
    )


def columns(table: Table) -> dict[str, str]:
    """Findings by the columns of a table of labels."""
    return {name: name_of(name) for name in table.header if " ".join(name.lower().split("_")) not in FACTS}


def findings(inputs: Inputs) -> tuple[str, ...]:
    named = [
        name
        for key in ("labels/train", "labels/test")
        if key in inputs.tables
        for name in columns(inputs.tables[key]).values()
    ]
    return tuple(dict.fromkeys(named)) or tuple(map(name_of, KAGGLE.split(",")))


def rows(inputs: Inputs, cells: Cells) -> Iterator[Row]:
    found = {
        split: inputs.tables[f"labels/{split}"] for split in ("train", "test") if f"labels/{split}" in inputs.tables
    }
    if not found and "kaggle" not in inputs.tables:
        raise SourceError(
            f"raw_dir {inputs.folder} holds neither image_labels_train.csv nor train.csv; "
            f"{recognition.other(inputs.folder, READER, inputs.data) or 'give ' + READER.holds}"
        )
    cells.notice(NO_PATIENTS)
    for split, table in found.items():
        boxes = boxes_by_image(inputs.tables.get(f"boxes/{split}"), {})
        votes, unread = votes_of_labels(table, cells)
        for row in _rows(votes, columns(table).values(), boxes, split):
            yield row._replace(labels={**row.labels, **dict.fromkeys(unread.get(row.patient, ()), UNLABELLED)})
    if not found:
        sizes = {line["image_id"]: _frame(line) for line in inputs.tables.get("sizes", ())}
        named = [name_of(name) for name in KAGGLE.split(",")]
        table = inputs.tables["kaggle"]
        yield from _rows(votes_of_boxes(table, named, cells), named, boxes_by_image(table, sizes), "train")


Votes = dict[str, dict[str, set[str]]]  # image -> reader -> findings that they name


def _rows(votes: Votes, named: Iterable[str], boxes: dict[str, tuple[Box, ...]], split: str) -> Iterator[Row]:
    named = tuple(named)
    for image, readers in votes.items():
        counts = {name: sum(name in seen for seen in readers.values()) for name in named}
        labels = {name: state_of(count, len(readers)) for name, count in counts.items()}
        yield Row(
            path=f"{split}/{image}.dicom",
            patient=image,
            view="PA",
            labels=labels,
            boxes=boxes.get(image, ()),
            split=split,
        )


def state_of(votes: int, readers: int) -> int:
    """A finding's state: what most readers say, and uncertain where no more than half of them see it."""
    return POSITIVE if 2 * votes > readers else UNCERTAIN if votes else NEGATIVE


def votes_of_labels(table: Table, cells: Cells) -> tuple[Votes, dict[str, set[str]]]:
    """The votes, and the findings by image of which a reader's cell is neither 0 nor 1, so that nobody can count them."""
    votes: Votes = {}
    unread: dict[str, set[str]] = {}
    named = columns(table)
    for line in table:
        states = {finding: cells.label(line[name], line.where) for name, finding in named.items()}
        seen = {finding for finding, state in states.items() if state == POSITIVE}
        votes.setdefault(line["image_id"], {})[line.get("rad_id")] = seen
        if odd := {finding for finding, state in states.items() if state not in (POSITIVE, NEGATIVE)}:
            unread.setdefault(line["image_id"], set()).update(odd)
    return votes, unread


def votes_of_boxes(table: Table, named: list[str], cells: Cells) -> Votes:
    votes: Votes = {}
    for line in table:
        cells.read["finding"] += 1
        finding = name_of(line["class_name"])
        if finding not in named:
            cells.unknown("finding", line["class_name"], line.where)
        votes.setdefault(line["image_id"], {}).setdefault(line["rad_id"], set()).add(finding)
    return votes


def boxes_by_image(table: Table | None, frames: dict[str, tuple[float, float]]) -> dict[str, tuple[Box, ...]]:
    """Boxes of all readers; a line without edges, as of `No finding`, is none.

    Raises:
      SourceError: for an edge that is no number.
    """
    boxes: dict[str, tuple[Box, ...]] = {}
    for line in table or ():
        edges = [line[side] for side in EDGES]
        if all(edge.lower() in ("", "nan") for edge in edges):
            continue
        try:
            top, left, bottom, right = map(float, edges)
        except ValueError:
            raise SourceError(f"{line.where}: {', '.join(EDGES)} must be numbers of pixels") from None
        box = Box(name_of(line["class_name"]), top, left, bottom, right, frames.get(line["image_id"]))
        boxes[line["image_id"]] = (*boxes.get(line["image_id"], ()), box)
    return boxes


def _frame(line: Line) -> tuple[float, float]:
    """Height and width of the image that a resized copy was made from.

    Raises:
      SourceError: for a size that is no number of pixels.
    """
    try:
        height, width = float(line["dim0"]), float(line["dim1"])
    except ValueError:
        height = width = 0.0
    if not (height > 0 and width > 0):
        raise SourceError(f"{line.where}: dim0 and dim1 must be numbers of pixels")
    return height, width


READER = Reader(
    name="vindr",
    title="VinDr-CXR",
    holds="the folder that holds train/ and annotations/, or Kaggle's train.csv",
    source="https://physionet.org/content/vindr-cxr/1.0.0/ and https://www.kaggle.com/c/vinbigdata-chest-xray-abnormalities-detection "
    "(not verified on the data; columns after public code that reads them)",
    tables=tables,
    rows=rows,
    findings=findings,
    images_of="VinDr-CXR",
    known_by=tables(DataConfig(), "")[:5],
)
