"""Axis glossary, and the named tuples that travel through the library.

Axes, the same letters in every annotation:
  B batch (examples)      H W C image rows, columns, channels      h w grid of a spatial latent
  K components of one simplex or Gaussian      D latent coordinates of one example, flattened
  L labels (findings)     T steps of a traversal                   N examples of a split

Images on the host are uint8 grey levels; inside the model they are float32 in [0, 1].
"""

from typing import Any, NamedTuple, Protocol

import jax
import numpy as np
from jaxtyping import Array, Float, Int

Params = Any  # a pytree of float32 arrays
PyTree = Any
Key = jax.Array


def grey_levels(images: Array) -> Array:
    """Grey levels as float32 in [0, 1] of uint8 images of any shape, a NumPy or a JAX array like the images given."""
    return images.astype(np.float32) / 255.0


class Batch(NamedTuple):
    """A host's or a device's share of a global batch.

    `weight` masks single labels (policies of `dirvae.labels`), `mask` masks whole rows (padding); `index` is the
    example's position in its split, from which its random numbers are derived.
    """

    image: Array  # uint8 [B, H, W, C]
    target: Float[Array, "B L"]
    weight: Float[Array, "B L"]
    mask: Float[Array, " B"]
    index: Int[Array, " B"]


class LatentSample(NamedTuple):
    """A draw from a posterior, in the family's coordinates (log z for a Dirichlet, z for a Gaussian)."""

    coordinates: PyTree


class Pixels(NamedTuple):
    """p(x|z), independent pixels: `logits` of the location (its sigmoid, in grey levels of [0, 1]), log of the scale.

    The location is the median of a Laplace, the mean of a Gaussian or a Bernoulli, which ignores the scale.
    """

    logits: Float[Array, "*B H W C"]
    log_scale: Float[Array, ""]

    @property
    def location(self) -> Float[Array, "*B H W C"]:
        return jax.nn.sigmoid(self.logits)


class ModelOutputs(NamedTuple):
    """Everything a forward pass knows; losses and metrics are functions of this and the batch."""

    posterior: PyTree
    sample: LatentSample
    pixels: Pixels
    logits: Float[Array, "B L"]


class LossTerms(NamedTuple):
    """Unweighted terms, each [B], in nats an example: sums over pixels, latents or labels, never means.

    `reconstruction` is -log p(x|z), `kl` is KL(q(z|x) || p(z)), `classification` is the masked binary cross-entropy.
    """

    reconstruction: Float[Array, " B"]
    kl: Float[Array, " B"]
    classification: Float[Array, " B"]


class Steering(NamedTuple):
    """A KL target steers beta by this state (`dirvae.losses.steered`)."""

    excess: Float[Array, ""]  # moving average of log(KL/target)
    level: Float[Array, ""]  # log beta where the KL is on target


class TrainState(NamedTuple):
    """All that a step changes, saved and restored whole; data order and random numbers are functions of seed and step."""

    step: Int[Array, ""]
    params: Params
    average: Params  # exponential moving average of the parameters, which is what gets evaluated
    optimizer: PyTree
    steering: Steering


class Query(NamedTuple):
    """A query asks explanation methods about one label of each image, and whether its logit is to rise or to fall."""

    images: Float[Array, "B H W C"]  # float32, grey levels of [0, 1]
    label: Int[Array, " B"]  # columns among the run's labels
    sign: Float[Array, " B"]  # +1 raises the label's logit (adds the finding), -1 lowers it


class Simulator(Protocol):
    """A renderer of images whose causes are known, so that the exact effect of each cause can be drawn.

    Factors float32 [n, F] and seeds int64 [n] are columns of a data set's table. The effect of a cause is
    render(high) - render(low), in grey levels, with `low, high = contrast(factors, name)` (`dirvae.explain.truth.effect`).
    """

    pathologies: tuple[str, ...]
    """Causes that are findings."""
    confounders: tuple[str, ...]
    """Causes that are in the picture and not in the disease."""
    nuisances: tuple[str, ...]
    """Anatomy and acquisition."""

    def followed(self, confounder: str) -> str:
        """The finding that a confounder follows in training, where it is a shortcut."""
        ...

    def render(self, factors: np.ndarray, seeds: np.ndarray) -> np.ndarray:
        """Images float32 [n, H, W] in [0, 1]."""
        ...

    def contrast(self, factors: np.ndarray, name: str) -> tuple[np.ndarray, np.ndarray] | None:
        """The two factor arrays between which a cause's effect is taken, all else equal; None where no single one is defined."""
        ...
