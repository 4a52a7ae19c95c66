"""PadChest: 160,868 images of 67,625 patients, with 174 findings in reports read by physicians (27 %) or by a network.

`Labels` is a Python list as text, such as ['cardiomegaly', 'pleural effusion']. Of the 174 findings those of `TERMS` are read, each
with the owners' terms that are it. `data.labels` may name any other of the owners' terms. A finding that a list does not name is
negative. `normal` is No Finding. An image that is excluded, of a suboptimal study, or only unchanged, is unlabelled.

Ages are the year of the study less that of birth. Images are 16-bit PNGs in folders 0 to 54, or all in one.
"""

import ast
from collections.abc import Iterator

from data_prep.cells import Cells
from data_prep.reader import Inputs, Reader, Row, TableFile
from data_prep.tables import Line
from dirvae.config import DataConfig
from dirvae.labels import NEGATIVE, POSITIVE, canonical

TERMS = {
    "No Finding": "normal",
    "Cardiomegaly": "cardiomegaly",
    "Atelectasis": "atelectasis, atelectasis basal, laminar atelectasis, lobar atelectasis, round atelectasis, "
    "segmental atelectasis, total atelectasis",
    "Pleural Effusion": "pleural effusion, loculated pleural effusion, loculated fissural effusion, hydropneumothorax",
    "Pneumothorax": "pneumothorax, hydropneumothorax",
    "Infiltration": "infiltrates",
    "Consolidation": "consolidation",
    "Pneumonia": "pneumonia, atypical pneumonia",
    "Edema": "pulmonary edema",
    "Emphysema": "emphysema",
    "Fibrosis": "pulmonary fibrosis",
    "Pleural Thickening": "pleural thickening, apical pleural thickening, calcified pleural thickening",
    "Mass": "mass, pulmonary mass",
    "Nodule": "nodule, multiple nodules",
    "Hernia": "hiatal hernia",
    "Fracture": "fracture, rib fracture, callus rib fracture, clavicle fracture, humeral fracture, vertebral fracture",
    "Tuberculosis": "tuberculosis",
    "Support Devices": "artificial aortic heart valve, artificial heart valve, artificial mitral heart valve, catheter, "
    "central venous catheter, central venous catheter via jugular vein, central venous catheter via subclavian vein, "
    "central venous catheter via umbilical vein, chest drain tube, dai, dual chamber device, "
    "electrical device, endotracheal tube, gastrostomy tube, nephrostomy tube, nsg tube, pacemaker, "
    "reservoir central venous catheter, single chamber device, tracheostomy tube, ventriculoperitoneal drain tube",
}
"""Findings by the project's names, and the owners' terms that are each (Bustos et al. 2020, table of findings)."""
NOT_JUDGED = frozenset({"exclude", "suboptimal study", "unchanged", ""})
"""Terms that say nothing of findings; an image with no other is unlabelled."""
VIEWS = {"EXCLUDE": "costal"}
NAMES = ("PADCHEST_chest_x_ray_images_labels_160K*.csv", "SJ_chest_x_ray_images_labels_160K*.csv")


def tables(data: DataConfig, only: str) -> tuple[TableFile, ...]:
    names = (f"{data.train_table}.csv",) if data.train_table else NAMES
    return (TableFile("images", names, ("ImageID", "PatientID", "Labels")),)


def terms(data: DataConfig) -> dict[str, frozenset[str]]:
    """The owners' terms of each finding that is read, those named in the configuration included."""
    named = {canonical(name): name.lower().replace("_", " ") for name in data.labels}
    return {name: frozenset(text.split(", ")) for name, text in (named | TERMS).items()}


def findings(inputs: Inputs) -> tuple[str, ...]:
    more = (canonical(name) for name in inputs.data.labels)
    return tuple(dict.fromkeys((*TERMS, *more)))


def rows(inputs: Inputs, cells: Cells) -> Iterator[Row]:
    wanted = terms(inputs.data)
    for line in inputs.tables["images"]:
        folder, projection = line.get("ImageDir"), line.get("Projection")
        yield Row(
            path=f"{folder}/{line['ImageID']}" if folder else line["ImageID"],
            patient=line["PatientID"],
            study=f"{line['PatientID']}/{line.get('StudyID')}",
            view=cells.view(VIEWS.get(projection, projection), line.where),
            sex=cells.sex(line.get("PatientSex_DICOM"), line.where),
            age=_age(line, cells),
            labels=_labels(line, wanted, cells),
        )


def _labels(line: Line, wanted: dict[str, frozenset[str]], cells: Cells) -> dict[str, int]:
    cells.read["finding"] += 1
    try:
        listed = ast.literal_eval(line["Labels"] or "[]")
        if isinstance(listed, str):  # its letters are no terms
            raise TypeError
        named = {str(name).strip().lower() for name in listed}
    except (ValueError, SyntaxError, TypeError):
        if line["Labels"].lower() != "nan":
            cells.unknown("finding", line["Labels"], line.where)
        return {}
    if "exclude" in named or "suboptimal study" in named or not named - NOT_JUDGED:
        return {}
    return {finding: POSITIVE if named & terms else NEGATIVE for finding, terms in wanted.items()}


def _age(line: Line, cells: Cells) -> int:
    """Years between birth and study, whose cells are a year such as 1930.0 and a date such as 20140915."""
    born, taken = line.get("PatientBirth").partition(".")[0], line.get("StudyDate_DICOM")[:4]
    known = born.isdigit() and taken.isdigit()
    return cells.age(str(int(taken) - int(born)) if known else "", line.where)


READER = Reader(
    name="padchest",
    title="PadChest",
    holds="the folder that holds PADCHEST_chest_x_ray_images_labels_160K_01.02.19.csv",
    source="https://bimcv.cipf.es/bimcv-projects/padchest/ (not verified on the data; columns after "
    "https://github.com/mlmed/torchxrayvision/blob/main/torchxrayvision/datasets.py)",
    tables=tables,
    rows=rows,
    findings=findings,
    images_of="PadChest",
)
