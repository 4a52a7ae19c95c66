"""CheXlocalize: where radiologists saw ten findings in CheXpert's validation and test images, as masks and as outlines.

gt_segmentations_val.json and gt_segmentations_test.json hold {image: {finding: {"size": [height, width], "counts": text}}}, masks in
COCO's compressed run lengths. gt_annotations_val.json holds {image: {"img_size": [height, width], finding: [outline, ...]}}, an
outline a list of [x, y]; each becomes a box. An image is patient64541_study1_view1_frontal, its path's last parts.

Saporta et al. 2022. Layout as in the samples of https://github.com/rajpurkarlab/cheXlocalize (read whole); text of run lengths as in
https://github.com/cocodataset/cocoapi/blob/master/common/maskApi.c.
"""

from collections.abc import Mapping
from typing import Any

from data_prep.reader import Box, Mask, TableFile
from data_prep.source import SourceError
from data_prep.tables import Document
from dirvae.labels import canonical

SEGMENTATIONS, ANNOTATIONS = "segmentations", "annotations"
DOCUMENTS = tuple(
    TableFile(f"{kind}_{split}", (f"gt_{kind}_{split}.json",), optional=True, json=True)
    for kind in (SEGMENTATIONS, ANNOTATIONS)
    for split in ("val", "test")
)
"""What a reader of CheXpert adds to its tables to have masks and boxes."""


def image_of(path: str) -> str:
    """The name of an image here, of its path in CheXpert: the last three parts without the suffix."""
    return "_".join(path.rpartition(".")[0].replace("\\", "/").split("/")[-3:])


def masks(documents: Mapping[str, Document]) -> dict[str, tuple[Mask, ...]]:
    """Masks by image, those without a pixel left out.

    Raises:
      SourceError: for a document of another form.
    """
    found: dict[str, tuple[Mask, ...]] = {}
    for document in _of_kind(documents, SEGMENTATIONS):
        for image, by_finding in _images(document):
            try:
                made = [mask(finding, entry) for finding, entry in by_finding.items()]
            except (KeyError, TypeError, ValueError):
                raise SourceError(
                    f"{document.name}: {image} has a mask without size and counts; fetch it again"
                ) from None
            found[image] = (*found.get(image, ()), *(one for one in made if len(one.runs) > 1))
    return found


def boxes(documents: Mapping[str, Document]) -> dict[str, tuple[Box, ...]]:
    """The box around each outline, by image.

    Raises:
      SourceError: for a document of another form.
    """
    found: dict[str, tuple[Box, ...]] = {}
    for document in _of_kind(documents, ANNOTATIONS):
        for image, by_finding in _images(document):
            try:
                height, width = map(float, by_finding["img_size"])
                outlines = [(name, line) for name, lines in by_finding.items() if name != "img_size" for line in lines]
                made = [box(name, line, (height, width)) for name, line in outlines if line]
            except (KeyError, TypeError, ValueError):
                raise SourceError(f"{document.name}: {image} has no img_size, or outlines that are no points") from None
            found[image] = (*found.get(image, ()), *made)
    return found


def _of_kind(documents: Mapping[str, Document], kind: str) -> list[Document]:
    return [document for key, document in documents.items() if key.startswith(kind)]


def _images(document: Document) -> list[tuple[str, Any]]:
    whole = document.json()
    if not isinstance(whole, dict) or not all(isinstance(entry, dict) for entry in whole.values()):
        raise SourceError(f"{document.name} is not of the form {{image: {{finding: ...}}}}; fetch it again")
    return list(whole.items())


def mask(finding: str, entry: Mapping[str, Any]) -> Mask:
    """A mask of COCO's dictionary.

    Raises:
      ValueError: for runs that do not fill the image.
    """
    height, width = map(int, entry["size"])
    runs = run_lengths(entry["counts"])
    if sum(runs) != height * width:
        raise ValueError(f"runs of {sum(runs)} pixels in an image of {height} x {width}")
    return Mask(canonical(finding), height, width, runs)


def run_lengths(text: str) -> tuple[int, ...]:
    """Run lengths of COCO's compressed text, from pixels outside on, down the columns.

    A number is written in groups of 5 bits from the lowest on, each a character of code 48 + group, with bit 5 set where more follow
    and bit 4 of the last its sign. From the fourth on, a number is the difference from the one two before it.
    """
    runs: list[int] = []
    place = 0
    while place < len(text):
        value, shift, more = 0, 0, True
        while more:
            group = ord(text[place]) - 48
            value |= (group & 31) << shift
            shift, more, place = shift + 5, bool(group & 32), place + 1
            if more and place == len(text):
                raise ValueError("run lengths that end within a number")
        if group & 16:
            value -= 1 << shift
        runs.append(value + runs[-2] if len(runs) > 2 else value)
    if min(runs, default=-1) < 0:
        raise ValueError("run lengths below 0")
    return tuple(runs)


def box(finding: str, outline: list[list[float]], frame: tuple[float, float]) -> Box:
    """The box around an outline, a list of [x, y]."""
    across, down = zip(*((float(x), float(y)) for x, y in outline), strict=True)
    return Box(canonical(finding), min(down), min(across), max(down), max(across), frame)
