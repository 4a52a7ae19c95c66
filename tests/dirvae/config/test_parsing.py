"""Fields set from flags, text and JSON: parsed by type, explained where they do not parse, the same after a round trip."""

import dataclasses

import pytest

from dirvae.config import Config, ConfigError, assignments, differences, from_json, override, to_json


@pytest.mark.parametrize(
    ("path", "text", "value"),
    [
        ("latents", "32", 32),
        ("model.latents", "32", 32),
        ("widths", "8,16", (8, 16)),
        ("widths", "(8, 16,)", (8, 16)),
        ("widths", [8, 16], (8, 16)),
        ("labels", "Edema, Lung Opacity", ("Edema", "Lung Opacity")),
        ("labels", "", ()),
        ("flip", "true", True),
        ("augment", "no", False),
        ("beta", "1e-3", 1e-3),
        ("prior", "gaussian", "gaussian"),
        ("seed", 7, 7),
    ],
)
def test_text_is_parsed_by_type(path, text, value):
    found = override(Config(), {path: text})
    changed = differences(found, Config())
    name = next(iter(changed), None)
    if value == ():
        assert changed == {}
    else:
        assert list(changed) == [name]
        assert changed[name][0] == value
        assert type(changed[name][0]) is type(value)
        assert name.endswith(path)


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"model.latnets": "3"}, "no field 'model.latnets' in the config; did you mean 'model.latents'"),
        ({"batchsize": "3"}, "did you mean 'train.batch_size'"),
        ({"prior": "dirichelt"}, "model.prior='dirichelt' is not one of .*; did you mean 'dirichlet'"),
        ({"latents": "many"}, "model.latents='many' is not of type int"),
        ({"latents": "3.5"}, "model.latents='3.5' is not of type int"),
        ({"widths": "8,x"}, "model.widths='x' is not of type int"),
        ({"flip": "perhaps"}, "loss.flip='perhaps' is not true or false"),
    ],
)
def test_what_does_not_parse_is_explained(values, message):
    with pytest.raises(ConfigError, match=message):
        override(Config(), values)


def test_json_round_trip():
    config = override(
        Config(), {"widths": "8,16", "labels": "Edema", "flip": "true", "learning_rate": "1e-05", "seed": 3}
    )
    assert from_json(to_json(config)) == config
    with pytest.raises(ConfigError, match=r"no field 'model\.colour'"):
        from_json('{"model": {"colour": 3}}')
    assert from_json('{"seed": 5}') == dataclasses.replace(Config(), seed=5)


def test_assignments():
    assert assignments(["--config.a=1", "--config.b.c", "2"], "--config.") == {"a": "1", "b.c": "2"}
    assert assignments(["--config.a=x=y"], "--config.") == {"a": "x=y"}
    with pytest.raises(ConfigError, match="'--colour=3' is not a flag"):
        assignments(["--colour=3"], "--config.")
    with pytest.raises(ConfigError, match=r"--config\.a needs a value"):
        assignments(["--config.a"], "--config.")
