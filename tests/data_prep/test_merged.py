"""Several data sets as one: findings, labels, patients and marks of each are kept apart and carried over."""

from pathlib import Path

import numpy as np
import pytest
from support.given import Given, example

from data_prep import build, merged, sources
from data_prep.merged import Merged
from data_prep.source import SourceError
from dirvae.config import ConfigError, DataConfig
from dirvae.labels import NEGATIVE, POSITIVE, UNLABELLED
from dirvae.training import data

NOTHING = np.zeros(0, np.float32)


class Set(Given):
    """Examples of a data set with findings of its own."""

    own = ("Mass", "Nodule")
    factors = 0

    @property
    def findings(self):
        return self.own


def of(name, own, examples, **more):
    made = Set(examples, name=name, factors=0, **more)
    made.own = own
    return made


def one(patient, labels, finding=0):
    boxes = np.asarray([[finding, 0.0, 0.0, 0.5, 0.5]], np.float32)
    masks = np.asarray([[finding, *[255] * 8]], np.uint8)
    return example(patient, labels=np.asarray(labels, np.int8), factors=NOTHING, boxes=boxes, masks=masks)


@pytest.fixture
def both():
    first = {"train": [one("a", [1, 0], 1), one("b", [0, 0])], "test": [one("c", [0, 1])]}
    second = {"train": [one("a", [1, 0, 1], 2)] * 3, "validation": [one("d", [-1, 1, 0])]}
    parts = of("one", ("Mass", "Nodule"), first), of("two", ("Hernia", "Lung Lesion", "Nodule"), second)
    return Merged(parts, ("nih", "mimic"))


def test_splits_and_findings_are_united_in_order(both):
    assert both.counts() == {"train": 5, "validation": 1, "test": 1}
    assert both.findings == ("Mass", "Nodule", "Hernia", "Lung Lesion")


def test_a_chunk_holds_images_of_one_set_and_none_is_lost(both):
    for split, count in both.counts().items():
        chunks = [both.task(split, number)() for number in range(both.shards(split))]
        origins = [{found.origin for found in chunk.examples} for chunk in chunks]
        assert all(len(names) == 1 for names in origins)
        assert sum(len(chunk.examples) for chunk in chunks) == count


def test_what_a_set_does_not_label_is_masked_and_what_its_labels_imply_is_told(both, tmp_path):
    split = data.Split(build.build(both, tmp_path, workers=1), "train")
    assert split.findings == both.findings
    stored = dict(zip(map(str, split.table.patient), split.table.labels.tolist(), strict=True))
    assert stored["nih/a"] == [POSITIVE, NEGATIVE, UNLABELLED, POSITIVE]  # a mass is a lung lesion
    assert stored["nih/b"] == [NEGATIVE, NEGATIVE, UNLABELLED, NEGATIVE]
    assert stored["mimic/a"] == [UNLABELLED, POSITIVE, POSITIVE, NEGATIVE]
    known = data.examples(split, split.findings, DataConfig(blank="zeros"))
    assert not known.weight[split.table.labels == UNLABELLED].any()


def test_boxes_and_masks_keep_their_findings(both, tmp_path):
    split = data.Split(build.build(both, tmp_path, workers=1), "train")
    for patient, finding in (("nih/a", "Nodule"), ("nih/b", "Mass"), ("mimic/a", "Nodule")):
        position = list(map(str, split.table.patient)).index(patient)
        assert [split.findings[int(box[0])] for box in split.table.boxes[position]] == [finding]
        assert [split.findings[int(mask[0])] for mask in split.table.masks[position]] == [finding]


def test_the_same_patient_of_two_sets_is_two(both, tmp_path):
    split = data.Split(build.build(both, tmp_path, workers=1), "train")
    assert set(map(str, split.table.patient)) == {"nih/a", "nih/b", "mimic/a"}
    assert set(map(str, split.table.origin)) == {"nih", "mimic"}


def test_a_source_that_is_read_twice_is_numbered():
    assert merged.origins(["nih", "chexpert", "nih"]) == ("nih-1", "chexpert", "nih-2")


def test_sets_and_folders_have_to_be_as_many():
    with pytest.raises(ConfigError, match="names 2 data sets and --raw_dir 1 folders"):
        sources.open_source(DataConfig(dataset="chexpert,nih"), Path("raw"))


def test_one_folder_cannot_be_merged_with_itself():
    with pytest.raises(ConfigError, match="gives raw twice for --dataset=nih; each image would count twice"):
        sources.open_source(DataConfig(dataset="nih,csv,nih"), Path("raw,raw,raw"))


def test_drawn_images_cannot_be_merged():
    with pytest.raises(ConfigError, match="phantom reads no images from a folder"):
        sources.named("chexpert,phantom")


def test_an_unknown_part_is_named_with_the_nearest():
    with pytest.raises(ConfigError, match=r"'chexprt'.*did you mean 'chexpert'"):
        sources.named("chexprt,nih")


def test_sets_that_relabel_the_same_images_are_told():
    source = sources.named("chexpert,chexpert")
    assert source.images_of == ("CheXpert",)
    (sentence,) = merged.shared_images({"a": sources.named("chexpert"), "b": sources.named("chexpert")})
    assert sentence == "a and b hold images of CheXpert, perhaps the same ones"


def test_a_mask_of_a_finding_beyond_a_byte_is_refused():
    """Its number would begin again at 0, and the mask would be another finding's."""
    masked = example("a", boxes=np.zeros((0, 5), np.float32), masks=np.zeros((1, 9), np.uint8))
    wanted = (*(f"finding {number}" for number in range(256)), "Pneumothorax")
    with pytest.raises(SourceError, match="not among the first 256 of 257"):
        merged.as_part(masked._replace(labels=np.ones(1, np.int8)), ("Pneumothorax",), wanted, "siim")
