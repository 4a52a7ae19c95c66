"""Shuffled labels: whole rows dealt anew by seed on train and validation, test as it is, and nothing left to learn."""

from typing import NamedTuple

import numpy as np
import pytest

from dirvae.config import ConfigError, DataConfig
from dirvae.labels import FINDINGS
from dirvae.metrics import classification
from dirvae.training import data, linear_baseline

SHUFFLED = DataConfig(shuffle_labels=True, uncertain="ignore", blank="ignore")
CHOSEN = ("Edema", "Fracture", "No Finding")


class Held(NamedTuple):
    """As much of a split as labels need."""

    name: str
    table: data.Table
    findings: tuple[str, ...] = FINDINGS


def held(name, count=200):
    labels = np.random.default_rng(0).integers(-2, 2, (count, len(FINDINGS))).astype(np.int8)
    nothing = dict.fromkeys(data.Table._fields)
    return Held(name, data.Table(**(nothing | {"labels": labels})))


def rows(examples):
    return np.concatenate([examples.target, examples.weight], axis=1)


def ordered(table):
    return table[np.lexsort(table.T)]


@pytest.mark.parametrize("name", data.DEVELOPMENT)
def test_rows_are_dealt_whole_and_by_seed(name):
    plain = rows(data.examples(held(name), CHOSEN, DataConfig(uncertain="ignore", blank="ignore")))
    found, again, other = (rows(data.examples(held(name), CHOSEN, SHUFFLED, seed=seed)) for seed in (3, 3, 4))
    np.testing.assert_array_equal(ordered(found), ordered(plain))
    assert (found != plain).any(axis=1).mean() > 0.8
    np.testing.assert_array_equal(found, again)
    assert (found != other).any()


def test_train_and_validation_are_dealt_apart():
    train, validation = (rows(data.examples(held(name), CHOSEN, SHUFFLED)) for name in data.DEVELOPMENT)
    assert (train != validation).any(axis=1).mean() > 0.8


@pytest.mark.parametrize("name", ["test", "valid", "test_shifted"])
def test_what_is_scored_keeps_its_labels(name):
    split = held(name)
    found = data.examples(split, FINDINGS, SHUFFLED, seed=3)
    np.testing.assert_array_equal(found.target, split.table.labels == 1)
    np.testing.assert_array_equal(found.weight, split.table.labels >= 0)


def test_a_classifier_of_shuffled_labels_is_at_chance_where_the_true_ones_are_easy():
    rng = np.random.default_rng(1)
    config = DataConfig(shuffle_labels=True)
    split, test = held("train", 2000), held("test", 1000)
    images = [
        (100 * (part.table.labels[:, [4]] == 1) + rng.integers(0, 100, (len(part.table.labels), 64))).astype(np.uint8)
        for part in (split, test)
    ]
    images = [part.reshape(-1, 8, 8, 1) for part in images]
    truth = data.examples(test, FINDINGS[4:5], config)
    auroc = []
    for config, seed in [(DataConfig(), 0), *((config, seed) for seed in range(12))]:
        learned = data.examples(split, FINDINGS[4:5], config, seed=seed)
        found = linear_baseline.linear(images[0], learned.target, learned.weight, images[1], components=10)
        auroc.append(classification.panel(truth.target, truth.weight, found, FINDINGS[4:5])["auroc"]["macro"])
    assert auroc[0] > 0.99
    error = np.std(auroc[1:], ddof=1) / np.sqrt(len(auroc) - 1)
    assert error < 0.15  # of a mean over seeds: one run may fall on either side
    assert abs(np.mean(auroc[1:]) - 0.5) < 3 * error


# Findings whose known labels have one value.


def known(stored, **policies):
    """The examples of all 14 findings, of training labels {finding: values}; the others are not mentioned."""
    count = len(next(iter(stored.values())))
    labels = np.full((count, len(FINDINGS)), -2, np.int8)
    for finding, values in stored.items():
        labels[:, FINDINGS.index(finding)] = values
    config = DataConfig(**policies)
    split = Held("train", data.Table(**(dict.fromkeys(data.Table._fields) | {"labels": labels})))
    return data.examples(split, FINDINGS, config), config


CHEXPERT = {
    "No Finding": [1, -2, -2, 1, -2],  # as in CheXpert's table, which never says 0
    "Edema": [1, 0, -2, 0, 1],
    "Pleural Other": [1, -1, -2, -2, -2],
    "Fracture": [0, 0, -2, 0, -2],
}


def test_findings_are_chosen_after_the_policies():
    choice = data.choose_labels(*known(CHEXPERT, blank="ignore", uncertain="ignore"))
    assert choice.labels == ("Edema",)
    one_sided = {"No Finding": "no negative", "Pleural Other": "no negative", "Fracture": "no positive"}
    assert {finding: choice.left_out[finding] for finding in one_sided} == one_sided
    assert choice.left_out["Cardiomegaly"] == "no positive and no negative"
    assert set(choice.left_out) == set(FINDINGS) - {"Edema"}
    silent = data.choose_labels(*known(CHEXPERT, blank="zeros", uncertain="ignore"))
    assert set(silent.labels) == {"No Finding", "Edema", "Pleural Other"}
    uncertain = data.choose_labels(*known(CHEXPERT, blank="ignore", uncertain="zeros"))
    assert set(uncertain.labels) == {"Edema", "Pleural Other"}


def test_wanted_findings_with_one_value_are_refused_in_one_sentence():
    wanted = ("Edema", "no_finding", "Fracture")
    with pytest.raises(ConfigError) as refused:
        data.choose_labels(*known(CHEXPERT, blank="ignore", uncertain="ignore", labels=wanted))
    assert str(refused.value) == (
        "under data.uncertain=ignore and data.blank=ignore the training labels lack one value of No Finding (no negative), "
        "Fracture (no positive), which cannot be learned then; data.labels can be any of Edema"
    )
    choice = data.choose_labels(*known(CHEXPERT, blank="ignore", labels=("edema",)))
    assert choice == data.Choice(("Edema",), {})


def test_a_finding_that_is_asked_for_twice_is_refused():
    with pytest.raises(ConfigError, match=r"data\.labels names Edema twice"):
        data.choose_labels(*known(CHEXPERT, blank="ignore", labels=("Edema", "edema")))


def test_no_finding_with_two_values_is_an_error():
    with pytest.raises(ConfigError, match="no finding has both positives and negatives"):
        data.choose_labels(*known({"Edema": [1, 1, -2]}, blank="ignore"))


def test_images_without_any_label_are_masked_and_a_set_of_them_says_what_to_add():
    half = {"Edema": [1, 0, -3, -3], **{name: [-2, -2, -3, -3] for name in FINDINGS if name != "Edema"}}
    training, config = known(half, blank="zeros")
    np.testing.assert_array_equal(training.weight.any(axis=1), [True, True, False, False])
    assert data.choose_labels(training, config).labels == ("Edema",)
    nothing, config = known({name: [-3, -3] for name in FINDINGS}, blank="zeros")
    with pytest.raises(ConfigError, match=r"none of the 2 training images is labelled.*add a labelled data set"):
        data.choose_labels(nothing, config)


def test_a_finding_can_be_asked_for_that_a_set_composes():
    own = ("Mass", "Nodule", "Hernia")
    assert data.label_space(own) == own
    assert data.label_space(own, ("lung lesion", "Hernia")) == (*own, "Lung Lesion")
    assert data.label_space(own, ("Pleural Other",)) == own
