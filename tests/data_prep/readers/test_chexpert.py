"""The CheXpert layout: where images are found, which split each patient is in, and what is left out."""

import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from support import sets
from support.sets import everything, opened, patients

from data_prep.build import identity
from data_prep.build import main as build_command
from data_prep.source import SourceError
from dirvae.labels import FINDINGS


def test_every_row_becomes_its_example(layout: Callable) -> None:
    made = layout()
    examples, skipped = everything(opened(made.root, 16))
    assert skipped == []
    assert {split: len(found) for split, found in examples.items()} == opened(made.root, 16).counts()
    found = {example.path: example for split in examples.values() for example in split}
    assert set(found) == set(made.pixels)
    for row in made.rows["train"] + made.rows["valid"]:
        example = found[row["Path"]]
        np.testing.assert_array_equal(example.image[..., 0], made.pixels[row["Path"]])
        labels = np.full(14, -2)
        labels[[FINDINGS.index(name) for name in ("Edema", "Fracture", "Pneumonia")]] = [1, 0, -1]
        np.testing.assert_array_equal(example.labels, labels)
        assert (example.age, example.sex, example.view) == (int(row["Age"]), "Female", "AP")
        assert example.study == "/".join(row["Path"].split("/")[2:4])
    assert {example.path for example in examples["test"]} == {row["Path"] for row in made.rows["valid"]}


@pytest.mark.parametrize("folder", ["CheXpert-v1.0", "CheXpert-v1.0-small", "renamed"])
@pytest.mark.parametrize("prefix", ["CheXpert-v1.0", "CheXpert-v1.0-small"])
def test_raw_dir_is_the_set_or_its_parent_under_any_name(
    tmp_path: Path, layout: Callable, folder: str, prefix: str
) -> None:
    made = layout(root=tmp_path / "raw" / folder, prefix=prefix)
    for raw_dir in (made.root, made.root.parent, made.root / ".." / folder):
        examples, skipped = everything(opened(raw_dir, 16))
        assert skipped == []
        assert sum(map(len, examples.values())) == 46
    assert identity(opened(made.root, 16)) == identity(opened(made.root / ".." / folder, 16))


def test_paths_without_the_sets_folder_are_found(layout: Callable) -> None:
    made = layout()
    for table, rows in made.rows.items():
        made.rewrite(table, [row | {"Path": row["Path"].removeprefix("set/")} for row in rows])
    assert everything(opened(made.root, 16))[1] == []


@pytest.mark.parametrize(
    ("folders", "reason"),
    [
        ((), "holds no train.csv"),
        (("a", "b"), r"several tables that may be meant \(a/train.csv, b/train.csv\); give one of the folders"),
    ],
)
def test_a_folder_without_one_set_is_refused(tmp_path: Path, layout: Callable, folders: tuple, reason: str) -> None:
    (tmp_path / "raw").mkdir()
    for folder in folders:
        layout(root=tmp_path / "raw" / folder, train=2, valid=0)
    with pytest.raises(SourceError, match=reason):
        opened(tmp_path / "raw", 16).plan()


def test_a_raw_dir_that_is_no_folder_is_refused(tmp_path: Path, layout: Callable) -> None:
    made = layout(train=2, valid=0)
    for raw_dir in (tmp_path / "nowhere", made.root / "train.csv"):
        with pytest.raises(SourceError, match="is not a folder"):
            opened(raw_dir, 16).plan()


def test_laterals_are_left_out_unless_asked_for(layout: Callable) -> None:
    made = layout()
    rows = made.rows["train"]
    rows[0] |= {"Frontal/Lateral": "Lateral", "AP/PA": ""}
    rows[1] |= {"AP/PA": "LL"}
    rows[2] |= {"AP/PA": "RL"}
    made.rewrite("train", rows)
    assert sum(opened(made.root, 16).counts().values()) == 43
    assert sum(opened(made.root, 16, views="all").counts().values()) == 46
    made.rewrite("valid", [row | {"Frontal/Lateral": "Lateral"} for row in made.rows["valid"]])
    with pytest.raises(SourceError, match=r"no image for the split test; laterals are left out unless data\.views"):
        opened(made.root, 16).plan()


