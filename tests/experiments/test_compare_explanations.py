"""The comparison of explanations from its command: two tiny runs, their tables, and bad input."""

import argparse
import json

import numpy as np
import pytest
from support.settings import plain
from support.tiny import PAIRS, TINY

from dirvae.config import validate
from dirvae.studies.explanations import results
from dirvae.studies.explanations.controls import known_maps
from experiments import compare_explanations, contest, pipeline


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """An evaluated run of each prior, and one on shuffled labels."""
    place = tmp_path_factory.mktemp("comparison")
    pipeline.start(argparse.Namespace(distributed=False, coordinator="", data_dir=place))
    kinds = {"dirichlet": PAIRS, "shuffled": PAIRS | {"shuffle_labels": True}, "gaussian": {"prior": "gaussian"}}
    for name, changed in kinds.items():
        settings = TINY | {"path_steps": 2, "bound_images": 0} | changed
        config = validate(plain(settings))
        pipeline.run(config, place / name, None, place / "data", ("data", "train", "evaluate"))
    return place


def arguments(folder, *more):
    return [f"--workdir={folder / 'dirichlet'}", "--images=3", "--replicates=20", *more]


@pytest.mark.slow
def test_every_map_is_scored_for_every_finding(folder, capsys):
    compare_explanations.main(arguments(folder, f"--judge={folder / 'gaussian'}", f"--shuffled={folder / 'shuffled'}"))
    shown = capsys.readouterr().out
    stored = json.loads((folder / "dirichlet" / compare_explanations.FOLDER / "test.json").read_text())
    comparison = results.from_json(stored)
    assert comparison.tuning.geometry in comparison.tuning.geometries
    assert "No Finding" not in comparison.findings
    assert comparison.left_out["No Finding"] in shown
    assert not set(comparison.left_out) & set(comparison.findings)
    for name, finding in comparison.findings.items():
        assert name in shown
        assert set(finding.maps) == set(known_maps())
        assert finding.maps["location_prior"]["rma_skill"].value == 0
        assert 0 <= finding.counterfactuals["unchanged_pixels"].value <= 1
        scores = [finding.maps[drawn][score] for drawn in finding.maps for score in ("ncc", "deletion", "road")]
        assert np.isfinite([score.value for score in scores]).all()
        assert 0 <= finding.maps["grad_cam"]["class_share"].value <= 1
    assert "n of validity" in shown
    weights, labels = comparison.randomisation
    assert set(weights["edges"].values()) == {1.0}  # edges ask no model
    assert labels["edges"] == 1.0
    assert labels["input_gradient"] < 1.0
    page = (folder / "dirichlet" / compare_explanations.FOLDER / "test.html").read_text()
    assert "Random weights, from the head down" in page
    assert "shuffled labels" in page


@pytest.mark.parametrize(
    ("flags", "sentence"),
    [
        (["--split=tset"], "have no split 'tset'; there are .*test"),
        (["--images=1"], "--images: '1' is not a whole number of at least 2"),
        (["--judge={folder}/dirichlet"], "is the run itself"),
        (["--judge={folder}/nowhere"], "nowhere"),
        (["--judge={folder}/shuffled"], "was trained on shuffled labels"),
        (["--split=validation"], "the geometry is picked, on it"),
        (["--shuffled={folder}/gaussian"], "was trained on true labels"),
        (["--split=test_rho0"], "run the evaluate phase"),
    ],
)
@pytest.mark.slow
def test_bad_input_gives_one_clear_sentence(folder, flags, sentence):
    with pytest.raises(SystemExit, match=f"error: .*{sentence}"):
        compare_explanations.main(arguments(folder, *(flag.format(folder=folder) for flag in flags)))
    assert not (folder / "dirichlet" / compare_explanations.FOLDER / "test_rho0.json").exists()


@pytest.mark.slow
def test_the_former_name_says_the_new_one(folder, capsys):
    with pytest.raises(SystemExit):
        contest.main(arguments(folder, "--split=validation"))
    assert "experiments.contest is now experiments.compare_explanations" in capsys.readouterr().err
