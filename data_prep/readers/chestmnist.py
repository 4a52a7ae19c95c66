"""ChestMNIST of MedMNIST: the 112,120 images of NIH ChestX-ray14 at 28, 64, 128 or 224 pixels, in one .npz file without patients.

chestmnist.npz, chestmnist_64.npz, chestmnist_128.npz and chestmnist_224.npz hold train_images, train_labels, and the same of val and
test: the official split. Of several files the smallest that is not smaller than `data.image_size` is read, else the largest. A label
is 0 or 1, for NIH's 14 findings in a fixed order. Without --raw_dir the file is fetched by TFDS and its MD5 is checked.

The patients of images are not told. Each image stands as its own, and a patient of NIH's may be in two of MedMNIST's splits.
"""

import hashlib
import os
import re
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from data_prep import recognition
from data_prep.arrays import Place
from data_prep.cells import Cells
from data_prep.files import Folder
from data_prep.reader import NO_PATIENTS, Inputs, Reader, Row, TableFile
from data_prep.source import SourceError
from dirvae.config import DataConfig
from dirvae.labels import canonical

NAMES = (
    *("atelectasis", "cardiomegaly", "effusion", "infiltration", "mass", "nodule", "pneumonia", "pneumothorax"),
    *("consolidation", "edema", "emphysema", "fibrosis", "pleural", "hernia"),
)
FINDINGS = tuple(map(canonical, NAMES))
PATTERNS = ("chestmnist*.npz",)
SPLITS = {"train": "train", "val": "validation", "test": "test"}
URL = "https://zenodo.org/records/10519652/files/{}?download=1"
MD5 = {
    28: "02c8a6516a18b556561a56cbdd36c4a8",
    64: "9de6cd0b934ebb5b7426cfba5efbae16",
    128: "db107e5590b27930b62dbaf558aebee3",
    224: "45bd33e6f06c3e8cdb481c74a89152aa",
}
"""Sizes in pixels, and the MD5 of the file of each, as medmnist/info.py has them."""
TIMEOUT = 20.0  # seconds until a server that does not answer is given up


def name_of(size: int) -> str:
    return "chestmnist.npz" if size == 28 else f"chestmnist_{size}.npz"


def nearest(sizes: list[int], wanted: int) -> int:
    """The smallest size that is not smaller than the wanted one, else the largest."""
    return min((size for size in sizes if size >= wanted), default=max(sizes))


def tables(data: DataConfig, only: str) -> tuple[TableFile, ...]:
    return ()


def file_in(folder: Folder, wanted: int) -> str:
    """The path of the file that is read.

    Raises:
      SourceError: where there is none.
    """
    found = {}
    for path in reversed(folder.match(PATTERNS)):
        match = re.search(r"_(\d+)\.npz$", path)
        found[int(match[1]) if match else 28] = path
    if not found:
        usual = f"give {READER.holds}, or no --raw_dir at all to fetch it"
        advice = recognition.other(folder, READER, DataConfig()) or usual
        raise SourceError(f"raw_dir {folder} holds no chestmnist.npz; {advice}")
    return found[nearest(list(found), wanted)]


def rows(inputs: Inputs, cells: Cells) -> Iterator[Row]:
    path = file_in(inputs.folder, inputs.data.image_size)
    cells.notice(NO_PATIENTS)
    for name, split in SPLITS.items():
        for number, states in enumerate(labels(inputs.folder, path, name)):
            image = f"{split}/{number:06d}"
            yield Row(
                path=str(Place(path, f"{name}_images", number)),
                patient=image,
                study=image,
                view="FRONTAL",
                labels=dict(zip(FINDINGS, states, strict=True)),
                split=split,
            )


def labels(folder: Folder, path: str, name: str) -> list[list[int]]:
    """The labels of a split, a row an image.

    Raises:
      SourceError: for a file of another form.
    """
    try:
        with folder.open(path) as file, np.load(file) as arrays:
            found = arrays[f"{name}_labels"]
    except Exception as error:  # a damaged file raises many kinds
        raise SourceError(
            f"{folder.name}/{path} has no readable {name}_labels ({error}); fetch the file again"
        ) from None
    if found.ndim != 2 or found.shape[1] != len(FINDINGS) or not np.isin(found, (0, 1)).all():
        raise SourceError(f"{folder.name}/{path}: {name}_labels is no table of 0 and 1 for {len(FINDINGS)} findings")
    return found.astype(int).tolist()


def findings(inputs: Inputs) -> tuple[str, ...]:
    return FINDINGS


def downloads() -> Path:
    return Path(os.environ.get("TFDS_DATA_DIR", "data")) / "downloads" / "chestmnist"


def download(data: DataConfig) -> Path:
    """The folder with the file of the size that fits, fetched where it is not there yet.

    Raises:
      SourceError: without a network, or for content of another MD5.
    """
    size = nearest(list(MD5), data.image_size)
    folder, url = downloads(), URL.format(name_of(size))
    place = folder / name_of(size)
    if not place.exists():
        fetched = _fetch(url, folder)
        with fetched.open("rb") as file:
            if (found := hashlib.file_digest(file, "md5").hexdigest()) != MD5[size]:
                raise SourceError(f"{url} gave a file with MD5 {found} instead of {MD5[size]}; try again")
        fetched.rename(place)
    return folder


def _fetch(url: str, folder: Path) -> Path:
    import requests
    import tensorflow_datasets as tfds

    try:
        requests.head(url, timeout=TIMEOUT, allow_redirects=True).raise_for_status()  # TFDS would try for minutes
        folder.mkdir(parents=True, exist_ok=True)
        return Path(tfds.download.DownloadManager(download_dir=folder, force_checksums_validation=False).download(url))
    except (OSError, tfds.download.DownloadError) as error:
        kind = str(error).splitlines()[0][:150] if str(error) else type(error).__name__
        raise SourceError(
            f"{url} cannot be fetched ({kind}); fetch it elsewhere and give its folder as --raw_dir"
        ) from None


READER = Reader(
    name="chestmnist",
    title="ChestMNIST",
    holds="the folder that holds chestmnist.npz or chestmnist_64.npz",
    source="https://github.com/MedMNIST/MedMNIST/blob/main/medmnist/info.py (names, sizes and MD5; not verified on the data)",
    tables=tables,
    rows=rows,
    findings=findings,
    images_of="NIH ChestX-ray14",
    download=download,
    known_by=(TableFile("images", PATTERNS),),
)
