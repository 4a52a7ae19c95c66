"""OpenI: terms of reports as findings, and views from the table of projections."""

from pathlib import Path

import pytest
from support import sets

from data_prep.readers import openi

REPORTS = {
    "1": "normal",
    "2": "Cardiomegaly/borderline;Pulmonary Artery/enlarged",
    "3": "Opacity/lung/base/left;Thickening/pleura/apex;Hernia, Hiatal",
    "4": "No Indexing",
    "5": "Thickening/bronchi;Pulmonary Atelectasis/base",
}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    images = [
        f"{uid},{uid}_IM-0001-{view}001.dcm.png,{name}"
        for uid in REPORTS
        for view, name in ((3, "Lateral"), (4, "Frontal"))
    ]
    sets.write(tmp_path / "indiana_projections.csv", "\n".join(["uid,filename,projection", *images]))
    reports = [f'{uid},"{terms}",,,,,,' for uid, terms in REPORTS.items()]
    header = "uid,MeSH,Problems,image,indication,comparison,findings,impression"
    sets.write(tmp_path / "indiana_reports.csv", "\n".join([header, *reports]))
    for number, line in enumerate(images):
        sets.picture(tmp_path / "images/images_normalized" / line.split(",")[1], seed=number)
    return tmp_path


def test_terms_are_findings(folder: Path) -> None:
    made = sets.mapped(openi.READER, folder)
    rows = {row.patient: row for row in made.rows.values()}
    assert sets.positives(rows["1"]) == {"No Finding"}
    assert sets.positives(rows["2"]) == {"Cardiomegaly"}
    assert sets.positives(rows["3"]) == {"Lung Opacity", "Pleural Thickening", "Hernia"}
    assert rows["4"].labels == {}
    assert sets.positives(rows["5"]) == {"Atelectasis"}
    assert set(rows["5"].labels) == set(made.findings) - {"Lung Opacity"}  # which atelectasis implies


def test_views_are_told_apart_and_images_found(folder: Path) -> None:
    rows = sets.mapped(openi.READER, folder).rows
    assert all((row.view == "LATERAL") == ("3001" in path) for path, row in rows.items())
    assert {row.view for row in rows.values()} == {"LATERAL", "FRONTAL"}
    assert all(file == f"images/images_normalized/{path}" for path, file in sets.files(openi.READER, folder).items())


def test_the_folder_is_recognised(folder: Path) -> None:
    assert sets.recognised(folder) == "openi"


def test_a_wider_finding_is_not_denied_where_a_narrower_one_is_indexed() -> None:
    assert "Lung Opacity" not in openi.labels_of("Pneumonia/lung/base")
    assert openi.labels_of("Cardiomegaly")["Lung Opacity"] == 0
    assert openi.labels_of("Pneumonia;Opacity/lung")["Lung Opacity"] == 1
