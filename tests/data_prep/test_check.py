"""The check of a folder: which reader fits, what is counted, what is said of folders that no reader reads; nothing else is written."""

import csv
import re
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from support import pictures, sets

from data_prep import build, check, contact_sheet, contents, recognition
from data_prep.files import Folder
from data_prep.plan import Entry
from data_prep.sample import Look
from dirvae.config import DataConfig

MOST_LINES, MOST_COLUMNS = 45, 100


@pytest.fixture
def ask(tmp_path: Path, capsys: pytest.CaptureFixture) -> Callable[..., tuple[int, str, str]]:
    """ask(folder, flags ...): exit code, what was printed, and the error."""

    def run(folder: Path, *flags: str) -> tuple[int, str, str]:
        code = 0
        try:
            check.main([f"--raw_dir={folder}", f"--data_dir={tmp_path / 'data'}", *flags])
        except SystemExit as stopped:
            code = stopped.code
        said = capsys.readouterr()
        return code, said.out, said.err

    return run


def said(out: str, label: str) -> list[str]:
    """What is said under a label; lines that were broken are joined."""
    whole = re.sub(r"\n {11}", " ", out)
    return [line[11:] for line in whole.splitlines() if line[:11].strip() == label]


def chests(root: Path, rows: list[dict[str, str]]) -> Path:
    """A folder in CheXpert's layout with a picture of a chest for each row of train.csv."""
    for seed, row in enumerate(rows):
        place = root / row["Path"]
        place.parent.mkdir(parents=True, exist_ok=True)
        pixels = pictures.chest(96, 80) + np.random.default_rng(seed).integers(0, 8, (96, 80)).astype(np.uint8)
        Image.fromarray(pixels).save(place)
    with (root / "train.csv").open("w", newline="") as file:
        writer = csv.DictWriter(file, list(rows[0]))
        writer.writeheader()
        writer.writerows(rows)
    return root


@pytest.fixture
def chest_set(tmp_path: Path, plain_row: Callable) -> Path:
    """Forty patients with a frontal each and the first ten with a lateral; a tenth with a pneumothorax."""
    rows = []
    for patient in range(40):
        for view in ("frontal", "lateral")[: 2 if patient < 10 else 1]:
            path = f"train/patient{patient:05d}/study1/view1_{view}.png"
            changes = {"Frontal/Lateral": view.title(), "AP/PA": "AP" if view == "frontal" else ""}
            rows.append(plain_row(path, Age=str(20 + patient), Pneumothorax=f"{float(patient % 10 == 0)}", **changes))
    return chests(tmp_path / "set", rows)


def test_one_screen_says_what_a_folder_holds(ask: Callable, chest_set: Path, tmp_path: Path) -> None:
    code, out, err = ask(chest_set)
    assert (code, err) == (0, "")
    assert len(out.splitlines()) <= MOST_LINES
    assert all(
        len(line) <= MOST_COLUMNS for line in out.splitlines() if not line.startswith(("build", "folder", "sheet"))
    )
    assert said(out, "reader") == ["--dataset=chexpert: CheXpert, of train.csv"]
    assert said(out, "rows") == ["50; images there 50, missing 0"]
    assert said(out, "patients") == ["40; studies 40"]
    assert said(out, "views") == ["AP 40, LATERAL 10"]
    assert said(out, "sexes") == ["Female 50; ages 20 to 59, quartiles 26, 34.5, 46.75"]
    assert re.search(r"^Pneumothorax +5 +45 +0 +0$", out, re.MULTILINE)
    assert said(out, "pixels") == ["96 x 80 (50)"]
    assert said(out, "files") == ["PNG L of 8 bit (50)"]
    assert said(out, "quality") == ["every picture passes (data_prep/quality.py)"]


def test_the_command_that_is_printed_builds_what_was_counted(
    ask: Callable, chest_set: Path, capsys: pytest.CaptureFixture
) -> None:
    _, out, _ = ask(chest_set, "--image_size=16", "--build_workers=1", "--images=0")
    (command,) = said(out, "build")
    build.main(command.removeprefix("python -m data_prep.build ").split())
    made = re.findall(r"^(\w+): (\d+) images of (\d+) patients$", capsys.readouterr().out, re.MULTILINE)
    assert re.findall(r"(\w+) (\d+) images of (\d+) patients", said(out, "splits")[0]) == made