def test_validation_takes_whole_patients_and_valid_csv_is_the_test(layout: Callable) -> None:
    made = layout()
    found = patients(opened(made.root, 16, validation_percent=30))
    assert list(found) == ["train", "validation", "test"]
    assert found["train"] | found["validation"] == {row["Path"].split("/")[2] for row in made.rows["train"]}
    assert not found["train"] & found["validation"]
    assert found["validation"]
    assert found["test"] == {row["Path"].split("/")[2] for row in made.rows["valid"]}


def test_folds_hold_every_patient_out_once_and_leave_valid_csv_unread(layout: Callable) -> None:
    made = layout()
    (made.root / "valid.csv").write_text("not read at all")
    folds = [patients(opened(made.root, 16, folds=4, fold=fold)) for fold in range(4)]
    whole = {row["Path"].split("/")[2] for row in made.rows["train"]}
    held_out = [patient for fold in folds for patient in fold["validation"]]
    assert sorted(held_out) == sorted(whole)
    for fold in folds:
        assert list(fold) == ["train", "validation"]
        assert fold["train"] == whole - fold["validation"]
    assert len({identity(opened(made.root, 16, folds=4, fold=fold)) for fold in range(4)}) == 4


def test_a_split_that_would_be_empty_is_refused(layout: Callable) -> None:
    made = layout(train=2, valid=0)
    with pytest.raises(SourceError, match=r"no image for the split (train|validation)"):
        opened(made.root, 16).plan()
    with pytest.raises(SourceError, match=r"use fewer data\.folds|split train"):
        opened(made.root, 16, folds=7).plan()


def test_without_valid_csv_there_is_no_test(layout: Callable) -> None:
    assert list(opened(layout(valid=0).root, 16).counts()) == ["train", "validation"]


def test_a_patient_of_both_tables_is_refused(layout: Callable) -> None:
    made = layout()
    double = [row | {"Path": row["Path"].replace("patient01003", "patient00004")} for row in made.rows["valid"]]
    made.rewrite("valid", double)
    with pytest.raises(SourceError, match=r"share 1 patients \(patient00004\); remove them from one"):
        opened(made.root, 16).plan()


def test_one_table_alone_is_one_split_of_its_name(layout: Callable) -> None:
    made = layout(train=0)
    source = opened(made.root, 16, only="valid")
    examples, skipped = everything(source)
    assert (list(examples), len(examples["valid"]), skipped) == (["valid"], 6, [])


@pytest.mark.parametrize("name", ["../train", "all", "/etc/passwd", "a.csv", "a b", "a*"])
def test_a_split_that_is_no_plain_name_is_refused(layout: Callable, name: str) -> None:
    with pytest.raises(SourceError, match="must be the name of a CSV"):
        opened(layout(train=2).root, 16, only=name).plan()


def test_unusable_images_are_left_out_with_a_reason(tmp_path: Path, layout: Callable) -> None:
    made = layout()
    paths = sorted(made.pixels)[:4]
    files = [made.root / path.removeprefix("set/") for path in paths]
    outside = tmp_path / "outside.png"
    shutil.copy(files[1], outside)
    files[0].unlink()
    files[1].unlink()
    files[1].symlink_to(outside)
    files[2].write_bytes(b"not an image")
    inside = files[3].rename(made.root / "elsewhere.png")
    files[3].symlink_to(inside)
    examples, skipped = everything(opened(made.root, 16))
    reasons = {item.path: item.reason for item in skipped}
    assert set(reasons) == set(paths[:3])
    assert reasons[paths[0]] == "no such file"
    assert f"a symbolic link that leaves raw_dir, to {outside}; --allowed_roots={tmp_path}" in reasons[paths[1]]
    assert reasons[paths[2]].startswith("not a readable image")
    assert sum(map(len, examples.values())) == 43


def test_a_folder_that_links_out_of_raw_dir_is_left_out(tmp_path: Path, layout: Callable) -> None:
    made = layout(valid=0)
    (made.root / "train").rename(tmp_path / "secret")
    (made.root / "train").symlink_to(tmp_path / "secret")
    _, skipped = everything(opened(made.root, 16))
    assert len(skipped) == 40
    assert all("train is a symbolic link that leaves raw_dir" in item.reason for item in skipped)


