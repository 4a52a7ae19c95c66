"""Files that earlier versions wrote are read in today's names, or refused with the field that has no place."""

import json
from pathlib import Path

import pytest
from support.settings import plain

from dirvae.config import ConfigError, differences, from_json, paths, to_json

AUDIT = dict.fromkeys(
    (
        "reversed_kl",
        "effusion_overwritten",
        "leaky_split",
        "log_or_nought_head",
        "heavy_gaussian_kl",
        "uncertain_by_split",
        "draw_at_test",
    ),
    False,
)


def old(**sections):
    """The text of a file that an earlier version wrote, at its defaults but for these fields."""
    raw = json.loads(to_json(plain()))
    del raw["flaws"]
    model, explain = raw["model"], raw["explain"]
    model |= {"own": model.pop("latents_per_finding"), "stem": model.pop("first_stride")}
    explain |= {"reach": explain.pop("adaptive_step"), "hold_others": explain.pop("constrain_others")}
    explain |= {"max_distance": 0.0, "top_latents": 0, "own_latents": False}
    raw["loss"] |= {"head_exclusivity": 0.0, "label_smoothing": 0.0, "kl_sharpness": 10.0}
    raw["evaluate"] |= {"augmented_views": 0, "enough": raw["evaluate"].pop("min_cases")}
    raw["audit"] = AUDIT
    for section, fields in sections.items():
        raw[section] = raw[section] | fields
    return json.dumps(raw)


def test_an_old_file_at_its_defaults_is_the_plain_preset():
    assert from_json(old()) == plain()


def test_fields_and_values_have_todays_names():
    text = old(
        model={"own": 3, "stem": 2, "structure": "field"},
        explain={"reach": False, "hold_others": True},
        evaluate={"enough": 7},
    )
    assert {path: ours for path, (ours, _) in differences(from_json(text), plain()).items()} == {
        "model.latents_per_finding": 3,
        "model.first_stride": 2,
        "model.structure": "spatial",
        "explain.adaptive_step": False,
        "explain.constrain_others": True,
        "evaluate.min_cases": 7,
    }
    assert from_json(old(model={"structure": "levels"})).model.structure == "hierarchical"


def test_fields_that_an_old_file_lacks_have_the_defaults_of_its_time():
    raw = json.loads(old())
    del raw["model"]["linear_path"], raw["model"]["head"]
    assert from_json(json.dumps(raw)) == plain()


@pytest.mark.parametrize(
    ("section", "fields", "message"),
    [
        ("loss", {"head_exclusivity": 1.0}, "loss.head_exclusivity=1.0 was set when this run was made"),
        ("loss", {"kl_sharpness": 5.0}, "loss.kl_sharpness=5.0 was set"),
        ("evaluate", {"augmented_views": 2}, "evaluate.augmented_views=2 was set"),
        ("explain", {"own_latents": True}, "explain.own_latents=True was set"),
        ("model", {"colour": 1}, "no field 'model.colour'"),
    ],
)
def test_what_cannot_be_reproduced_is_refused(section, fields, message):
    with pytest.raises(ConfigError, match=message):
        from_json(old(**{section: fields}))


def test_switches_of_flaws_are_names_of_flaws():
    assert from_json(old(audit={"leaky_split": True, "draw_at_test": True})).flaws == ("draw_at_test", "leaky_split")
    heavy = from_json(old(audit={"heavy_gaussian_kl": True}))
    assert differences(heavy, plain()) == {"loss.beta": (98.0, 1.0)}


def test_a_file_that_an_earlier_version_wrote():
    config = from_json((Path(__file__).parent / "config_of_an_earlier_version.json").read_text())
    fields = {"model.first_stride": 2, "model.latents_per_finding": 1, "evaluate.min_cases": 5, "loss.target_kl": 5.0}
    assert {path: paths(config)[path] for path in fields} == fields
    assert config.flaws == ()
    assert from_json(to_json(config)) == config
