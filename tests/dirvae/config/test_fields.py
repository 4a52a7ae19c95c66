"""Names and differences of a configuration's fields."""

from dirvae.config import Config, differences, override, paths


def test_no_two_sections_share_a_field():
    names = [path.rpartition(".")[2] for path in paths(Config())]
    assert len(names) == len(set(names))


def test_differences_are_named_with_both_values():
    other = override(Config(), {"latents": 3, "seed": 1})
    assert differences(other, Config()) == {"model.latents": (3, Config().model.latents), "seed": (1, 0)}
