"""Models whose linear head is known and whose decoder shows the coordinates themselves."""

import jax
import jax.numpy as jnp
import numpy as np

from dirvae import model
from dirvae.latents.dirichlet import Dirichlet
from dirvae.latents.gaussian import Gaussian
from dirvae.types import Pixels
from support.settings import plain_model

K, ROWS = 50, 3
IMAGES = jnp.zeros((ROWS, 1, 1, K))
GAUSSIAN = Gaussian(jax.random.normal(jax.random.key(1), (ROWS, K)), jnp.zeros((ROWS, K)))
DIRICHLET = Dirichlet(jnp.exp(jax.random.normal(jax.random.key(1), (ROWS, K))))
POSTERIORS = {"dirichlet": DIRICHLET, "gaussian": GAUSSIAN}
WEIGHTS = 0.3 * np.random.default_rng(0).normal(size=K)


def build(posterior, weights, prior="dirichlet", labels=2):
    """A model that encodes any images to `posterior`, row by row and again from its start.

    Its linear head has the given weights, [K, L] or [K] for its last label and 0 for the others, and its images are the sigmoid of
    the coordinates.
    """
    weights = np.asarray(weights, np.float32)
    kernel = np.zeros((K, labels), np.float32) if weights.ndim == 1 else weights
    if weights.ndim == 1:
        kernel[:, -1] = weights
    settings = {"prior": prior, "latents": K, "widths": "4", "hidden": 4}
    net = model.build(plain_model(settings), kernel.shape[1], 8)
    shapes = jax.eval_shape(net.init, jax.random.key(0))["classifier"]
    head = jax.tree.map(
        lambda leaf: jnp.asarray(kernel if leaf.ndim == 2 else np.zeros(leaf.shape, np.float32)), shapes
    )
    net = net._replace(
        encode=lambda params, images: jax.tree.map(lambda x: x[jnp.arange(len(images)) % len(x)], posterior),
        decode=lambda params, z: Pixels(z[:, None, None, :], jnp.float32(0.0)),
    )
    return net, {"classifier": head}