def test_nothing_is_written_but_the_sheet(ask: Callable, chest_set: Path, tmp_path: Path) -> None:
    before = {path: path.stat().st_mtime_ns for path in tmp_path.rglob("*")}
    ask(chest_set)
    added = {path for path in tmp_path.rglob("*")} - before.keys()
    assert added == {tmp_path / "data", tmp_path / "data/check_set.png"}
    assert all(path.stat().st_mtime_ns == time for path, time in before.items() if path.is_file())
    assert ask(chest_set, f"--out={chest_set / 'sheet.png'}")[0] == 2
    assert not (chest_set / "sheet.png").exists()


def test_data_below_the_raw_folder_leave_the_sheet_out(ask: Callable, chest_set: Path) -> None:
    code, out, _ = ask(chest_set, f"--data_dir={chest_set / 'data'}")
    assert code == 0
    assert said(out, "sheet")[0].startswith("none")
    assert not (chest_set / "data").exists()


def test_odd_things_are_counted(ask: Callable, chest_set: Path) -> None:
    folder = chest_set / "train"
    (folder / "patient00020/study1/view1_frontal.png").unlink()
    (folder / "patient00021/study1/view1_frontal.png").write_bytes(b"%PDF-1.4")
    Image.new("L", (96, 80)).save(folder / "patient00022/study1/view1_frontal.png")
    twin = (folder / "patient00023/study1/view1_frontal.png").read_bytes()
    (folder / "patient00024/study1/view1_frontal.png").write_bytes(twin)
    (folder / "nobody.png").write_bytes(twin)
    code, out, err = ask(chest_set)
    assert said(out, "rows") == ["50; images there 49, missing 1"]
    assert "patient00020/study1/view1_frontal.png" in said(out, "missing")[0]
    assert said(out, "unnamed")[0].startswith("1 file that neither")
    assert "train/nobody.png" in said(out, "unnamed")[0]
    assert said(out, "unreadable")[0].startswith("1: not a readable image (PDF; save its image as PNG), such as")
    assert said(out, "quality")[0].startswith("1 of 48 pictures (2.1%) is black")
    assert "--intensity=range may mend it" in said(out, "quality")[0]
    assert said(out, "duplicates")[0].startswith("1 in the sample by their pixels")
    assert (code, err.count("\n")) == (1, 1)
    assert "1 of 40 images are missing" in err


def test_cells_and_patients_at_fault_do_not_hide_the_rest(ask: Callable, tmp_path: Path, plain_row: Callable) -> None:
    rows = [plain_row(f"train/patient{n:05d}/study1/view1_frontal.png", Age="old") for n in range(20)]
    code, out, err = ask(chests(tmp_path / "set", rows))
    assert said(out, "unknown") == ["20 cells with no age that is known: 'old' (20)"]
    assert said(out, "rows") == ["20; images there 20, missing 0"]
    assert (code, "20 cells of 20 are no age" in err) == (1, True)


def test_settings_are_those_of_the_build(ask: Callable, chest_set: Path) -> None:
    frontal, whole = (
        said(ask(chest_set, "--images=0", f"--views={views}")[1], "splits") for views in ("frontal", "all")
    )
    images = [sum(map(int, re.findall(r"(\d+) images? of", line[0]))) for line in (frontal, whole)]
    assert images == [40, 50]
    assert ask(chest_set, "--vews=all")[0] == 2
    assert ask(chest_set, "--dataset=chexprt")[0] == 2


def test_a_folder_that_no_reader_reads(ask: Callable, tmp_path: Path) -> None:
    folder = tmp_path / "mine"
    sets.write(folder / "labels.txt", "Image Index\tFinding Labels\na.png\thealthy\n")
    sets.write(folder / "more.xlsx", "PK")
    sets.write(folder / "notes/read.pdf", "%PDF")
    code, out, err = ask(folder)
    assert code == 1
    held = ["labels.txt (2 columns: Image Index, Finding Labels)", "more.xlsx is no CSV; save it as CSV"]
    assert said(out, "table") == held
    assert said(out, "file") == ["notes/read.pdf, the first .pdf"]
    assert said(out, "nearest")[0].startswith("--dataset=nih (NIH ChestX-ray14), but: no Data_Entry_2017_v2020.csv")
    assert err.startswith(f"error: no registered reader fits {folder}; NIH ChestX-ray14 comes nearest")
    assert not (tmp_path / "data").exists()


