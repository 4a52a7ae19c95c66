"""A folder of image files without a table: unlabelled images.

Patients and studies are read from folders named as CheXpert or MIMIC-CXR name them (patient00001/study1, p10000032/s50414267).
Where there are none, each image is a patient of its own. Neither views nor anything else is known.
"""

from collections.abc import Iterator

from data_prep.cells import Cells
from data_prep.reader import Inputs, Reader, Row, TableFile
from data_prep.readers.chexpert import STUDY
from data_prep.source import SourceError
from dirvae.config import DataConfig

SUFFIXES = (".png", ".jpg", ".jpeg", ".jp2", ".tif", ".tiff", ".bmp", ".pgm", ".webp", ".dcm", ".dicom")


def tables(data: DataConfig, only: str) -> tuple[TableFile, ...]:
    return ()


def rows(inputs: Inputs, cells: Cells) -> Iterator[Row]:
    names = [name for name in inputs.folder.files if name.lower().endswith(SUFFIXES)]
    shown = [name for name in names if not name.rpartition("/")[2].startswith(".")]
    if not shown:
        raise SourceError(f"raw_dir {inputs.folder} holds no image; give {READER.holds}")
    alone = 0
    for name in shown:
        match = STUDY.match(name)
        patient = match[1] if match else name
        alone += match is None
        yield Row(name, patient, f"{patient}/{match[2] if match else 'study'}")
    cells.notice(f"{len(shown)} images are taken without a table: they are unlabelled")
    if alone:
        cells.notice(f"{alone} images lie in no patient's folder: each counts as a patient of its own")


READER = Reader(
    name="folder",
    title="A folder of images",
    holds="a folder of image files",
    source="no owner's layout: every image file counts",
    tables=tables,
    rows=rows,
)
