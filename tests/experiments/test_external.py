"""A run is scored on other data: results by folder and content, training patients refused, sets that label less named."""

import csv
import json
import shutil

import numpy as np
import pytest
from PIL import Image
from support.tiny import TINY

from dirvae.config import ConfigError, DataConfig
from experiments import evaluate, external, run
from experiments.external import Request

ILL = ("Cardiomegaly", "Edema")


def write_set(root, tables, pixels=lambda number, image: image):
    """A folder in CheXpert's layout with two findings; `tables` are {split: (first patient, count)}."""
    for split, (first, count) in tables.items():
        rows = []
        for number in range(first, first + count):
            rng = np.random.default_rng(number)
            path = f"{root.name}/{split}/patient{number:05d}/study1/view1_frontal.png"
            (root.parent / path).parent.mkdir(parents=True, exist_ok=True)
            has = dict(zip(ILL, rng.random(2) < 0.5, strict=True))
            image = rng.integers(0, 60, (48, 48)) + 80 * has["Edema"] + 60 * has["Cardiomegaly"] * (np.arange(48) > 24)
            Image.fromarray(pixels(number, image).astype(np.uint8)).save(root.parent / path)
            rows.append({"Path": path, "Frontal/Lateral": "Frontal"} | {name: f"{int(has[name])}.0" for name in ILL})
        write_table(root / f"{split}.csv", rows)
    return root


def write_table(path, rows):
    with path.open("w", newline="") as file:
        writer = csv.DictWriter(file, list(rows[0]))
        writer.writeheader()
        writer.writerows(rows)


def read_table(path):
    with path.open(newline="") as file:
        return list(csv.DictReader(file))


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    """A run of two findings on a set of its own, and the folder of everything."""
    root = tmp_path_factory.mktemp("external")
    raw = write_set(root / "raw" / "set", {"train": (1, 60), "valid": (50001, 20)})
    kept = ("image_size", "first_stride", "widths", "hidden", "batch_size", "build_workers")
    settings = {name: TINY[name] for name in kept} | {"widths": "4,8", "latents": 4, "steps": 2, "checkpoint_every": 2}
    settings |= {"bound_images": 0, "replicates": 20, "labels": ",".join(ILL), "target_kl": 0}
    named = [f"--config.{name}={value}" for name, value in settings.items()]
    where = [f"--workdir={root / 'run'}", f"--data_dir={root / 'data'}", f"--raw_dir={raw}", "--dataset=chexpert"]
    run.main(["--preset=plain", "--phases=data,train,evaluate", *where, *named])
    return root


def scored(root, raw, split="valid", *more):
    evaluate.main(
        [f"--workdir={root / 'run'}", f"--data_dir={root / 'data'}", f"--raw_dir={raw}", f"--split={split}", *more]
    )
    return json.loads((root / "run" / "metrics.json").read_text())


def outside(metrics):
    return {key: entry for key, entry in metrics.items() if "@" in key}


@pytest.mark.slow
def test_sets_of_one_name_keep_their_own_scores_and_the_same_set_replaces_its_own(trained, capsys):
    tables = {"valid": (50001, 20)}
    first = write_set(trained / "a" / "hospital", tables)
    other = write_set(trained / "b" / "hospital", tables, lambda number, image: 255 - image)
    scored(trained, first)
    both = outside(scored(trained, other))
    keys = [key for key in both if key.startswith("hospital/valid@")]
    assert len(keys) == 2
    assert len({both[key]["data"]["content"] for key in keys}) == 2
    assert len({both[key]["auroc"]["macro"] for key in keys}) == 2
    files = {path.stem for path in (trained / "run" / "predictions").glob("hospital--valid@*.npz")}
    assert files == {key.replace("/", "--") for key in keys}
    capsys.readouterr()
    assert outside(scored(trained, other)).keys() == both.keys()
    said = capsys.readouterr().out
    assert "was scored before; the new scores take the place of the old ones" in said
    assert "over 2 of 2 findings" in said


@pytest.mark.slow
def test_patients_that_the_run_learned_from_are_refused_by_name_and_scored_on_demand(trained, capsys):
    before = json.loads((trained / "run" / "metrics.json").read_text())
    with pytest.raises(SystemExit) as ended:
        scored(trained, trained / "raw" / "set", "train")
    assert ended.value.code == 2
    said = capsys.readouterr().err
    assert "60 of 60 images are of 60 patients of the run's train and validation splits (patient00001, " in said
    assert "--allow_training_patients" in said
    assert json.loads((trained / "run" / "metrics.json").read_text()) == before
    made = outside(scored(trained, trained / "raw" / "set", "train", "--allow_training_patients"))
    (entry,) = [entry for key, entry in made.items() if key.startswith("set/train@")]
    assert sum(entry["overlap"]["images_of_known_patients"].values()) == 60
    assert entry["overlap"]["identical_images"] == 60


