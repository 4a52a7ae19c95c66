"""CheXpert Plus: CheXpert's images as PNG or DICOM with reports, and labels of the report, its findings or its impression.

df_chexpert_plus_240401.csv has a line an image: `path_to_image`, `frontal_lateral`, `ap_pa`, `deid_patient_id`, `age`, `sex`, `split`,
and the reports, which are not read. Labels are files of JSON lines, by `path_to_image`: report_fixed.json or, where
data.train_table names it, findings_fixed or impression_fixed. Columns and files are those that public code reads; the data themselves
were not seen. The table's paths end in .jpg, the files in .png. Its split `valid` is CheXpert's, and the test split here unless
data.validation_table is `valid`.

Chambon et al. 2024, CheXpert Plus: augmenting a large chest X-ray dataset with text radiology reports, patient demographics and
additional image formats.
"""

from collections.abc import Iterator, Mapping

from data_prep.cells import Cells
from data_prep.reader import Inputs, Reader, Row, TableFile
from data_prep.readers.chexpert import TAIL, identity, plain_stem, view_of
from data_prep.tables import fold
from dirvae.config import DataConfig
from dirvae.labels import FINDINGS, canonical


def tables(data: DataConfig, only: str) -> tuple[TableFile, ...]:
    labels = plain_stem(data.train_table).removesuffix(".json") or "report_fixed"
    return (
        TableFile("images", ("df_chexpert_plus_*.csv",), ("path_to_image", "deid_patient_id", "split")),
        TableFile("labels", (f"{labels}.json",), ("path_to_image",), optional=not data.train_table),
    )


def rows(inputs: Inputs, cells: Cells) -> Iterator[Row]:
    labels = labels_by_path(inputs, cells)
    test = "validation" if inputs.data.validation_table == "valid" else "test"
    for line in inputs.tables["images"]:
        path = line["path_to_image"]
        patient, study = identity(path, line)
        yield Row(
            path=path,
            patient=patient,
            study=study,
            view=view_of(line, path, cells),
            sex=cells.sex(line.get("sex"), line),
            age=cells.age(line.get("age"), line),
            labels=labels.get(path, {}),
            split=test if line["split"].lower() in ("valid", "validation") else line["split"].lower(),
        )
    if not labels:
        cells.notice("CheXpert Plus without report_fixed.json: its images are unlabelled")


def labels_by_path(inputs: Inputs, cells: Cells) -> dict[str, Mapping[str, int]]:
    """The states of the 14 findings by image; those that are missing are not labelled."""
    if "labels" not in inputs.tables:
        return {}
    table = inputs.tables["labels"]
    columns = {fold(canonical(column)): column for column in table.header}
    names = tuple(finding for finding in FINDINGS if fold(finding) in columns)
    return {
        line["path_to_image"]: cells.labels(names, tuple([line[columns[fold(name)]] for name in names]), line)
        for line in table
    }


READER = Reader(
    name="chexpert_plus",
    title="CheXpert Plus",
    holds="the folder that holds df_chexpert_plus_240401.csv",
    source="https://github.com/Stanford-AIMI/chexpert-plus (names of files and columns; the data not seen)",
    tables=tables,
    rows=rows,
    images_of="CheXpert",
    tail=TAIL,
)
