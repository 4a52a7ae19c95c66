"""Means and standard errors over folds."""

import numpy as np
import pytest

from dirvae.studies import cross_validation

LABELS = ["Edema", "Fracture"]


def scores(model, linear):
    """What metrics.json holds of a fold's validation split, macro first."""
    names = ("macro", *LABELS)
    baseline = {"auroc": dict(zip(names, linear, strict=True))}
    return {"auroc": dict(zip(names, model, strict=True)), "baseline": baseline}


def test_the_table_holds_means_and_standard_errors_of_the_folds_that_have_both():
    folds = [scores((0.6, 0.7, None), (0.5, 0.5, None)), scores((0.8, 0.9, 0.4), (0.7, 0.7, 0.6))]
    folds.append(scores((0.7, 0.8, 0.6), (0.6, 0.6, 0.8)))
    table = [line.split("|") for line in cross_validation.table(cross_validation.means(folds, LABELS)).splitlines()]
    rows = {cells[1].strip(): cells[2:4] for cells in table}
    expected = np.std([0.6, 0.8, 0.7], ddof=1) / np.sqrt(3)
    assert rows["macro"][0].strip() == f"0.700 ({expected:.3f})"
    assert rows["Edema"][1].strip() == f"0.600 ({expected:.3f})"
    assert rows["Fracture"][0].strip() == f"0.500 ({np.std([0.4, 0.6], ddof=1) / np.sqrt(2):.3f})"


@pytest.mark.filterwarnings("error")
def test_a_finding_of_one_fold_has_no_standard_error_and_of_none_no_mean():
    folds = [scores((0.6, 0.7, None), (0.5, 0.5, None)), scores((0.8, None, None), (0.7, 0.7, None))]
    rows = cross_validation.table(cross_validation.means(folds, LABELS)).splitlines()
    assert rows[-3].endswith("| 0 to 1 of 2 findings in each fold |")
    assert rows[-2:] == [
        "| Edema | 0.700 (–) | 0.500 (–) | 1 of 2 folds |",
        "| Fracture | – (–) | – (–) | 0 of 2 folds |",
    ]