@pytest.mark.parametrize("linked", ["folder", "files", "set"])
def test_links_into_an_allowed_root_are_followed(tmp_path: Path, layout: Callable, linked: str) -> None:
    made, shared = layout(), tmp_path / "shared"
    (made.root / "train").rename(shared)
    images = [path for path in shared.rglob("*") if path.is_file()]
    if linked == "files":
        for image in images:
            place = made.root / "train" / image.relative_to(shared)
            place.parent.mkdir(parents=True)
            place.symlink_to(image)
    else:
        (made.root / "train").symlink_to(shared)
    (shared / "loop").symlink_to(made.root)
    raw_dir = made.root
    if linked == "set":
        raw_dir = tmp_path / "mine"
        raw_dir.mkdir()
        (raw_dir / "set").symlink_to(made.root)
    examples, skipped = everything(opened(raw_dir, allowed_roots=(str(shared), str(made.root))))
    assert (sum(map(len, examples.values())), skipped) == (46, [])


def test_an_allowed_root_that_is_no_folder_is_refused(tmp_path: Path, layout: Callable) -> None:
    with pytest.raises(SourceError, match=r"data\.allowed_roots names .*nowhere, which is not a folder"):
        opened(layout(train=2).root, allowed_roots=(str(tmp_path / "nowhere"),)).plan()


def test_a_name_that_no_file_can_have_is_left_out(layout: Callable, plain_row: Callable) -> None:
    made = layout()
    made.rewrite("train", [*made.rows["train"], plain_row(f"set/train/patient00000/study1/{'a' * 300}.png")])
    _, skipped = everything(opened(made.root, 16))
    assert [item.reason for item in skipped] == ["no such file"]


def test_boxes_reach_their_images_and_the_manifest_counts_strays(layout: Callable) -> None:
    made = layout()
    path = made.rows["train"][5]["Path"]
    lines = ["Path,label,x_16,y_16,w_16,h_16", f"{path},Nodule,4,8,4,2", f"{path},Edema,0,0,16,16", "x,Edema,0,0,1,1"]
    (made.root / "boxes.csv").write_text("\n".join(lines))
    source = opened(made.root, 16)
    found = {example.path: example.boxes for split in everything(source)[0].values() for example in split}
    lesion, edema = FINDINGS.index("Lung Lesion"), FINDINGS.index("Edema")
    np.testing.assert_array_equal(found.pop(path), [[lesion, 0.5, 0.25, 0.625, 0.5], [edema, 0, 0, 1, 1]])
    assert all(boxes.shape == (0, 5) for boxes in found.values())
    facts = source.facts()
    assert facts["boxes_listed"] == 2
    assert facts["notices"] == ["1 images of boxes.csv are in no other table, such as x"]


def test_an_edited_table_is_another_data_set(layout: Callable) -> None:
    made = layout()
    source = opened(made.root, 16)
    before, images = identity(source), source.counts()
    made.rewrite("train", made.rows["train"][:-2])
    assert identity(opened(made.root, 16)) != before
    assert sum(opened(made.root, 16).counts().values()) == sum(images.values()) - 2
    assert identity(opened(made.root, 24)) != identity(source)


def test_the_published_test_sets_are_read(tmp_path: Path) -> None:
    """test_labels.csv has Path and the findings alone, groundtruth.csv a row a study; views are in the files' names."""
    lines = {"test_labels": ["Path,Edema,No Finding"], "groundtruth": ["Study,Edema,No Finding"]}
    for number in range(3):
        study = f"test/patient{64741 + number}/study1"
        lines["test_labels"].append(f"{study}/view1_frontal.jpg,{number % 2},0.0")
        lines["groundtruth"].append(f"CheXpert-v1.0/{study},{number % 2},0.0")
        for view in ("view1_frontal", "view2_lateral"):
            sets.picture(tmp_path / f"CheXpert/{study}/{view}.jpg", seed=number)
    for name, text in lines.items():
        sets.write(tmp_path / f"CheXpert/{name}.csv", "\n".join(text))
        source = opened(tmp_path / "CheXpert", only=name)
        ((split, rows),) = ((split, [entry.row for entry in part]) for split, part in source.plan().entries.items())
        assert (split, [row.labels["Edema"] for row in rows]) == (name, [0, 1, 0])
        assert {(row.view, row.sex, row.age) for row in rows} == {("FRONTAL", "Unknown", -1)}
        assert [row.study for row in rows] == [f"patient{64741 + number}/study1" for number in range(3)]
        assert sum(opened(tmp_path / "CheXpert", only=name, views="all").counts().values()) == (
            6 if name == "groundtruth" else 3
        )