@pytest.mark.slow
def test_findings_that_are_not_labelled_there_are_named_and_left_out_of_the_macro(trained, capsys):
    raw = write_set(trained / "c" / "clinic", {"valid": (70001, 20)})
    rows = read_table(raw / "valid.csv")
    write_table(raw / "valid.csv", [{name: row[name] for name in ("Path", "Frontal/Lateral", "Edema")} for row in rows])
    made = outside(scored(trained, raw, "valid", "--labels=Cardiomegaly,Edema"))
    said = capsys.readouterr().out
    assert "not labelled there, hence without a score: Cardiomegaly" in said
    assert "over 1 of 2 findings" in said
    assert "of the chosen findings" in said
    assert "over 1 of 2\n" in said
    (entry,) = [entry for key, entry in made.items() if key.startswith("clinic/")]
    assert entry["undefined"] == ["Cardiomegaly"]
    assert entry["labelled"] == {"Cardiomegaly": 0, "Edema": 20}


@pytest.mark.slow
def test_a_set_without_any_label_is_scored_by_its_reconstruction(trained, capsys):
    raw = write_set(trained / "d" / "unlabelled", {"valid": (80001, 20)})
    rows = [row | dict.fromkeys((*ILL, "No Finding"), "") for row in read_table(raw / "valid.csv")]
    write_table(raw / "valid.csv", rows)
    made = outside(scored(trained, raw))
    assert "the reconstruction alone is scored" in capsys.readouterr().out
    (entry,) = [entry for key, entry in made.items() if key.startswith("unlabelled/")]
    assert entry["auroc"]["macro"] is None
    assert entry["l1"] > 0


@pytest.mark.slow
def test_a_set_of_pictures_unlike_those_of_validation_has_a_word(trained, capsys):
    raw = write_set(trained / "e" / "dim", {"valid": (90001, 20)}, lambda number, image: image // 16)
    (entry,) = [entry for key, entry in outside(scored(trained, raw)).items() if key.startswith("dim/")]
    assert "images are unlike all that the run was validated on" in capsys.readouterr().out
    assert entry["familiarity"]["unlike"] == 20


@pytest.mark.slow
def test_the_runs_own_training_split_is_what_it_is(trained, capsys):
    evaluate.main([f"--workdir={trained / 'run'}", f"--data_dir={trained / 'data'}", "--split=train"])
    assert "train: the run was trained on these images" in capsys.readouterr().out


@pytest.mark.slow
def test_a_run_on_labelled_and_unlabelled_images_learns_from_both(trained, capsys):
    raw = write_set(trained / "f" / "more", {"train": (60001, 30)})
    rows = [row | dict.fromkeys((*ILL, "No Finding"), "") for row in read_table(raw / "train.csv")]
    write_table(raw / "train.csv", rows)
    config = json.loads((trained / "run" / "config.json").read_text())
    names = (
        "image_size",
        "first_stride",
        "latents",
        "steps",
        "hidden",
        "batch_size",
        "checkpoint_every",
        "build_workers",
    )
    values = {
        name: section[name]
        for section in config.values()
        if isinstance(section, dict)
        for name in names
        if name in section
    }
    named = [f"--config.{name}={value}" for name, value in values.items()]
    both = [
        f"--raw_dir={trained / 'raw' / 'set'},{raw}",
        "--dataset=chexpert,chexpert",
        f"--data_dir={trained / 'data'}",
    ]
    more = ["--config.widths=4,8", "--config.bound_images=0", "--config.replicates=0", "--config.labels=Edema"]
    run.main(
        ["--preset=plain", f"--workdir={trained / 'both'}", *both, *named, *more, "--phases=data,train,evaluate,report"]
    )
    said = capsys.readouterr().out
    assert "of them without any label" in said
    metrics = json.loads((trained / "both" / "metrics.json").read_text())
    assert set(metrics["validation"]["by_origin"]) == {"chexpert-1", "chexpert-2"}
    assert metrics["validation"]["by_origin"]["chexpert-2"]["labelled"] == {"Edema": 0}
    assert "CheXpert (set) and CheXpert (more)" in (trained / "both" / "report.html").read_text()
    shutil.rmtree(trained / "both")


def test_settings_of_the_runs_own_division_say_nothing_of_another_set(tmp_path):
    own = DataConfig(
        dataset="chexpert", folds=5, fold=2, train_table="train_cheXbert", shuffle_labels=True, blank="ignore"
    )
    settings = external.other_settings(own, Request("valid", tmp_path, "nih", {"intensity": "range"}))
    assert (settings.dataset, settings.folds, settings.train_table, settings.shuffle_labels) == ("nih", 0, "", False)
    assert (settings.blank, settings.intensity) == ("ignore", "range")


def test_the_size_of_the_images_cannot_be_another(tmp_path):
    with pytest.raises(ConfigError, match=r"data\.image_size must stay 64"):
        external.other_settings(DataConfig(dataset="chexpert"), Request("valid", tmp_path, None, {"image_size": "32"}))


def test_every_origin_of_a_merged_set_has_its_collection():
    assert external.collections("chexpert") == {"": "CheXpert"}
    assert external.collections("chexpert,nih,chexpert").keys() == {"chexpert-1", "nih", "chexpert-2"}
