"""CheXpert as published (v1.0 unpacked, v1.0-small, Kaggle's copies, its test set), and any folder with the same columns.

Tables hold a row an image: `Path`, `Sex`, `Age`, `Frontal/Lateral`, `AP/PA` and the 14 findings. Only `Path` and one finding must
be there. The test set's groundtruth.csv holds a row a study instead, named by `Study`, and means every image in the study's folder.
A view that no table states is read from the file's name, as in view2_lateral. CheXpert's labeller fills at least one cell of
every row, if only that of No Finding: a row whose labels are all empty, No Finding among them, is one of an unlabelled image. An
optional boxes.csv gives findings' boxes, and CheXlocalize's files, where they lie in
the folder or one below it, give masks and boxes (`data_prep.chexlocalize`).

Irvin et al. 2019, CheXpert: a large chest radiograph dataset with uncertainty labels and expert comparison.
"""

import difflib
import math
import re
from collections.abc import Iterator

from data_prep import chexlocalize
from data_prep.cells import Cells
from data_prep.files import plain
from data_prep.images import ImageError
from data_prep.reader import Box, Inputs, Reader, Row, TableFile
from data_prep.source import SourceError
from data_prep.tables import Line, Table, fold
from dirvae.config import DataConfig
from dirvae.labels import BLANK, FINDINGS, canonical

TAIL = 3  # patient, study and file name
STUDY = re.compile(r"(?:.*/)?(patient[^/]*|p\d{6,})/([^/]+)/")  # p10000032/s50414267 is how MIMIC-CXR names them
VIEW_IN_NAME = re.compile(r"frontal|lateral", re.IGNORECASE)
BOX_LABELS = {
    "Infiltrate": "Lung Opacity",
    "Infiltration": "Lung Opacity",
    "Mass": "Lung Lesion",
    "Nodule": "Lung Lesion",
    "Pleural Thickening": "Pleural Other",
}
"""Names that NIH ChestX-ray14 gives its boxes, as findings of CheXpert."""


def tables(data: DataConfig, only: str) -> tuple[TableFile, ...]:
    """The tables of each split: those that the configuration names, and boxes.

    Raises:
      SourceError: for a split whose name is no table's.
    """
    if only and (not re.fullmatch(r"[\w-]+", only) or only == "all"):
        raise SourceError(f"the split {only!r} must be the name of a CSV in raw_dir, without .csv")
    named = {only: only} if only else {"train": data.train_table or "train"}
    if not only and not data.folds:
        named["validation"] = data.validation_table
        used = {plain_stem(data.train_table), plain_stem(data.validation_table)}
        named["test"] = data.test_table or ("" if "valid" in used else "valid")
    wanted = [
        TableFile(
            split,
            (f"{plain_stem(stem)}.csv",),
            () if only else ("Path",),
            optional=split == "test" and not data.test_table,
        )
        for split, stem in named.items()
        if stem
    ]
    return (*wanted, TableFile("boxes", ("boxes.csv",), ("Path", "label"), optional=True), *chexlocalize.DOCUMENTS)


def plain_stem(name: str) -> str:
    """The name of a table as flags give it, without .csv."""
    return name.removesuffix(".gz").removesuffix(".csv")


def rows(inputs: Inputs, cells: Cells) -> Iterator[Row]:
    boxes = read_boxes(inputs, cells)
    unused = set(boxes)
    masks, outlines = chexlocalize.masks(inputs.documents), chexlocalize.boxes(inputs.documents)
    for split, table in inputs.tables.items():
        if split == "boxes":
            continue
        columns = labelled(table, findings(inputs))
        for column, finding in misspelt(table, columns, findings(inputs)):
            cells.notice(
                f"{table.name} has no column {finding}, but one named {column}, which is not read; correct its name"
            )
        names, places = tuple(columns), [table.place(column) for column in columns.values()]
        by_study = not table.has("Path") and table.has("Study")
        table.require(() if by_study else ("Path",))
        for line in table:
            labels = cells.labels(names, [line.cells[place].strip() for place in places], line)
            if "No Finding" in columns and labels["No Finding"] == BLANK and set(labels.values()) == {BLANK}:
                labels = {}
            sex, age = cells.sex(line.get("Sex"), line), cells.age(line.get("Age"), line)
            for path in images_of_study(line, inputs) if by_study else (line["Path"],):
                patient, study = identity(path, line)
                place = inputs.folder.meant(path, TAIL) if boxes else ""
                unused.discard(place)
                view, name = view_of(line, path, cells), chexlocalize.image_of(path) if masks or outlines else ""
                own = (*boxes.get(place, ()), *outlines.get(name, ()))
                yield Row(path, patient, study, view, sex, age, labels, own, masks.get(name, ()), split)
    if unused:
        cells.notice(f"{len(unused)} images of boxes.csv are in no other table, such as {min(unused)}")


def findings(inputs: Inputs) -> tuple[str, ...]:
    """The 14, and further columns of the tables that the configuration asks for."""
    asked = {fold(canonical(name)) for name in inputs.data.labels} - set(map(fold, FINDINGS))
    tables = (table for key, table in inputs.tables.items() if key != "boxes")
    names = (canonical(column) for table in tables for column in table.header)
    return FINDINGS + tuple({fold(name): name for name in names if fold(name) in asked}.values())


