"""A comparison's result as JSON and as tables."""

import json

import numpy as np
import pytest

from dirvae.explain import methods
from dirvae.studies.explanations import results, tables
from dirvae.studies.explanations.results import Comparison, Estimate, FindingResult, Randomisation, Tuning
from dirvae.training import workdir

NAN = float("nan")


def comparison(validity=(0.5, 0.25, 0.75)):
    """Two findings with two maps; only the gated one is near the truth."""
    maps = {
        "latent_shift": {
            "rra": Estimate(0.2, 0.1, 0.3),
            "rra_skill": Estimate(-0.1, -0.2, 0.1),
            "ncc": Estimate(0.1, 0.0, 0.2),
        },
        "traversal_gated": {
            "rra": Estimate(0.6, 0.5, 0.7),
            "rra_skill": Estimate(0.4, 0.2, 0.5),
            "ncc": Estimate(0.5, NAN, NAN),
        },
    }
    ends = {"validity": Estimate(*validity), "seen": Estimate(0.5, 0.2, 0.8), "severity": Estimate(1.2, 1.0, 1.4)}
    findings = {name: FindingResult(8, 0.9, maps, ends) for name in ("Edema", "Pneumothorax")}
    return Comparison(
        "test",
        "dirichlet",
        Tuning("identity", {"covariance": 0.1, "identity": 0.2}, 0.999, {"0.95": 0.4, "0.999": 0.9}),
        findings,
        {"No Finding": "is nowhere in an image"},
        "ncc",
        {"traversal_gated": {"latent_shift": Estimate(0.4, 0.3, 0.5), "traversal_gated": Estimate(0.0, 0.0, 0.0)}},
        Randomisation(
            {
                "traversal_gated": {"classifier": 1.0, "Dense_1": 0.25},
                "latent_shift": {"classifier": 1.0, "Dense_1": NAN},
            },
            {},
        ),
    )


def test_json_keeps_everything():
    original = comparison((NAN, NAN, NAN))
    stored = json.loads(workdir.as_json(results.to_json(original)))
    assert stored["findings"]["Edema"]["maps"]["traversal_gated"]["rra"] == [0.6, 0.5, 0.7]
    again = results.from_json(stored)
    np.testing.assert_equal(again, original)
    assert isinstance(again.findings["Edema"].maps["latent_shift"]["ncc"], Estimate)


def test_another_file_is_no_comparison():
    with pytest.raises(KeyError):
        results.from_json({"split": "test"})


def test_ours_comes_first_and_the_best_is_marked():
    table = tables.means(comparison())
    assert [row[0] for row in table.rows] == ["Traversal, gated", "Latent Shift"]
    assert table.columns == ("map", "role", "RRA", "RRA skill", "NCC")
    assert table.marked == {(0, 2), (0, 3), (0, 4)}
    assert "RMA is" not in table.legend  # no column of it
    assert "NCC is the correlation" in table.legend


def test_validity_has_its_n():
    table = tables.counterfactuals(comparison())
    assert table.columns[-1] == "n of validity"
    assert [row[-1] for row in table.rows] == ["4", "4", "8"]
    assert table.rows[-1][table.columns.index("severity")] == "1.20"


def test_layers_have_plain_titles():
    table = tables.randomisation(comparison())
    assert table.columns == ("map", "the head", "dense layer 2")
    assert [row[-1] for row in table.rows] == ["0.25", "–"]


def test_what_was_picked_is_said():
    rows = tables.picked(comparison()).rows
    assert [row[1] for row in rows if row[-1] == "yes"] == ["identity", "0.999"]


def test_a_terminal_shows_every_table_and_its_legend():
    shown = " ".join(tables.text(comparison()).split())
    for table in tables.every(comparison()):
        assert table.title in shown
        assert table.legend in shown
    assert "is nowhere in an image" in shown
    assert "0.600*" in shown
    assert set(methods.maps_of()) >= {"traversal_gated", "latent_shift"}
