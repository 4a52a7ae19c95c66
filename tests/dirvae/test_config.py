"""The configuration: closed, typed, validated, and the same after a round trip."""

import dataclasses

import pytest

from dirvae.config import (
    Config,
    ConfigError,
    assignments,
    differences,
    from_json,
    override,
    paths,
    to_json,
    validate,
)


def test_the_default_can_run():
    assert validate(Config()) == Config()


def test_no_two_sections_share_a_field():
    names = [path.rpartition(".")[2] for path in paths(Config())]
    assert len(names) == len(set(names))


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


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"latents": 0}, "model.latents must be above 0"),
        ({"steps": -1}, "train.steps must be above 0"),
        ({"dropout": 1.0}, "model.dropout must be at least 0 and below 1"),
        ({"beta": -1}, "loss.beta must not be negative"),
        ({"image_size": 72, "widths": "8,8,8,8", "stem": 2}, "data.image_size must be a multiple of 16"),
        ({"image_size": 1024}, "data.image_size must lie between 32 and 256 for the phantom"),
        ({"dataset": "chexpert", "image_size": 4096}, "data.image_size must lie between"),
        ({"stem": 3}, "model.stem must be 2, 4 or 8"),
        ({"structure": "field", "grid": 5}, "model.grid must be the image size 64 divided by a power of two"),
        ({"structure": "field", "grid": 1}, "model.grid must be the image size 64 divided by a power of two"),
        ({"latents": 1}, "model.latents must be at least 2 on a simplex"),
        ({"groups": 2}, "model.groups must be 1 unless"),
        ({"head": "pooled"}, "model.head can be pooled only where model.structure is field"),
        ({"own_latents": True}, "explain.own_latents must be false unless model.head is assigned"),
        ({"top_latents": -1}, "explain.top_latents must not be negative"),
        ({"target_probability": 1.0}, "explain.target_probability must lie between 0 and 1"),
        ({"folds": 1}, "data.folds must be 0 .off. or at least 2"),
        ({"folds": 3, "fold": 3}, r"data.fold must be below data.folds \(3\)"),
        ({"widths": ""}, "model.widths needs at least one width"),
        ({"widths": "8,0"}, "model.widths must hold positive"),
        ({"learning_rate": "nan"}, "optimizer.learning_rate must"),
        ({"beta": "nan"}, "loss.beta must"),
    ],
)
def test_what_cannot_run_is_explained(values, message):
    with pytest.raises(ConfigError, match=message):
        validate(override(Config(), values))


def test_a_gaussian_may_have_one_latent():
    config = override(Config(), {"prior": "gaussian", "latents": 1})
    assert validate(config) is config


def test_json_round_trip():
    config = override(
        Config(), {"widths": "8,16", "labels": "Edema", "flip": "true", "learning_rate": "1e-05", "seed": 3}
    )
    assert from_json(to_json(config)) == config
    with pytest.raises(ConfigError, match=r"no field 'model\.colour'"):
        from_json('{"model": {"colour": 3}}')
    assert from_json('{"seed": 5}') == dataclasses.replace(Config(), seed=5)


def test_differences_are_named_with_both_values():
    other = override(Config(), {"latents": 3, "seed": 1})
    assert differences(other, Config()) == {"model.latents": (3, Config().model.latents), "seed": (1, 0)}


def test_assignments():
    assert assignments(["--config.a=1", "--config.b.c", "2"], "--config.") == {"a": "1", "b.c": "2"}
    assert assignments(["--config.a=x=y"], "--config.") == {"a": "x=y"}
    with pytest.raises(ConfigError, match="'--colour=3' is not a flag"):
        assignments(["--colour=3"], "--config.")
    with pytest.raises(ConfigError, match=r"--config\.a needs a value"):
        assignments(["--config.a"], "--config.")
