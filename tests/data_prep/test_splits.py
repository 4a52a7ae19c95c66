"""Splits by patient: golden buckets, exact partitions, and the shares that were asked for."""

import hashlib

import pytest

from data_prep.splits import bucket, development_split, shared_patients

PATIENTS = [f"patient{number:05d}" for number in range(1, 3001)]


def test_bucket_is_the_published_hash() -> None:
    # golden: a change would move patients between splits that were published
    assert [bucket(patient, 100) for patient in PATIENTS[:6]] == [50, 67, 64, 81, 13, 27]
    digest = hashlib.sha256(b"other:patient00001").hexdigest()
    assert bucket("patient00001", 7, salt="other") == int(digest[:16], 16) % 7


@pytest.mark.parametrize("percent", [5, 10, 30])
def test_about_the_asked_share_of_patients_is_held_out(percent: int) -> None:
    held_out = sum(development_split(patient, percent) == "validation" for patient in PATIENTS)
    deviation = (percent * (100 - percent) * len(PATIENTS)) ** 0.5 / 100  # of a binomial
    assert abs(held_out - percent * len(PATIENTS) / 100) < 4 * deviation


def test_a_larger_share_only_adds_patients() -> None:
    few, many = ({p for p in PATIENTS if development_split(p, percent) == "validation"} for percent in (10, 25))
    assert few < many


def test_every_patient_is_held_out_by_exactly_one_fold() -> None:
    folds = [[p for p in PATIENTS if development_split(p, 10, 5, fold) == "validation"] for fold in range(5)]
    assert sorted(patient for fold in folds for patient in fold) == PATIENTS
    assert all(abs(len(fold) - 600) < 4 * (600 * 0.8) ** 0.5 for fold in folds)


def test_shared_patients_names_each_pair_that_overlaps() -> None:
    patients = {"train": ["a", "b", "b", "c"], "validation": ["d", "c"], "test": {"b", "e"}}
    assert shared_patients(patients) == {("train", "validation"): ["c"], ("train", "test"): ["b"]}
    assert shared_patients({"train": ["a"], "test": ["b"]}) == {}
