"""MIMIC-CXR-JPG: 377,110 images of 227,835 studies, with CheXpert's 14 labels by two labellers.

Three tables are joined. `metadata` has a line an image (dicom_id, subject_id, study_id, ViewPosition), `split` the official split
of each, and `chexpert` the labels of each study; `data.train_table` may name another table of labels, such as
mimic-cxr-2.0.0-negbio. Images are files/p10/p10000032/s50414267/<dicom_id>.jpg. A study without labels is unlabelled.

With `data.test_table` the test split is the studies of that table alone, with its labels, as of mimic-cxr-2.1.0-test-set-labeled,
whose labels radiologists gave. Sex is read from the patients table of MIMIC-IV, where it lies in the folder.
"""

from collections.abc import Iterator

from data_prep.cells import Cells
from data_prep.reader import Inputs, Reader, Row, TableFile
from data_prep.tables import Table
from dirvae.config import DataConfig
from dirvae.labels import FINDINGS, canonical

SPLITS = {"train": "train", "validate": "validation", "test": "test"}


def tables(data: DataConfig, only: str) -> tuple[TableFile, ...]:
    labels = data.train_table or "mimic-cxr-*-chexpert"
    images = ("dicom_id", "subject_id", "study_id")
    wanted = [
        TableFile("metadata", ("mimic-cxr-*-metadata.csv",), images),
        TableFile("labels", (f"{labels}.csv",), ("study_id",)),
        TableFile("split", ("mimic-cxr-*-split.csv",), ("dicom_id", "split"), optional=True),
        TableFile("patients", ("patients.csv",), ("subject_id", "gender"), optional=True),
    ]
    if data.test_table:
        wanted.append(TableFile("scored", (f"{data.test_table}.csv",), ("study_id",)))
    return tuple(wanted)


def rows(inputs: Inputs, cells: Cells) -> Iterator[Row]:
    labels = labels_by_study(inputs.tables["labels"], cells)
    scored = labels_by_study(inputs.tables.get("scored"), cells)
    splits = {line["dicom_id"]: SPLITS.get(line["split"], "") for line in inputs.tables.get("split", ())}
    if not splits:
        cells.notice("mimic-cxr-2.0.0-split.csv.gz is not in the folder, so that the official split is not known")
    sexes = {line["subject_id"]: cells.sex(line["gender"], line.where) for line in inputs.tables.get("patients", ())}
    for line in inputs.tables["metadata"]:
        image, patient, study = line["dicom_id"], line["subject_id"], line["study_id"]
        split = "test" if study in scored else splits.get(image, "")
        if scored and split == "test" and study not in scored:
            continue
        yield Row(
            path=f"files/p{patient[:2]}/p{patient}/s{study}/{image}.jpg",
            patient=f"p{patient}",
            study=f"p{patient}/s{study}",
            view=cells.view(line.get("ViewPosition"), line.where),
            sex=sexes.get(patient, "Unknown"),
            labels=scored.get(study) or labels.get(study, {}),
            split=split,
        )


def labels_by_study(table: Table | None, cells: Cells) -> dict[str, dict[str, int]]:
    """Labels of each study, of the columns whose names are findings."""
    if table is None:
        return {}
    columns = {name: canonical(name) for name in table.header if canonical(name) in FINDINGS}
    return {
        line["study_id"]: {finding: cells.label(line[name], line.where, finding) for name, finding in columns.items()}
        for line in table
    }


READER = Reader(
    name="mimic",
    title="MIMIC-CXR-JPG",
    holds="the folder that holds mimic-cxr-2.0.0-metadata.csv.gz",
    source="https://physionet.org/content/mimic-cxr-jpg/2.1.0/ (not verified on the data; columns after "
    "https://github.com/mlmed/torchxrayvision/blob/main/torchxrayvision/datasets.py)",
    tables=tables,
    rows=rows,
    images_of="MIMIC-CXR",
)
