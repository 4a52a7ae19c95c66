"""Shares, pairs and free numbers of codes, and what their models are called."""

import numpy as np
import pytest
from support.settings import plain_model

from dirvae import latents
from dirvae.config import override
from dirvae.latents import compositions
from dirvae.latents.families import FAMILIES
from dirvae.metrics import sparsity

PAIRS = plain_model({"structure": "product", "latents": 2, "groups": 3})
SECOND_SHARES = np.array([[0.02, 0.5, 0.97], [0.04, 0.3, 0.95], [0.95, 0.6, 0.4], [0.05, 0.93, 0.99]])
DECODED = 2 * np.stack([1 - SECOND_SHARES, SECOND_SHARES], axis=-1).reshape(4, 6)  # K z
RATIOS = np.stack([[1.0, -1.0], [2.0, -2.0], [0.01, -0.01], [4.0, -4.0]])


def test_the_switching_of_pairs_is_that_of_their_second_shares():
    found = sparsity.switching(compositions.second_shares(PAIRS, DECODED))
    np.testing.assert_allclose(found, [[0.75, 0, 0], [0, 0.75, 0.25], [0.25, 0.25, 0.75]])


def test_a_pair_is_one_coordinate_and_other_latents_keep_theirs():
    np.testing.assert_array_equal(compositions.coordinates(PAIRS, RATIOS), RATIOS[:, :1])
    for fields in ({"prior": "gaussian"}, {"latents": 3}, {"prior": "gamma"}):
        assert compositions.coordinates(override(PAIRS, fields), RATIOS) is RATIOS


def test_shares_of_simplexes_sum_to_one_and_pairs_keep_the_second():
    np.testing.assert_allclose(compositions.shares(PAIRS, DECODED)[:3, 1], SECOND_SHARES[0])
    np.testing.assert_allclose(compositions.composition(PAIRS, DECODED), SECOND_SHARES)
    triples = override(PAIRS, {"latents": 3, "groups": 2})
    composition = compositions.composition(triples, DECODED)
    assert composition.shape == (4, 6)
    np.testing.assert_allclose(composition.reshape(4, 2, 3).sum(axis=-1), 1.0)


@pytest.mark.parametrize("prior", FAMILIES)
@pytest.mark.parametrize("structure", ["global", "product", "spatial", "hierarchical"])
def test_free_numbers_are_the_coordinates_less_one_a_simplex(prior, structure):
    groups = 1 if structure == "global" else 2
    fields = {"prior": prior, "structure": structure, "groups": groups, "latents": 3, "local_latents": 4, "grid": 2}
    model = plain_model(fields)
    spec = latents.build(model).spec
    simplexes = (
        {"global": 1, "product": 2, "spatial": 8, "hierarchical": 6}[structure] if spec.simplex or spec.parts else 0
    )
    bound = simplexes if FAMILIES[prior].simplex else 0
    assert compositions.free_numbers(model) == np.prod(spec.event) - bound


@pytest.mark.parametrize(
    ("fields", "title"),
    [
        ({}, "Dirichlet VAE, Beta pairs"),
        ({"latents": 3}, "Dirichlet VAE"),
        ({"prior": "logistic_normal"}, "Logistic-normal VAE, logit-normal pairs"),
        ({"prior": "gaussian"}, "Gaussian VAE"),
        ({"prior": "deterministic"}, "Supervised autoencoder"),
    ],
)
def test_the_title_says_what_pairs_are(fields, title):
    assert compositions.title(override(PAIRS, fields)) == title