def test_version_1_is_read_as_it_is_unpacked(tmp_path: Path, layout: Callable) -> None:
    made = layout(root=tmp_path / "raw/CheXpert-v1.0 batch 1 (validate & csv)", prefix="CheXpert-v1.0")
    for number, patient in enumerate(sorted((made.root / "train").iterdir())):
        place = tmp_path / f"raw/CheXpert-v1.0 batch {2 + number % 3} (train {1 + number % 3})" / patient.name
        place.parent.mkdir(exist_ok=True)
        patient.rename(place)
    examples, skipped = everything(opened(tmp_path / "raw"))
    assert (sum(map(len, examples.values())), skipped) == (46, [])
    for example in (example for part in examples.values() for example in part):
        np.testing.assert_array_equal(example.image[..., 0], made.pixels[example.path])


def test_a_column_that_is_asked_for_becomes_a_finding(layout: Callable) -> None:
    made = layout()
    for name, rows in made.rows.items():
        lines = (made.root / f"{name}.csv").read_text().splitlines()
        numbers = ["Hernia", *(str(number % 2) for number in range(len(rows)))]
        sets.write(made.root / f"{name}.csv", "\n".join(map(",".join, zip(lines, numbers, strict=True))))
    assert opened(made.root).findings == FINDINGS
    source = opened(made.root, labels=("hernia", "Edema"))
    assert source.findings == (*FINDINGS, "Hernia")
    labels = [int(example.labels[14]) for example in everything(source)[0]["test"]]
    assert labels == [0, 1, 0, 1, 0, 1]


def test_a_table_with_one_finding_leaves_the_others_unlabelled(layout: Callable) -> None:
    made = layout()
    for name, rows in made.rows.items():
        sets.write(made.root / f"{name}.csv", "Path,Pneumonia\n" + "".join(f"{row['Path']},1\n" for row in rows))
    found = everything(opened(made.root))[0]
    labels = np.concatenate([[example.labels for example in part] for part in found.values()])
    np.testing.assert_array_equal(labels, np.where(np.asarray(FINDINGS) == "Pneumonia", 1, -3)[None].repeat(46, 0))


def test_a_row_without_any_label_is_unlabelled(layout: Callable) -> None:
    made = layout(valid=0)
    blank = [
        {name: "" for name in FINDINGS} | {key: row[key] for key in row if key not in FINDINGS}
        for row in made.rows["train"]
    ]
    made.rewrite("train", [*blank[:20], *made.rows["train"][20:]])
    rows = [entry.row for part in opened(made.root).plan().entries.values() for entry in part]
    assert sum(not row.labels for row in rows) == 20


def test_another_training_table_is_read_by_its_name(layout: Callable) -> None:
    made = layout()
    made.rewrite("train_cheXbert", [row | {"Edema": "0.0"} for row in made.rows["train"]])
    for name in ("train_cheXbert", "train_cheXbert.csv"):
        parts = everything(opened(made.root, train_table=name))[0]
        edema = FINDINGS.index("Edema")
        assert {int(example.labels[edema]) for split in ("train", "validation") for example in parts[split]} == {0}


def test_the_same_image_in_two_rows_is_refused(layout: Callable) -> None:
    made = layout()
    rows = made.rows["train"]
    made.rewrite("train", [*rows, rows[3]])
    with pytest.raises(SourceError, match=r"train\.csv, line 42: .* is in line 5 already; remove one of them"):
        opened(made.root).plan()
    made.rewrite("train", [*rows, rows[3] | {"Path": rows[3]["Path"].removeprefix("set/")}])
    with pytest.raises(
        SourceError, match=r"are the same file, train/patient00001/study2/view1_frontal\.png; remove one row"
    ):
        opened(made.root).plan()