def test_a_table_of_no_published_set_is_read_as_any_table(ask: Callable, chest_set: Path) -> None:
    files = sorted(path.relative_to(chest_set).as_posix() for path in chest_set.rglob("*.png"))
    lines = [f"{path},{path.split('/')[1]},{('Mass', 'No Finding')[number % 2]}" for number, path in enumerate(files)]
    (chest_set / "train.csv").unlink()
    sets.write(chest_set / "mine.csv", "\n".join(["Image Index,Patient ID,Finding Labels", *lines]))
    code, out, _ = ask(chest_set, "--images=0")
    assert (code, said(out, "reader")) == (0, ["--dataset=csv: A table of images, of mine.csv"])
    assert said(out, "patients") == ["40; studies 40"]
    assert said(out, "nearest")[0].startswith("--dataset=nih")
    (chest_set / "mine.csv").unlink()
    code, out, _ = ask(chest_set, "--images=0")
    assert (code, said(out, "reader")) == (0, ["--dataset=folder: A folder of images, of no table"])


def test_dicom_files_are_found_without_a_table(ask: Callable, tmp_path: Path) -> None:
    for number in range(12):
        place = tmp_path / f"set/study{number}/IM0001"
        place.parent.mkdir(parents=True)
        levels = 16 * pictures.chest(64, 48).astype(np.uint16)
        facts = {"PatientID": f"p{number}", "StudyInstanceUID": f"1.2.{number}", "SOPInstanceUID": f"1.2.3.{number}"}
        pictures.dicom(place, levels, ViewPosition="PA", PatientSex="F", PatientAge="050Y", **facts)
    code, out, _ = ask(tmp_path / "set", "--validation_percent=40")
    assert (code, said(out, "reader")) == (0, ["--dataset=dicom: DICOM files, of no table"])
    assert said(out, "files") == ["DICOM MONOCHROME2 of 12 bit (12)"]
    assert said(out, "duplicates")[0].startswith("11 in the sample")


def test_what_is_no_folder_of_images(ask: Callable, tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    (tmp_path / "set.tar.gz").write_bytes(b"\x1f\x8b")
    (tmp_path / "train.csv").write_text("Path\n")
    for name, words in {
        "empty": "is empty",
        "absent": "is not a folder",
        "set.tar.gz": "unpack it",
        "train.csv": "give the folder",
    }.items():
        code, out, err = ask(tmp_path / name)
        assert (code, out, err.count("\n")) == (1, "", 1)
        assert words in err


def test_tables_that_cannot_be_read_are_named(ask: Callable, tmp_path: Path) -> None:
    (tmp_path / "set").mkdir()
    (tmp_path / "set/train.csv").write_bytes(b"PK\3\4\0\0\0\0")
    code, out, err = ask(tmp_path / "set")
    assert code == 1
    assert "train.csv is not a readable table" in out
    assert "Traceback" not in out + err


def test_a_set_below_the_folder_is_named(ask: Callable, chest_set: Path, tmp_path: Path) -> None:
    deep = tmp_path / "disk/a/b/c"
    deep.parent.mkdir(parents=True)
    chest_set.rename(deep)
    code, _, err = ask(tmp_path / "disk")
    assert (code, f"give --raw_dir={deep}" in err) == (1, True)


def test_links_out_of_the_folder_name_the_flag(ask: Callable, chest_set: Path, tmp_path: Path) -> None:
    (chest_set / "train").rename(tmp_path / "elsewhere")
    (chest_set / "train").symlink_to(tmp_path / "elsewhere")
    _, out, _ = ask(chest_set, "--images=0")
    assert f"--allowed_roots={tmp_path / 'elsewhere'}" in said(out, "links")[0]
    code, out, _ = ask(chest_set, "--images=0", f"--allowed_roots={tmp_path / 'elsewhere'}")
    assert (code, said(out, "rows")) == (0, ["50; images there 50, missing 0"])


def test_a_set_without_one_needed_table_is_told_by_any_of_its_tables(tmp_path: Path) -> None:
    sets.write(tmp_path / "train.csv", "image_id,class_name,class_id,rad_id,x_min,y_min,x_max,y_max\n")
    fits = recognition.fitting(Folder(tmp_path))
    assert [reader.name for reader in fits if recognition.specific(reader)] == ["vindr"]


def test_the_nearest_reader_lacks_what_is_not_there(tmp_path: Path) -> None:
    sets.write(tmp_path / "Data_Entry_2017.csv", "Image Index,Finding Labels,Patient\n")
    folder = Folder(tmp_path)
    near = contents.nearest(folder, contents.tables(folder))
    assert near is not None
    assert (near.reader.name, near.lacks) == ("nih", ("Data_Entry_2017.csv lacks the columns Patient ID",))


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("a/b.CSV.gz", ".csv.gz"),
        ("images_001.tar.gz", ".tar.gz"),
        ("x.dcm", ".dcm"),
        ("1.2.840.10008", "without suffix"),
        ("._a.png", "hidden"),
        ("README", "without suffix"),
    ],
)
def test_kinds_are_suffixes(name: str, kind: str) -> None:
    assert contents.kind(name) == kind


