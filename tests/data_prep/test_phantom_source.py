"""The phantom as a source of examples: chunks, patients, boxes, and how hard it is."""

import itertools
import json
import pickle

import numpy as np
import pytest

from data_prep.phantom import INDEX, Phantom, generate, mask, named, open_phantom, quantise, render
from data_prep.phantom.config import SPLITS
from data_prep.phantom.difficulty import linear_auroc, scores_table, shares_table
from data_prep.phantom.source import boxes
from data_prep.schema import VIEWS
from dirvae.config import DataConfig
from dirvae.labels import FINDINGS, POSITIVE

SMALL = named("clean", train=620, validation=30, test=30, image_size=32)


def test_chunks_are_random_access_and_make_up_the_split():
    made = Phantom(SMALL)
    examples = list(generate(SMALL, "train"))
    assert len(examples) == 620
    chunk = pickle.loads(pickle.dumps(made)).chunk("train", 1)
    last = chunk.examples
    assert not chunk.skipped
    assert len(last) == 120
    for one, other in zip(last, examples[500:], strict=True):
        assert (one.patient, one.study, one.path, one.seed) == (other.patient, other.study, other.path, other.seed)
        np.testing.assert_array_equal(one.image, other.image)
        np.testing.assert_array_equal(one.labels, other.labels)


def test_an_example_is_rendered_again_from_its_factors_and_seed():
    for example in itertools.islice(generate(SMALL, "test", 48), 5):
        assert example.image.shape == (48, 48, 1)
        assert example.image.dtype == np.uint8
        assert example.labels.dtype == np.int8
        again = quantise(render(example.factors[None], np.asarray([example.seed]), 48))
        np.testing.assert_array_equal(again[0], example.image[..., 0])
        assert example.view in VIEWS
        assert (example.view == "AP") == (example.factors[INDEX["ap"]] > 0.5)
        assert 18 <= example.age <= 90


def test_patients_are_disjoint_among_splits_and_chunks():
    made = Phantom(SMALL)
    groups = [
        {example.patient for example in made.chunk(split, number)[0]}
        for split in SPLITS
        for number in range(made.shards(split))
    ]
    assert len(set.union(*groups)) == sum(len(group) for group in groups)
    seeds = [set(made.whole(split).seeds.tolist()) for split in SPLITS]
    assert len(set.union(*seeds)) == sum(len(group) for group in seeds)


def test_another_seed_is_another_data_set():
    other = named("clean", train=620, validation=30, test=30, image_size=32, seed=1)
    assert not np.array_equal(Phantom(SMALL).whole("test").factors, Phantom(other).whole("test").factors)


def test_boxes_hold_the_exact_masks():
    people = Phantom(SMALL).population("test", 0)
    found = boxes(people.factors, people.seeds, render(people.factors, people.seeds, 64))
    for row, (labels, rows) in enumerate(zip(people.labels, found, strict=True)):
        for finding, top, left, bottom, right in rows:
            name = FINDINGS[int(finding)]
            assert labels[int(finding)] == POSITIVE
            area = mask(people.factors[row : row + 1], people.seeds[row : row + 1], name, 64)[0]
            y, x = np.nonzero(area)
            expected = np.asarray([y.min(), x.min(), y.max() + 1, x.max() + 1]) / 64
            np.testing.assert_allclose([top, left, bottom, right], expected, atol=1e-6)


def test_source_follows_the_run_and_tells_the_manifest():
    sizes = {"phantom_train": 600, "phantom_validation": 60, "phantom_test": 300}
    made = open_phantom(DataConfig(phantom="shortcut", **sizes, phantom_seed=4, rho=0.8, image_size=32))
    assert made.counts()["test_flipped"] == 300
    assert made.options["seed"] == 4
    assert made.options["rho"] == 0.8
    assert made.image_size == 32
    shares = json.loads(json.dumps(made.facts()))["probability"]
    assert set(shares) == set(SPLITS)
    assert shares["train"]["token"]["positive"] > 0.75 > 0.25 > shares["train"]["token"]["negative"]
    assert "| test_flipped |" in shares_table(made.config)


@pytest.mark.slow
def test_each_finding_is_neither_trivial_nor_hopeless_for_a_linear_model():
    """Each within .75 and .92 on the clean phantom, so that there is something to gain over a linear model."""
    scores = linear_auroc(named("clean", test=2000))
    assert min(scores.values()) > 0.75, scores
    assert max(scores.values()) < 0.92, scores
    assert "**macro**" in scores_table(scores, dict.fromkeys(scores, 0.1))
