"""Parts of a run that an experiment from outside may replace, such as a study of what flawed code does to a result."""

from collections.abc import Callable
from typing import NamedTuple

from jaxtyping import Array, Float

from dirvae.latents.family import Latent
from dirvae.model import Model
from dirvae.training import data
from dirvae.types import Key, Params


class Reading(NamedTuple):
    """A reading is what evaluation makes of images: logits, the reconstruction, and what decoder and head read."""

    logits: Float[Array, "B L"]
    location: Float[Array, "B H W C"]
    decoder: Float[Array, "B ..."]
    head: Float[Array, "B ..."]


Read = Callable[[Params, Array, Key], Reading]
"""(params, images [B, H, W, C], keys [B]) -> the reading of these images; each image has a key of its own."""


def expectations(model: Model) -> Read:
    """Reads the posterior's expectations, without a draw."""
    latent = model.latent

    def read(params: Params, images: Array, keys: Key) -> Reading:
        del keys
        outputs = model.expected(params, images)
        decoder, head = latent.decoder_mean(outputs.posterior), latent.head_mean(outputs.posterior)
        return Reading(outputs.logits, outputs.pixels.location, decoder, head)

    return read


def same_latent(latent: Latent) -> Latent:
    return latent


def own_examples(own: data.Examples, load: Callable[[str], data.Examples]) -> data.Examples:
    del load
    return own


class Variant(NamedTuple):
    """A variant replaces parts of a run; the default replaces nothing.

    latent:    the configuration's latent -> the one that the model is built with
    objective: the model's latent -> the one whose KL the training objective takes
    examples:  (split, labels, data config, seed) -> its examples, with targets and weights
    training:  (the training split's examples, function from a split's name to its examples) -> what is trained on
    reader:    model -> how evaluation and explanation read images
    """

    latent: Callable[[Latent], Latent] = same_latent
    objective: Callable[[Latent], Latent] = same_latent
    examples: Callable[..., data.Examples] = data.examples
    training: Callable[[data.Examples, Callable[[str], data.Examples]], data.Examples] = own_examples
    reader: Callable[[Model], Read] = expectations
