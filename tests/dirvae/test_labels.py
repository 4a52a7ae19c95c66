"""Policies for uncertain and blank labels, and the names of the findings."""

import numpy as np
import pytest

from dirvae.labels import BLANK, FINDINGS, NEGATIVE, POSITIVE, UNCERTAIN, apply_policies, finding_index, related

STORED = np.array([[POSITIVE, NEGATIVE, UNCERTAIN, BLANK]], np.int8)


@pytest.mark.parametrize(
    ("uncertain", "blank", "target", "weight"),
    [
        ("ignore", "zeros", [1, 0, 0, 0], [1, 1, 0, 1]),
        ("zeros", "zeros", [1, 0, 0, 0], [1, 1, 1, 1]),
        ("ones", "zeros", [1, 0, 1, 0], [1, 1, 1, 1]),
        ("ignore", "ignore", [1, 0, 0, 0], [1, 1, 0, 0]),
        ("ones", "ignore", [1, 0, 1, 0], [1, 1, 1, 0]),
    ],
)
def test_policies(uncertain, blank, target, weight):
    found = apply_policies(STORED, uncertain, blank)
    np.testing.assert_array_equal(found.target, [target])
    np.testing.assert_array_equal(found.weight, [weight])
    assert found.target.dtype == found.weight.dtype == np.float32


def test_stored_labels_are_not_changed():
    before = STORED.copy()
    apply_policies(STORED, "ones", "ignore")
    np.testing.assert_array_equal(STORED, before)


@pytest.mark.parametrize("strange", [2, -4, 0.5, np.nan])
def test_strange_values_are_refused(strange):
    with pytest.raises(ValueError, match="are not among 1, 0, -1"):
        apply_policies(np.array([1.0, strange]))


def test_unknown_policies_are_refused():
    with pytest.raises(ValueError, match="uncertain policy 'maybe' is not one of ignore, zeros, ones"):
        apply_policies(STORED, uncertain="maybe")
    with pytest.raises(ValueError, match="blank policy 'ones' is not one of zeros, ignore"):
        apply_policies(STORED, blank="ones")


def test_findings_by_name():
    assert len(set(FINDINGS)) == 14
    assert [finding_index(name) for name in FINDINGS] == list(range(14))
    assert finding_index(" pleural_effusion") == FINDINGS.index("Pleural Effusion")
    with pytest.raises(ValueError, match="'Cardiomegalie' is not a finding; did you mean 'Cardiomegaly'"):
        finding_index("Cardiomegalie")


def test_findings_of_any_set_are_related_by_what_they_are_composed_of():
    assert related("Mass") == {"No Finding", "Lung Lesion", "Lung Opacity"}
    assert related("Hernia") == {"No Finding"}
    assert related("No Finding", ("No Finding", "Hernia", "Mass")) == {"Hernia", "Mass"}
    of_the_14 = related("Lung Opacity") & set(FINDINGS)
    assert of_the_14 == {"No Finding", "Lung Lesion", "Edema", "Consolidation", "Pneumonia", "Atelectasis"}