@pytest.mark.parametrize(
    "spelling", ["train/{}", "set/train/{}", "/data/set/train/{}", "set\\train\\{}", "SET/TRAIN/{}"]
)
def test_boxes_are_found_by_the_file_that_they_mean(layout: Callable, spelling: str) -> None:
    made = layout(valid=0)
    tails = [row["Path"].removeprefix("set/train/") for row in made.rows["train"]]
    paths = [spelling.format(tail.replace("/", "\\") if "\\" in spelling else tail) for tail in tails]
    sets.write(
        made.root / "boxes.csv",
        "Path,label,x_16,y_16,w_16,h_16\n" + "".join(f"{path},Edema,1,1,8,8\n" for path in paths),
    )
    examples = [example for part in everything(opened(made.root))[0].values() for example in part]
    assert [len(example.boxes) for example in examples] == [1] * 40


def test_odd_facts_are_unknown_and_counted_until_they_are_many(layout: Callable) -> None:
    made = layout()
    made.rewrite("train", [made.rows["train"][0] | {"Age": "414", "Sex": "?!", "AP/PA": "XX"}, *made.rows["train"][1:]])
    source = opened(made.root)
    assert source.facts()["unknown_cells"] == {
        "age": {"414": 1},
        "sex": {"?!": 1},
        "AP/PA view": {"XX": 1},
    }
    assert "1 cell is no sex that is known, such as '?!', and left unknown" in source.facts()["notices"]
    made.rewrite("train", [row | {"Age": "414"} for row in made.rows["train"]])
    with pytest.raises(
        SourceError, match=r"train\.csv, line 2: 40 cells of 46 are no age that is known, such as '414'"
    ):
        opened(made.root).plan()
    assert sum(opened(made.root, max_unknown_percent=90.0).counts().values()) == 46


@pytest.mark.parametrize(
    ("column", "text", "kind"),
    [
        ("Edema", "2", "label of Edema"),
        ("AP/PA", "XX", "AP/PA view"),
        ("Frontal/Lateral", "?!", "Frontal/Lateral view"),
    ],
)
def test_odd_cells_of_one_column_are_not_lost_among_the_others(
    layout: Callable, column: str, text: str, kind: str
) -> None:
    made = layout()
    made.rewrite("train", [row | {column: text} for row in made.rows["train"][:3]] + made.rows["train"][3:])
    with pytest.raises(SourceError, match=rf"3 cells of 46 are no {kind} that is known, such as .*max_unknown_percent"):
        opened(made.root).plan()


def test_a_finding_whose_column_is_misspelt_is_told(layout: Callable) -> None:
    made = layout()
    assert not any("has no column" in notice for notice in opened(made.root).facts()["notices"])
    table = made.root / "train.csv"
    table.write_text(table.read_text().replace("Fracture", "Fractuer", 1))
    (notice,) = opened(made.root).facts()["notices"]
    assert "train.csv has no column Fracture, but one named Fractuer, which is not read" in notice


@pytest.mark.parametrize("name", ["train", "valid"])
def test_a_table_of_a_split_without_rows_is_refused(layout: Callable, name: str) -> None:
    made = layout()
    made.rewrite(name, [])
    with pytest.raises(SourceError, match=rf"{name}\.csv has a header but no rows"):
        opened(made.root).plan()


def test_a_missing_table_is_answered_with_those_that_are_there(layout: Callable) -> None:
    made = layout()
    (made.root / "train.csv").rename(made.root / "train_visualCheXbert.csv")
    with pytest.raises(
        SourceError, match=r"name one of its tables \(train_visualCheXbert\.csv, valid\.csv\) by --train_table"
    ):
        opened(made.root).plan()
    assert sum(opened(made.root, train_table="train_visualCheXbert").counts().values()) == 46


