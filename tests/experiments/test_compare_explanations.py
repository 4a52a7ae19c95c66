"""The contest of explanations from its command: two tiny runs, their table, and bad input."""

import argparse
import json

import numpy as np
import pytest
from support.settings import plain
from support.tiny import PAIRS, TINY

from dirvae.config import validate
from experiments import compare_explanations, pipeline


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """An evaluated run of each prior, and one on shuffled labels."""
    place = tmp_path_factory.mktemp("contest")
    pipeline.start(argparse.Namespace(distributed=False, coordinator="", data_dir=place))
    kinds = {"dirichlet": PAIRS, "shuffled": PAIRS | {"shuffle_labels": True}, "gaussian": {"prior": "gaussian"}}
    for name, changed in kinds.items():
        settings = TINY | {"path_steps": 2, "bound_images": 0} | changed
        config = validate(plain(settings))
        pipeline.run(config, place / name, None, place / "data", ("data", "train", "evaluate"))
    return place


def arguments(folder, *more):
    return [f"--workdir={folder / 'dirichlet'}", "--images=3", "--replicates=20", *more]


def test_every_entry_is_scored_for_every_finding(folder, capsys):
    compare_explanations.main(arguments(folder, f"--judge={folder / 'gaussian'}", f"--shuffled={folder / 'shuffled'}"))
    shown = capsys.readouterr().out
    found = json.loads((folder / "dirichlet" / "contest" / "test.json").read_text())
    assert found["geometry"] in found["geometries"]
    assert "No Finding" not in found["maps"]
    assert found["left_out"]["No Finding"] in shown
    assert not set(found["left_out"]) & set(found["maps"])
    for finding, table in found["maps"].items():
        assert finding in shown
        assert {
            "traversal: gated",
            "gate",
            "as released: variance",
            "grad cam",
            "ceiling",
            "permuted direction",
            "class-mean difference",
            "mean effect, gated",
            "latent shift, gated",
        } <= set(table)
        assert table["location prior"]["rma_skill"][0] == 0
        assert 0 <= found["counterfactuals"][finding]["sparsity"][0] <= 1
        assert all(np.isfinite(table[entry][score][0]) for entry in table for score in ("ncc", "deletion", "road"))
        assert 0 <= table["grad cam"]["class_share"][0] <= 1
    assert "validity" in shown
    assert set(found["weights"]["edges"].values()) == {1.0}  # edges ask no model
    assert found["labels"]["edges"] == 1.0
    assert found["labels"]["input gradient"] < 1.0
    page = (folder / "dirichlet" / "contest" / "test.html").read_text()
    assert "Sanity checks" in page
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
def test_bad_input_gives_one_clear_sentence(folder, flags, sentence):
    with pytest.raises(SystemExit, match=f"error: .*{sentence}"):
        compare_explanations.main(arguments(folder, *(flag.format(folder=folder) for flag in flags)))
    assert not (folder / "dirichlet" / "contest" / "test_rho0.json").exists()
