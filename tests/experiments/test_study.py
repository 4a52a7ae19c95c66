"""A whole study, as small as it runs: trained, resumed, merged, reported, and what goes wrong named."""

import json
import shutil

import pytest

from experiments import study
from experiments.configs import studies

TINY = {
    "phantom_train": 96,
    "phantom_validation": 120,
    "phantom_test": 140,
    "image_size": 32,
    "labels": ("No Finding", "Lung Opacity", "Support Devices"),
    "stem": 2,
    "widths": (4, 8),
    "hidden": 16,
    "latents": 6,
    "steps": 6,
    "batch_size": 16,
    "checkpoint_every": 6,
    "log_every": 3,
    "replicates": 0,
    "build_workers": 1,
    "target_kl": 5.0,
}
CONTRAST = ("DirVAE", "GVAE")
TOY = studies.Study(
    "toy",
    "Does it run?",
    {"DirVAE": {"cases": 2, "path_steps": 2}, "GVAE": {"prior": "gaussian", "cases": 0}},
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


def test_from_nothing_to_a_report(toy, folders, capsys):
    study.main(flags(folders, "--index=1"))
    study.main(flags(folders, "--list"))
    listed = capsys.readouterr().out.splitlines()
    assert [line.split()[1:] for line in listed[-3:-1]] == [["DirVAE-0", "not", "begun"], ["GVAE-0", "done"]]
    study.main(flags(folders, "--report"))
    assert "open: DirVAE and GVAE are not both finished" in capsys.readouterr().out
    study.main(flags(folders))
    printed = capsys.readouterr().out
    assert "train: already done" in printed
    stored = json.loads((folders[0] / "study.json").read_text())
    assert set(stored["runs"]) == {"DirVAE-0", "GVAE-0", "PCA + linear-0"}
    assert stored["missing"] == {}
    assert 0 <= stored["runs"]["GVAE-0"]["interventional"] <= 1
    assert (folders[0] / "study.html").exists()
    assert stored["audit"]["flaws"][0]["auroc"]["change"]["difference"] == 0.0
    assert stored["audit"]["traversals"].keys() == {"DirVAE"}
    assert 1 <= stored["audit"]["traversals"]["DirVAE"]["median_rank"] <= TINY["latents"]


def test_a_run_on_other_data_is_left_out_with_its_reason(toy, folders, tmp_path, capsys):
    copied = shutil.copytree(folders[0], tmp_path / "copy")
    facts = json.loads((copied / "GVAE-0" / "data.json").read_text())
    facts["manifest"]["content_hash"] = "other"
    (copied / "GVAE-0" / "data.json").write_text(json.dumps(facts))
    study.main(flags((copied, folders[1]), "--report"))
    assert "other data or findings" in json.loads((copied / "study.json").read_text())["missing"]["GVAE-0"]
    study.main(flags((copied, folders[1]), "--report", "--config.target_kl=6"))
    assert "another loss.target_kl" in json.loads((copied / "study.json").read_text())["missing"]["DirVAE-0"]
    (copied / "DirVAE-0" / "failed.json").write_text(json.dumps({"reason": "kl became nan at step 3"}))
    study.main(flags((copied, folders[1]), "--report"))
    assert "kl became nan at step 3" in json.loads((copied / "study.json").read_text())["missing"]["DirVAE-0"]


@pytest.mark.parametrize(
    ("more", "message"),
    [
        (["--index=9"], "--index=9, but the study has 2 runs, from 0 on"),
        (["--config.stepz=3"], "no field 'stepz' in the config; did you mean"),
        (["--seeds=a"], "--seeds=a is not a list of whole numbers"),
    ],
)
def test_bad_flags_give_one_sentence(toy, folders, more, message):
    with pytest.raises(SystemExit, match="error: ") as failed:
        study.main(flags(folders, *more))
    assert message in str(failed.value)


@pytest.mark.parametrize("name", studies.STUDIES)
def test_every_study_is_a_list_of_valid_runs(name):
    made = studies.load(name)
    runs = studies.runs(made)
    assert len({folder for folder, _ in runs}) == len(runs) == len(made.arms) * len(made.seeds)
    assert {arm for pair in (made.contrast, *made.contrasts) for arm in pair} <= set(made.arms)