@pytest.mark.parametrize(
    "path",
    [
        "../train/patient00001/study1/a.jpg",
        "set/../../patient00001/study1/a.jpg",
        "set/patient1/study1/\x1b[2J.jpg",
        "",
    ],
)
def test_paths_that_could_leave_raw_dir_are_refused(layout: Callable, plain_row: Callable, path: str) -> None:
    made = layout()
    made.rewrite("valid", [plain_row(path)])
    with pytest.raises(SourceError, match=r"valid\.csv, line 2: the Path .* must be plain, without \.\."):
        opened(made.root).plan()


@pytest.mark.parametrize("path", ["set/train/p1/study1/a.jpg", "set/patient00001/a.jpg", "patient00001"])
def test_paths_without_patient_and_study_are_refused(layout: Callable, plain_row: Callable, path: str) -> None:
    made = layout()
    made.rewrite("valid", [plain_row(path)])
    with pytest.raises(SourceError, match="is not of the form"):
        opened(made.root).plan()


@pytest.mark.parametrize("before", ["", "set/train/", "patients/", "patient-data/v2/", "C:\\x\\", "file:///data/"])
def test_patient_and_study_come_from_the_folders_nearest_to_the_file(
    layout: Callable, plain_row: Callable, before: str
) -> None:
    made = layout()
    made.rewrite("valid", [plain_row(f"{before}patient00777/study3/patient_view1.jpg")])
    (entry,) = opened(made.root).plan().entries["test"]
    assert (entry.row.patient, entry.row.study) == ("patient00777", "patient00777/study3")


@pytest.mark.parametrize(
    ("header", "line", "reason"),
    [
        ("Path,x_64,y_64,w_64,h_64", "a,1,1,1,1", "lacks the column label"),
        ("Path,label,x,y,w,h", "a,Edema,1,1,1,1", "needs the columns x_F"),
        ("Path,label,x_64,y_64,w_64", "a,Edema,1,1,1", "needs the columns x_F"),
        ("Path,label,x_0,y_0,w_0,h_0", "a,Edema,1,1,1,1", "needs the columns x_F"),
        (
            "Path,label,x_64,y_64,w_64,h_64",
            "a,Oedema,1,1,1,1",
            "line 2: 1 cells of 1 are no box label that is known, such as 'Oedema'",
        ),
        ("Path,label,x_64,y_64,w_64,h_64", "a,Edema,1,one,1,1", "line 2: x, y, w and h must be numbers"),
        ("Path,label,x_64,y_64,w_64,h_64", "a,Edema,1,1,0,5", "line 2: the box has no area"),
        ("Path,label,x_64,y_64,w_64,h_64", "a,Edema,nan,1,1,1", "line 2: x, y, w and h must be numbers"),
        ("Path,label,x_64,y_64,w_64,h_64", "a,Edema,1,1,inf,1", "line 2: x, y, w and h must be numbers"),
        ("Path,label,x_64,y_64,w_64,h_64", "a,Edema,70,1,5,5", "line 2: the box has no area"),
        ("Path,label,x_64,y_64,w_64,h_64", "a,Edema,1,1", "line 2: 4 fields, but the header has 6"),
    ],
)
def test_boxes_that_cannot_be_used(layout: Callable, header: str, line: str, reason: str) -> None:
    made = layout(valid=0)
    sets.write(made.root / "boxes.csv", f"{header}\n{line}\n")
    with pytest.raises(SourceError, match=reason):
        opened(made.root).plan()


def test_the_command_follows_links_into_the_roots_that_it_is_told(tmp_path: Path, layout: Callable, capsys) -> None:
    made = layout()
    mine = tmp_path / "mine"
    mine.mkdir()
    for name in ("train", "valid"):
        shutil.copy(made.root / f"{name}.csv", mine)
        (mine / name).symlink_to(made.root / name)
    command = [
        "--dataset=chexpert",
        f"--raw_dir={mine}",
        f"--data_dir={tmp_path / 'data'}",
        "--image_size=16",
        "--build_workers=1",
    ]
    with pytest.raises(SystemExit, match=rf"a symbolic link that leaves raw_dir.*--allowed_roots={made.root} "):
        build_command(command)
    build_command([*command, f"--allowed_roots={made.root}"])
    assert "test: 6 images of 6 patients" in capsys.readouterr().out
