"""OpenI, the Indiana University collection: 7,466 images of 3,851 studies, with terms that indexers took from the reports.

Kaggle's form of it is read: indiana_projections.csv has a line an image (uid, filename, projection) and indiana_reports.csv a line a
study (uid, MeSH, Problems ...). `MeSH` joins terms by ; and each term's parts by /, as in Opacity/lung/base/left. Terms are mapped to
findings by `TERMS`; a finding without a term is negative, unless a narrower one implies it, and `normal` is No Finding. A study of
`No Indexing` is unlabelled. The
owners' XML files name no views, so that frontal and lateral images could not be told apart; they are not read.

Each study is of one patient, and none is known to return.
"""

from collections.abc import Iterator

from data_prep.cells import Cells
from data_prep.reader import Inputs, Reader, Row, TableFile
from dirvae.config import DataConfig
from dirvae.labels import COMPOSED, NEGATIVE, POSITIVE

TERMS = {
    "normal": "No Finding",
    "cardiomegaly": "Cardiomegaly",
    "pulmonary atelectasis": "Atelectasis",
    "atelectasis": "Atelectasis",
    "pleural effusion": "Pleural Effusion",
    "pneumothorax": "Pneumothorax",
    "hydropneumothorax": "Pneumothorax",
    "pneumonia": "Pneumonia",
    "consolidation": "Consolidation",
    "pulmonary consolidation": "Consolidation",
    "pulmonary edema": "Edema",
    "infiltrate": "Infiltration",
    "emphysema": "Emphysema",
    "pulmonary emphysema": "Emphysema",
    "bullous emphysema": "Emphysema",
    "pulmonary fibrosis": "Fibrosis",
    "hernia, hiatal": "Hernia",
    "mass": "Mass",
    "nodule": "Nodule",
    "opacity": "Lung Opacity",
    "airspace disease": "Lung Opacity",
    "fractures, bone": "Fracture",
    "granuloma": "Granuloma",
    "calcified granuloma": "Granuloma",
    "medical device": "Support Devices",
    "implanted medical device": "Support Devices",
    "catheters, indwelling": "Support Devices",
    "tube, inserted": "Support Devices",
    "thickening/pleura": "Pleural Thickening",
}
"""Terms in small letters and the finding that each is; of `thickening` only that of the pleura counts."""
FINDINGS = tuple(dict.fromkeys(TERMS.values()))
NOT_JUDGED = frozenset({"no indexing", "technical quality of image unsatisfactory", ""})


def tables(data: DataConfig, only: str) -> tuple[TableFile, ...]:
    return (
        TableFile("images", ("indiana_projections.csv",), ("uid", "filename", "projection")),
        TableFile("reports", ("indiana_reports.csv",), ("uid", "MeSH")),
    )


def rows(inputs: Inputs, cells: Cells) -> Iterator[Row]:
    labels = {line["uid"]: labels_of(line["MeSH"]) for line in inputs.tables["reports"]}
    for line in inputs.tables["images"]:
        yield Row(
            path=line["filename"],
            patient=line["uid"],
            study=line["uid"],
            view=cells.view(line["projection"], line.where),
            labels=labels.get(line["uid"], {}),
        )


def labels_of(text: str) -> dict[str, int]:
    """The labels of a cell of MeSH terms; none where nobody judged the image."""
    parts = [[part.strip() for part in term.lower().split("/")] for term in text.split(";")]
    if {part[0] for part in parts} <= NOT_JUDGED:
        return {}
    named = {"/".join([first] + ["pleura"] * (first == "thickening" and "pleura" in rest)) for first, *rest in parts}
    positive = {TERMS[term]: POSITIVE for term in named & TERMS.keys()}
    wider = {whole for whole, narrow in COMPOSED.items() if positive.keys() & set(narrow)}
    return {finding: NEGATIVE for finding in FINDINGS if finding not in wider} | positive


def findings(inputs: Inputs) -> tuple[str, ...]:
    return FINDINGS


READER = Reader(
    name="openi",
    title="OpenI (Indiana University)",
    holds="the folder that holds indiana_reports.csv and indiana_projections.csv",
    source="https://www.kaggle.com/datasets/raddar/chest-xrays-indiana-university, of https://openi.nlm.nih.gov/faq (not verified on the "
    "data; columns after public code that reads them)",
    tables=tables,
    rows=rows,
    findings=findings,
    images_of="OpenI",
)