def labelled(table: Table, known: tuple[str, ...]) -> dict[str, str]:
    """The column of each finding that a table labels."""
    columns = {fold(canonical(column)): column for column in table.header}
    return {finding: columns[fold(finding)] for finding in known if fold(finding) in columns}


def misspelt(table: Table, columns: dict[str, str], known: tuple[str, ...]) -> list[tuple[str, str]]:
    """Columns that no finding has, each with the finding without a column that its name is near to."""
    unused = {fold(name): name for name in table.header if name and name not in columns.values()}
    missing = [finding for finding in known if finding not in columns]
    near = ((difflib.get_close_matches(fold(finding), unused, n=1, cutoff=0.8), finding) for finding in missing)
    return [(unused[match[0]], finding) for match, finding in near if match]


def images_of_study(line: Line, inputs: Inputs) -> list[str]:
    """The images in a study's folder; where there is none, a name that the build will list as missing."""
    identity(f"{line['Study']}/view1_frontal.jpg", line)
    try:
        images = inputs.folder.under(line["Study"], TAIL - 1)
    except ImageError as error:
        raise SourceError(f"{line}: {line['Study']}: {error}") from None
    return images or [f"{line['Study']}/view1_frontal.jpg"]


def identity(path: str, line: Line) -> tuple[str, str]:
    """Patient and study from the path's folders, .../patientPPPPP/studyN/file.

    Raises:
      SourceError: for a path of another form.
    """
    place = plain(path)
    if not place or not path.isprintable() or (".." in place and ".." in place.split("/")):
        raise SourceError(f"{line}: the Path {path!r} must be plain, without .., and lead to a file within raw_dir")
    match = STUDY.match(place)
    if not match:
        raise SourceError(f"{line}: the Path {path!r} is not of the form .../patient00001/study1/view1_frontal.jpg")
    return match[1], f"{match[1]}/{match[2]}"


def view_of(line: Line, path: str, cells: Cells) -> str:
    """The view that the table states, the more specific of its two columns counting; else the one in the file's name."""
    side, projection = (cells.view(line.get(column), line, f"{column} view") for column in ("Frontal/Lateral", "AP/PA"))
    view = side if side == "LATERAL" else max(projection, side, key=_VIEW_ORDER.index)
    match = VIEW_IN_NAME.search(path, path.rfind("/") + 1) if view == "UNKNOWN" else None
    return match[0].upper() if match else view


_VIEW_ORDER = ("UNKNOWN", "FRONTAL", "OTHER", "PA", "AP", "LATERAL")


def read_boxes(inputs: Inputs, cells: Cells) -> dict[str, tuple[Box, ...]]:
    """Boxes of boxes.csv by the image that they lie in, as `Folder.meant` names it.

    Its columns are Path, label, x_F, y_F, w_F and h_F (left, top, width, height) in the pixels of an image whose longer side has
    F pixels, as in x_1024; of several frames the largest counts. Labels that are no finding of the set are counted.

    Raises:
      SourceError: for missing columns, a coordinate that is no number, or a box without area.
    """
    boxes: dict[str, tuple[Box, ...]] = {}
    if "boxes" not in inputs.tables:
        return boxes
    table = inputs.tables["boxes"]
    frame = _frame(table)
    known = {fold(name): name for name in findings(inputs)} | {fold(name): own for name, own in BOX_LABELS.items()}
    for line in table:
        cells.read["box label"] += 1
        finding = known.get(fold(canonical(line["label"])))
        if finding is None:
            cells.unknown("box label", line["label"], line)
        else:
            path = inputs.folder.meant(line["Path"], TAIL)
            boxes[path] = (*boxes.get(path, ()), _box(line, finding, frame))
    return boxes


def _frame(table: Table) -> int:
    sizes = [int(match[1]) for name in table.header if (match := re.fullmatch(r"x_(\d+)", name))]
    frame = max(sizes, default=0)
    if not frame or not all(table.has(f"{side}_{frame}") for side in "ywh"):
        raise SourceError(f"{table.name} needs the columns x_F, y_F, w_F and h_F, with F the frame's size in pixels")
    return frame


def _box(line: Line, finding: str, frame: int) -> Box:
    try:
        x, y, w, h = (float(line[f"{side}_{frame}"]) for side in "xywh")
        if not all(map(math.isfinite, (x, y, w, h))):
            raise ValueError
    except ValueError:
        raise SourceError(f"{line}: x, y, w and h must be numbers") from None
    if not (w > 0 and h > 0 and x < frame and y < frame and x + w > 0 and y + h > 0):
        raise SourceError(f"{line}: the box has no area within its frame of {frame} pixels")
    return Box(finding, y, x, y + h, x + w, float(frame))


READER = Reader(
    name="chexpert",
    title="CheXpert",
    holds="the folder that holds train.csv",
    source="https://stanfordmlgroup.github.io/competitions/chexpert/",
    tables=tables,
    rows=rows,
    findings=findings,
    images_of="CheXpert",
    tail=TAIL,
    split_is_table=True,
)
