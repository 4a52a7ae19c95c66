"""How a latent is used: pairs of components count once, and the picture shows what they do."""

import matplotlib.pyplot as plt
import numpy as np
from support.settings import plain_model

from dirvae.latents import compositions
from dirvae.metrics import sparsity
from dirvae.report import usage
from dirvae.training import latent_usage
from dirvae.training.latent_usage import Usage

PAIRS = plain_model({"structure": "product", "latents": 2, "groups": 3})
SECOND_SHARES = np.array([[0.02, 0.5, 0.97], [0.04, 0.3, 0.95], [0.95, 0.6, 0.4], [0.05, 0.93, 0.99]])
DECODED = 2 * np.stack([1 - SECOND_SHARES, SECOND_SHARES], axis=-1).reshape(4, 6)  # K z


def test_bars_of_pairs_add_up_beside_the_priors():
    images = np.stack(sparsity.switching(compositions.second_shares(PAIRS, DECODED)))
    prior = np.array([[0.3, 0.1], [0.3, 0.7], [0.4, 0.2]])
    pairs = latent_usage.pairs(Usage(np.float64(2.0), np.full(3, 1.5), images, prior))
    axis = usage.picture(np.ones(3), np.full(3, 1.5), 2.0, pairs).axes[1]
    heights = np.array([[bar.get_height() for bar in state] for state in axis.containers])
    np.testing.assert_allclose(heights, [[0.75, 0, 0, 0.2], [0, 0.25, 0.75, 0.5], [0.25, 0.75, 0.25, 0.3]], atol=1e-12)
    tops = [bar.get_y() + bar.get_height() for bar in axis.containers[2]]
    np.testing.assert_allclose(tops, 1.0)
    assert axis.get_title() == "2 of 3 pairs off or on in most images"
    plt.close("all")
