"""A whole study, as small as it runs: trained, resumed, merged, reported, and what goes wrong named."""

import csv
import json
import shutil

import pytest
from support import real_xrays
from support.tiny import PAIRS, TINY

from dirvae.labels import FINDINGS
from dirvae.studies import plan
from experiments import study
from experiments.configs import studies

CONTRAST = ("DirVAE", "GVAE")
TOY = plan.Study(
    "toy",
    "Does it run?",
    {"DirVAE": PAIRS | {"cases": 2, "path_steps": 2}, "GVAE": {"prior": "gaussian", "cases": 0}},
    (0,),
    TINY,
    CONTRAST,
    0.01,
    1.0,
    (CONTRAST,),
)


@pytest.fixture
def toy(monkeypatch):
    monkeypatch.setattr(studies, "load", lambda name: TOY)


@pytest.fixture(scope="module")
def folders(tmp_path_factory):
    return tmp_path_factory.mktemp("study"), tmp_path_factory.mktemp("data")


def flags(folders, *more):
    return [f"--workdir={folders[0]}", f"--data_dir={folders[1]}", "--replicates=20", *more]


@pytest.mark.slow
def test_from_nothing_to_a_report(toy, folders, capsys):
    study.main(flags(folders, "--index=1"))
    study.main(flags(folders, "--list"))
    listed = capsys.readouterr().out.splitlines()
    assert [line.split()[1:] for line in listed[-3:-1]] == [["dirvae-0", "not", "begun"], ["gvae-0", "done"]]
    study.main(flags(folders, "--report"))
    assert "open: not finished" in capsys.readouterr().out
    study.main(flags(folders))
    printed = capsys.readouterr().out
    assert "train: already done" in printed
    stored = json.loads((folders[0] / "study.json").read_text())
    assert set(stored["runs"]) == {"dirvae-0", "gvae-0", "pca_linear-0"}
    assert stored["missing"] == []
    assert 0 <= stored["runs"]["gvae-0"]["interventional"] <= 1
    assert (folders[0] / "study.html").exists()
    assert stored["flaws"]["pairs"][0]["auroc"]["change"]["difference"] == 0.0
    assert stored["flaws"]["traversals"].keys() == {"DirVAE"}
    assert 1 <= stored["flaws"]["traversals"]["DirVAE"]["median_rank"] <= PAIRS["groups"] * PAIRS["latents"]


def reasons(directory):
    """{arm: why its run is missing} of a report."""
    return {one["arm"]: one["reason"] for one in json.loads((directory / "study.json").read_text())["missing"]}


@pytest.mark.slow
def test_folders_of_an_earlier_version_still_open(toy, folders, tmp_path):
    shutil.copytree(folders[0] / "dirvae-0", tmp_path / "DirVAE-0")
    shutil.copytree(folders[0] / "gvae-0", tmp_path / "GVAE-0")
    study.main(flags((tmp_path, folders[1]), "--report"))
    found, known = (json.loads((place / "study.json").read_text()) for place in (tmp_path, folders[0]))
    assert found == known


@pytest.mark.slow
def test_a_run_on_other_data_is_left_out_with_its_reason(toy, folders, tmp_path, capsys):
    copied = shutil.copytree(folders[0], tmp_path / "copy")
    facts = json.loads((copied / "gvae-0" / "data.json").read_text())
    facts["manifest"]["content_hash"] = "other"
    (copied / "gvae-0" / "data.json").write_text(json.dumps(facts))
    study.main(flags((copied, folders[1]), "--report"))
    assert "other data or findings" in reasons(copied)["GVAE"]
    study.main(flags((copied, folders[1]), "--report", "--config.target_kl=6"))
    assert "another loss.target_kl" in reasons(copied)["DirVAE"]
    (copied / "dirvae-0" / "failed.json").write_text(json.dumps({"reason": "kl became nan at step 3"}))
    study.main(flags((copied, folders[1]), "--report"))
    assert "kl became nan at step 3" in reasons(copied)["DirVAE"]


@pytest.mark.parametrize(
    ("more", "message"),
    [
        (["--index=9"], "--index=9, but there are 2 runs, from 0 on"),
        (["--config.stepz=3"], "no field 'stepz' in the config; did you mean"),
        (["--seeds=a"], "--seeds: 'a' is not a whole number from 0 to 4294967295"),
    ],
)
@pytest.mark.slow
def test_bad_flags_give_one_sentence(toy, folders, more, message):
    with pytest.raises(SystemExit, match="error: ") as failed:
        study.main(flags(folders, *more))
    assert message in str(failed.value)


def small_xrays(monkeypatch, **changed):
    made = studies.load("xrays")
    small = {name: value for name, value in TINY.items() if not name.startswith(("phantom", "labels"))}
    common = made.common | small | {"train.checkpoint_every": 6} | changed
    monkeypatch.setattr(studies, "load", lambda name: made._replace(arms={"DirVAE": {}}, common=common, seeds=(0,)))


def test_real_images_without_a_test_split_are_refused_before_anything_is_trained(monkeypatch, tmp_path):
    small_xrays(monkeypatch)
    with pytest.raises(SystemExit, match=r"--dataset=chexpert needs --raw_dir, the folder that holds train\.csv"):
        study.main(flags((tmp_path / "study", tmp_path)))
    with (tmp_path / "train.csv").open("w", newline="") as file:
        rows = csv.writer(file)
        rows.writerow(["Path", "Sex", "Age", "Frontal/Lateral", "AP/PA", *FINDINGS])
        for patient in range(40):
            rows.writerow([f"x/train/patient{patient:05d}/study1/a.png", "Male", 50, "Frontal", "AP", *["1.0"] * 14])
    with pytest.raises(SystemExit, match=r"a study is scored on a test split: --raw_dir has to hold a valid\.csv"):
        study.main(flags((tmp_path / "study", tmp_path), f"--raw_dir={tmp_path}"))
    assert not (tmp_path / "study").exists()


@real_xrays.needed
@pytest.mark.slow
def test_a_study_on_real_xrays_has_no_interventional_endpoints(monkeypatch, tmp_path):
    small_xrays(monkeypatch)
    chosen = "--config.labels=No Finding,Lung Opacity,Pneumothorax"
    study.main(flags((tmp_path / "study", tmp_path), f"--raw_dir={real_xrays.FOLDER}", chosen))
    stored = json.loads((tmp_path / "study" / "study.json").read_text())
    assert set(stored["runs"]) == {"dirvae-0", "pca_linear-0"}
    for run in stored["runs"].values():
        assert 0 < run["auroc"] < 1
        assert not {"interventional", "ceiling"} & set(run)
        assert run["left_out"]["Pneumothorax"].startswith("7 positives and 264 negatives in validation")


@pytest.mark.parametrize("name", studies.STUDIES)
def test_every_study_is_a_list_of_valid_runs(name):
    made = studies.load(name)
    runs = plan.runs(made)
    assert len({run.folder for run in runs}) == len(runs) == len(made.arms) * len(made.seeds)
    assert {arm for pair in (made.contrast, *made.contrasts) for arm in pair} <= set(made.arms)
    assert not any(set(run.folder) & set(" ,") for run in runs)
