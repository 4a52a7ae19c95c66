"""Presets and studies keep the settings that results were made with, and another prior is a fair twin."""

import json
from pathlib import Path

import pytest

from dirvae.config import Config, ConfigError, differences, from_json, validate
from dirvae.latents.compositions import free_numbers
from dirvae.latents.families import FAMILIES
from dirvae.studies import plan
from experiments import configs
from experiments.configs import shortcuts, studies

BEFORE = json.loads((Path(__file__).parent / "configs_before.json").read_text())
"""Of every preset, and of the runs of seed 0, the fields that differed from the former defaults, in the former names."""
RUNS = {"study quick": 6, "study full": 45, "study audit": 54, "study xrays": 9, "shortcuts": 48}


def resolved():
    runs = {f"preset {name}": configs.preset(name) for name in configs.PRESETS}
    for name in studies.STUDIES:
        runs |= {f"study {name}: {run.arm}-{run.seed}": run.config for run in plan.runs(studies.load(name))}
    return runs | {f"shortcuts: {run.folder}": run.config for run in shortcuts.runs()}


def test_every_preset_and_every_run_has_the_settings_of_before():
    today = resolved()
    for name, leaves in BEFORE.items():
        sections = {"audit": {"reversed_kl": False}}  # marks a file of an earlier version
        for path, value in leaves.items():
            section, _, leaf = path.rpartition(".")
            (sections.setdefault(section, {}) if section else sections)[leaf] = value
        assert differences(today[name], from_json(json.dumps(sections))) == {}, name
    counts = {kind: sum(name.startswith(f"{kind}:") for name in today) for kind in RUNS}
    assert counts == RUNS


def test_the_preset_default_is_the_default():
    assert configs.preset("default") == Config()


@pytest.mark.parametrize("name", configs.PRESETS)
def test_every_preset_can_run(name):
    validate(configs.preset(name))


@pytest.mark.parametrize("prior", [name for name, family in FAMILIES.items() if family.density])
@pytest.mark.parametrize("name", ["default", "plain", "smoke"])
def test_another_prior_has_as_many_free_numbers(name, prior):
    twin = configs.resolve(name, prior)
    assert twin.model.prior == prior
    assert free_numbers(twin.model) == free_numbers(configs.preset(name).model)
    assert configs.resolve(name, fields={"model.prior": prior}) == twin


def test_a_size_that_is_given_is_kept():
    assert configs.resolve("default", "gaussian", {"latents": "2"}).model.latents == 2
    with pytest.raises(ConfigError, match="did you mean 'gaussian'"):
        configs.resolve("default", "gausian")


def test_a_run_keeps_its_presets_name_and_its_departures():
    config = configs.resolve("smoke", "gaussian", {"steps": 3})
    departures = {"model.prior": "gaussian", "model.latents": 15, "train.steps": 3}
    assert configs.origin("smoke", config) == {"preset": {"name": "smoke", "departures": departures}}
    assert configs.origin("", config) == {}