def test_many_findings_are_summed_unless_all_are_wanted(ask: Callable, tmp_path: Path, plain_row: Callable) -> None:
    names = [f"Sign {number:02d}" for number in range(30)]
    rows = [
        plain_row(f"train/patient{n:05d}/study1/view1_frontal.png") | {name: f"{float(n % 2)}" for name in names}
        for n in range(40)
    ]
    folder = chests(tmp_path / "set", rows)
    flags = ["--images=0", f"--labels={','.join(names)}"]
    short, whole = (ask(folder, *flags, *more)[1] for more in ([], ["--long"]))
    assert "26 others (--long lists them)" in short
    assert [name in whole for name in names] == [True] * 30
    positives = [
        sum(
            int(line[32:].split()[0].replace(",", ""))
            for line in out.splitlines()
            if re.match(r"[A-Z]|\d+ others", line)
        )
        for out in (short, whole)
    ]
    assert positives[0] == positives[1] == 30 * 20 + 40


def test_the_sheet_shows_names_views_and_findings(chest_set: Path) -> None:
    source = sets.source(chest_set, "chexpert")
    entries = source.plan().entries["train"]
    sheet = contact_sheet.draw([Look(entry) for entry in entries[:9]], Folder(chest_set), "declared", "a title")
    assert sheet.width <= 1440
    tile = np.asarray(sheet)[contact_sheet.TITLE + 1 :, contact_sheet.GAP + 1 :][
        : contact_sheet.TILE - 2, : contact_sheet.TILE - 2
    ]
    assert tile.std() > 20
    lines = [line.text for line in contact_sheet.lines(Look(entries[0]))]
    assert lines == [
        "train/patient00000/study1/",
        "view1_frontal.png",
        "AP, Female, 20",
        "Edema, Pneumothorax,",
        "Pneumonia?",
    ]


def test_a_picture_that_cannot_be_read_says_why_on_the_sheet(chest_set: Path) -> None:
    entry = sets.source(chest_set, "chexpert").plan().entries["train"][0]
    gone = Look(Entry(entry.row, None, "no such file"), reason="no such file")
    assert "no such file" in [line.text for line in contact_sheet.lines(gone)]
    contact_sheet.draw([gone], Folder(chest_set), "declared", "a title")
    assert contact_sheet.chosen([Look(entry)] * 60 + [gone])[0] == gone


def test_words_stay_in_the_width_of_a_picture() -> None:
    text = "Enlarged Cardiomediastinum, Pleural Effusion, Atelectasis, Support Devices"
    for room in (60.0, 168.0):
        lines = contact_sheet.broken(text, room, 2)
        assert len(lines) == 2
        assert all(contact_sheet.FONT.getlength(line) <= room for line in lines)
    assert contact_sheet.broken("Edema", 168, 2) == ["Edema"]


def test_a_folder_is_checked_as_its_reader_is_named(ask: Callable, chest_set: Path) -> None:
    code, _, err = ask(chest_set, "--dataset=nih")
    assert (code, "give --dataset=chexpert" in err) == (1, True)
    assert check.choose(None, Folder(chest_set), DataConfig()).reader.name == "chexpert"
