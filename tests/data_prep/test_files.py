"""The one file that a row means: by its path however written, by its end, and never outside the allowed roots."""

import unicodedata
from pathlib import Path

import pytest

from data_prep.files import Folder, plain
from data_prep.images import ImageError
from data_prep.source import SourceError

NAME = "train/patient00001/study1/view1_frontal.jpg"
ACCENTED = "Röntgen/p1.png"


def folder(root: Path, *names: str, roots: tuple[str, ...] = ()) -> Folder:
    for name in names:
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_bytes(name.encode())
    return Folder(root, roots)


@pytest.mark.parametrize(
    "path",
    [
        NAME,
        f"./{NAME}",
        f"set/{NAME}",
        f"/data/sets/CheXpert-v1.0/{NAME}",
        f"file:///data/{NAME}",
        f"file:///data/{NAME}".replace("view1_", "view1%5F"),
        f"s3://bucket/data/{NAME}",
        f"C:/data/{NAME}",
        f"D:\\data\\{NAME}".replace("/", "\\"),
        f"set\\{NAME}",
        f"set//{NAME}".replace("/study1", "/./study1"),
        f" {NAME} ",
        NAME.upper(),
        NAME.replace(".jpg", ".png"),
        NAME.replace(".jpg", ".JPG"),
        f"set/{NAME}".replace("train/", "other/"),
    ],
)
def test_a_path_in_any_spelling_means_its_file(tmp_path: Path, path: str) -> None:
    found = folder(tmp_path, NAME, NAME.replace("00001", "00002")).locate(path, tail=3)
    assert (found.path, found.size) == (NAME, len(NAME))


@pytest.mark.parametrize("stored", ["NFC", "NFD"])
@pytest.mark.parametrize("asked", ["NFC", "NFD"])
def test_accents_may_be_coded_either_way(tmp_path: Path, stored: str, asked: str) -> None:
    made = folder(tmp_path, unicodedata.normalize(stored, ACCENTED))
    assert made.locate(unicodedata.normalize(asked, ACCENTED)).path == unicodedata.normalize(stored, ACCENTED)


def test_the_nearest_of_several_files_is_meant(tmp_path: Path) -> None:
    made = folder(tmp_path, f"big/{NAME}", f"small/{NAME}", "flat/a.png", "flat/a.jpg")
    assert made.locate(f"x/small/{NAME}", tail=3).path == f"small/{NAME}"
    assert made.locate("flat/a.jpg").path == "flat/a.jpg"
    with pytest.raises(ImageError, match="2 files may be meant"):
        made.locate(f"medium/{NAME}", tail=3)
    with pytest.raises(ImageError, match=r"2 files may be meant \(flat/a.jpg, flat/a.png\)"):
        made.locate("flat/a.bmp")


@pytest.mark.parametrize(
    "path", ["train/patient00009/study1/view1_frontal.jpg", "../secret.png", "/etc/passwd", "a" * 300]
)
def test_a_path_without_a_file_says_so(tmp_path: Path, path: str) -> None:
    made = folder(tmp_path / "set", NAME, "view1_frontal.jpg")
    (tmp_path / "secret.png").write_bytes(b"")
    with pytest.raises(ImageError, match=r"^no such file$"):
        made.locate(path, tail=3)
    assert made.meant(path, tail=3) == plain(path)


def test_a_study_means_the_images_in_its_folder(tmp_path: Path) -> None:
    other = NAME.replace("view1_frontal", "view2_lateral")
    made = folder(
        tmp_path, f"batch 2/{NAME}", f"batch 2/{other}", "batch 2/train/patient00001/study10/view1_frontal.jpg"
    )
    assert made.under("CheXpert-v1.0/test/patient00001/study1", 2) == [f"batch 2/{NAME}", f"batch 2/{other}"]
    assert made.under("patient00002/study1", 2) == []


def test_links_are_followed_into_allowed_roots_alone(tmp_path: Path) -> None:
    made = folder(tmp_path / "mine", "own.png")
    folder(tmp_path / "shared", "a.png", "deep/b.png")
    (tmp_path / "mine/images").symlink_to(tmp_path / "shared")
    (tmp_path / "mine/c.png").symlink_to(tmp_path / "shared/a.png")
    (tmp_path / "mine/broken.png").symlink_to(tmp_path / "mine/nowhere.png")
    (tmp_path / "shared/deep/up").symlink_to(tmp_path / "mine")
    made = Folder(tmp_path / "mine")
    assert list(made.files) == ["own.png"]
    with pytest.raises(ImageError, match=rf"^c\.png is a symbolic link .*--allowed_roots={tmp_path / 'shared'} "):
        made.locate("c.png")
    with pytest.raises(
        ImageError, match=rf"^no such file; images is a symbolic link .*--allowed_roots={tmp_path / 'shared'} "
    ):
        made.locate("b.png")
    made = Folder(tmp_path / "mine", (str(tmp_path / "shared"),))
    assert list(made.files) == ["c.png", "images/a.png", "images/deep/b.png", "own.png"]
    assert made.locate("b.png", tail=1).path == "images/deep/b.png"


def test_tables_are_matched_by_name_the_uppermost_first(tmp_path: Path) -> None:
    made = folder(tmp_path, "sub/Train.CSV", "train.csv.gz", "sub/deep/train.csv", "._train.csv", "train.csv.bak")
    assert made.match(("train.csv",)) == ["train.csv.gz", "sub/Train.CSV"]
    assert made.match(("train.csv",), depth=3) == ["train.csv.gz", "sub/Train.CSV", "sub/deep/train.csv"]


def test_a_folder_must_be_one(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"")
    for place in (tmp_path / "file", tmp_path / "nowhere"):
        with pytest.raises(SourceError, match="is not a folder"):
            Folder(place)
