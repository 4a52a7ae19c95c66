"""A folder of DICOM files: patient, study, sex, age and view are those of the headers.

Every file that is DICOM and of a kind of projection X-ray is taken, whatever it is called. `data.train_table` names a table of labels
in the folder, by its stem. One of its columns, `SOPInstanceUID`, `Path`, `File`, `Filename`, `ImageID` or `Image`, says which image a
line is of, by its UID, its path or its file name. Columns named as findings, and those in `data.labels`, are labels. An image without
a line is unlabelled. A table with a column `Split` divides the images by train, validation and test.

Keywords are those of DICOM PS3.3 (patient C.7.1.1, study C.7.2.1, view C.8.11.5.1).
"""

from collections.abc import Iterator, Mapping
from typing import Any

from data_prep import recognition
from data_prep.cells import Cells
from data_prep.dicom import INSTALL, is_dicom
from data_prep.reader import Inputs, Reader, Row, TableFile
from data_prep.source import SourceError
from data_prep.tables import SPLIT_OF, Line, Table, fold
from dirvae.config import DataConfig
from dirvae.labels import FINDINGS, canonical

KEYS = ("SOPInstanceUID", "Path", "File", "Filename", "ImageID", "Image")
TAGS = [
    *("SOPInstanceUID", "PatientID", "PatientSex", "PatientAge", "PatientBirthDate", "StudyInstanceUID", "StudyDate"),
    *("Modality", "ViewPosition", "ViewCodeSequence", "PatientOrientation", "Rows"),
]
MODALITIES = frozenset({"", "CR", "DX", "DR", "RG", "RF", "XR", "OT"})
"""Modalities of projection X-rays; OT is what secondary captures are often called."""
TABLES = (".csv", ".tsv", ".txt", ".json", ".md", ".gz", ".html", ".zip")  # suffixes of files beside the images


def tables(data: DataConfig, only: str) -> tuple[TableFile, ...]:
    return (TableFile("labels", (f"{data.train_table}.csv",)),) if data.train_table else ()


def rows(inputs: Inputs, cells: Cells) -> Iterator[Row]:
    lines, columns = lines_by_image(inputs.tables.get("labels"), inputs.data.image_column), label_columns(inputs)
    taken = 0
    for path in inputs.folder.files:
        header = header_of(inputs, path)
        if header is None:
            continue
        taken += 1
        line = next((lines[key] for key in keys_of(path, header) if key and key in lines), None)
        yield row_of(path, header, line, columns, cells)
    if not taken:
        advice = recognition.other(inputs.folder, READER, inputs.data) or f"give {READER.holds}"
        raise SourceError(f"{inputs.folder} holds no DICOM file of a projection X-ray; {advice}")


def row_of(path: str, header: Any, line: Line | None, columns: Mapping[str, str], cells: Cells) -> Row:
    study = str(header.get("StudyInstanceUID") or path)
    return Row(
        path=path,
        patient=str(header.get("PatientID") or "").strip() or study,
        study=study,
        view=_view(header, path, cells),
        sex=cells.sex(str(header.get("PatientSex") or ""), path),
        age=_age(header, path, cells),
        labels={finding: cells.label(line[name], line.where, finding) for name, finding in columns.items()}
        if line
        else {},
        split=_split(line, cells),
    )


def header_of(inputs: Inputs, path: str) -> Any:
    """The header of a DICOM file with an image of a projection X-ray; None for any other file.

    Raises:
      SourceError: where pydicom is not installed.
    """
    if path.lower().endswith(TABLES):
        return None
    try:
        import pydicom
    except ImportError:
        raise SourceError(f"{path} may be DICOM, which needs pydicom to read: {INSTALL}") from None
    try:
        with inputs.folder.open(path) as file:
            head = file.read(132)
            if not is_dicom(head, "." + path.rpartition(".")[2]):
                return None
            file.seek(0)
            header = pydicom.dcmread(file, stop_before_pixels=True, force=True, specific_tags=TAGS)
    except Exception:  # a damaged file is an image that cannot be read, which a build counts
        return {}
    return header if "Rows" in header and str(header.get("Modality") or "") in MODALITIES else None


def keys_of(path: str, header: Any) -> Iterator[str]:
    """What a line may call an image: its UID, its path, its file name, and the name without its suffix."""
    name = path.rpartition("/")[2]
    yield from (str(header.get("SOPInstanceUID") or ""), path, name, name.rpartition(".")[0] or name)


def lines_by_image(table: Table | None, column: str = "") -> dict[str, Line]:
    """Lines by what they call their image, in a column of a usual name or of the one that is given.

    Raises:
      SourceError: for a table without such a column, or an image that has two lines.
    """
    if table is None:
        return {}
    key = column or next((key for key in KEYS if table.has(key)), "")
    if not key:
        usual = ", ".join(KEYS)
        raise SourceError(
            f"{table.name} needs a column that names the images, one of {usual}; data.image_column names another"
        )
    lines: dict[str, Line] = {}
    for line in table:
        if line[key] in lines:
            raise SourceError(f"{line.where}: {line[key]} has a line already; remove one of them")
        lines[line[key]] = line
    return lines


def label_columns(inputs: Inputs) -> dict[str, str]:
    """Columns that are labels, and the finding that each is."""
    table = inputs.tables.get("labels")
    wanted = {*FINDINGS, *map(canonical, inputs.data.labels)}
    return {name: canonical(name) for name in table.header if canonical(name) in wanted} if table else {}


def findings(inputs: Inputs) -> tuple[str, ...]:
    return tuple(dict.fromkeys(label_columns(inputs).values())) or FINDINGS


def _split(line: Line | None, cells: Cells) -> str:
    split = line.get("Split").lower() if line else ""
    if split and fold(split) not in SPLIT_OF:
        cells.unknown("split", split, line.where if line else "")
    return SPLIT_OF.get(fold(split), "")


def _view(header: Any, path: str, cells: Cells) -> str:
    """The view that the header names, else whether its image is a lateral, by the patient's directions (C.7.6.1.1.1)."""
    codes = header.get("ViewCodeSequence") or ()
    named = str(header.get("ViewPosition") or (codes[0].get("CodeMeaning") if len(codes) else "") or "")
    if named:
        return cells.view(named, path)
    along = str((header.get("PatientOrientation") or ("",))[0])[:1]
    return "LATERAL" if along in ("A", "P") and along else "FRONTAL" if along in ("L", "R") and along else "UNKNOWN"


def _age(header: Any, path: str, cells: Cells) -> int:
    born, taken = str(header.get("PatientBirthDate") or ""), str(header.get("StudyDate") or "")
    age = str(header.get("PatientAge") or "")
    if not age and len(born) == len(taken) == 8 and (born + taken).isdigit():
        age = str((int(taken) - int(born)) // 10_000)  # full years, since dates are YYYYMMDD
    return cells.age(age, path)


READER = Reader(
    name="dicom",
    title="DICOM files",
    holds="the folder that holds the DICOM files",
    source="https://dicom.nema.org/medical/dicom/current/output/html/part03.html",
    tables=tables,
    rows=rows,
    findings=findings,
    tail=0,
    known_by=(TableFile("images", ("*.dcm", "*.dicom", "*.dic")),),
)
