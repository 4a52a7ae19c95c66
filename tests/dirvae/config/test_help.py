"""The help of every field: what it means, its unit, its choices, and the value that it has in a preset."""

import pytest

from dirvae.config import Config, override
from dirvae.config.help import describe, explanation, leaves


@pytest.mark.parametrize(
    ("path", "value", "field"), list(leaves(Config())), ids=lambda part: part if isinstance(part, str) else ""
)
def test_no_field_is_left_without_its_meaning(path, value, field):
    assert len(field.metadata["meaning"].split()) > 1, path
    choices = tuple(field.metadata["choices"])
    assert not choices or value in choices
    assert all(choice in explanation(field) for choice in choices)


def test_a_line_says_value_meaning_unit_and_choices():
    text = describe(override(Config(), {"prior": "gaussian", "scale": 0.1, "widths": "8,16"}))
    assert "model.prior = gaussian  latent family; one of dirichlet, gaussian," in text
    assert (
        "model.scale = 0.1  scale of the likelihood, or its start where it is learned (grey levels of [0, 1])" in text
    )
    assert "model.widths = 8,16 " in text
    assert "data.labels = none " in text
    assert "loss.augment = true " in text
