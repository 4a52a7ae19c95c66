"""Every flaw at once, from data to scores, as small as it runs."""

import pytest
from support.settings import plain
from support.tiny import TINY

from dirvae.config import ConfigError, validate
from dirvae.labels import FINDINGS, POSITIVE
from dirvae.studies.priors import flaws
from dirvae.training import data, evaluate, runs, workdir
from experiments import pipeline
from experiments.configs import studies

LABELS = ("Pneumothorax", "Pleural Effusion", "Lung Opacity")


@pytest.mark.parametrize("arm", ["DirVAE, all flaws", "GVAE, all flaws"])
@pytest.mark.slow
def test_all_flaws_together(arm, tmp_path):
    settings = studies.load("audit").arms[arm]
    config = validate(plain(TINY | {"labels": LABELS, "target_kl": 0.0} | settings))
    pipeline.run(
        config, tmp_path / "run", None, tmp_path / "data", ("data", "train", "evaluate"), flaws.variant(config)
    )
    with pytest.raises(ConfigError, match="every other command refuses such a run"):
        runs.open_run(tmp_path / "run")
    run = flaws.open_run(tmp_path / "run")
    trained_on = pipeline.training_examples(run.config, run.labels, run.dataset, run.variant).split
    assert len(trained_on) == TINY["phantom_train"] + round(0.197 * TINY["phantom_test"])
    stored = data.Split(run.dataset, "test").table.labels
    found = evaluate.load(tmp_path / "run", "test").predictions
    assert (found.target[:, 1] == 1 - found.target[:, 0]).all()
    assert (found.target[:, 0] == (stored[:, FINDINGS.index("Pneumothorax")] == POSITIVE)).all()
    assert workdir.read_json(tmp_path / "run" / "metrics.json")["test"]["kl"] > 0
