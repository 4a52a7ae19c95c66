"""A variational autoencoder with a classifier on its latent, as pure functions of parameters.

    q(z|x) = encode(params, x)      p(x|z) = decode(params, z)      logits = classify(params, z)

The generative model is p(z) p(x|z); the classifier reads z (its centred log ratios, on a simplex) and shares the
encoder, after Harkness et al. 2023 (arXiv 2302.02979).
"""

from collections.abc import Callable
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from dirvae import latents
from dirvae.config import ModelConfig
from dirvae.latents import learning
from dirvae.latents.family import Latent, channels_apart
from dirvae.networks.classifier import Classifier
from dirvae.networks.decoder import Decoder
from dirvae.networks.encoder import Encoder
from dirvae.types import Key, LatentSample, ModelOutputs, Params, Pixels, PyTree


class Model(NamedTuple):
    """Pure functions; `params` is {"encoder": ..., "decoder": ..., "classifier": ...}, and "prior" where it is learned.

    init:        key -> params
    learned:     params -> the latent with the prior p(z) that they hold; `latent` has the configured one
    encode:      (params, images [B, H, W, C] in [0, 1]) -> posterior q(z|x); a third argument, if there is one, stands in for
                 `grid`
    grid:        (params, images) -> the encoder's last feature map [B, h, w, G]
    decode:      (params, coordinates) -> Pixels, p(x|z)
    classify:    (params, coordinates) -> logits [B, L]
    decode_channels, classify_channels: the same from what `latent.to_decoder` and `latent.to_head`, or their closed-form
                 expectations, give
    forward:     (params, images, keys [B]) -> ModelOutputs, one draw an image with that image's own key; what training sees
    expected:    (params, images) -> ModelOutputs at the posterior's expectations, without any draw; what is evaluated
    """

    latent: Latent
    init: Callable[[Key], Params]
    learned: Callable[[Params], Latent]
    encode: Callable[..., PyTree]
    grid: Callable[[Params, Array], Array]
    decode: Callable[[Params, PyTree], Pixels]
    classify: Callable[[Params, PyTree], Array]
    decode_channels: Callable[[Params, Array], Pixels]
    classify_channels: Callable[[Params, Array], Array]
    forward: Callable[[Params, Array, Key], ModelOutputs]
    expected: Callable[[Params, Array], ModelOutputs]


def build(
    config: ModelConfig, labels: int, image_size: int, image_channels: int = 1, latent: Latent | None = None
) -> Model:
    """The model of a configuration for `labels` findings and square images; `latent` replaces the configuration's own."""
    latent = latents.build(config) if latent is None else latent
    dtype = jnp.dtype(config.compute)
    kind = convolution_kind(config)
    encoder = Encoder(latent.spec, config.widths, config.hidden, config.first_stride, kind, dtype, config.linear_path)
    decoder = Decoder(
        latent.spec,
        config.widths,
        config.hidden,
        image_size,
        config.first_stride,
        image_channels,
        config.scale,
        config.learn_scale,
        kind,
        dtype,
        config.linear_path,
    )
    part = int(config.head == "pooled")  # of two levels: a pooled head reads the field, any other the global part
    read_by_head = latent.spec.parts[part] if latent.spec.parts else latent.spec
    classifier = Classifier(
        labels, config.head, config.head_hidden, config.latents_per_finding, read_by_head.simplex, dtype
    )

    how, floor = config.prior_learning, config.min_concentration

    def init(key: Key) -> Params:
        keys = jax.random.split(key, 3)
        images = jnp.zeros((1, image_size, image_size, image_channels))
        channels = jnp.zeros((1, *(latent.spec.grid or ()), latent.spec.channels))
        prior = {"prior": learning.initial(latent, how, floor)} if how != "fixed" else {}
        return prior | {
            "encoder": encoder.init(keys[0], images)["params"],
            "decoder": decoder.init(keys[1], channels)["params"],
            "classifier": classifier.init(keys[2], heard(channels))["params"],
        }

    def heard(channels: Float[Array, "B *grid D"]) -> Float[Array, "B *grid D"]:
        return channels_apart(latent.spec, channels)[part] if latent.spec.parts else channels

    def decode_channels(params: Params, channels: Float[Array, "B *grid D"]) -> Pixels:
        return decoder.apply({"params": params["decoder"]}, channels)

    def classify_channels(params: Params, channels: Float[Array, "B *grid D"]) -> Float[Array, "B L"]:
        return classifier.apply({"params": params["classifier"]}, heard(channels))

    def encode(params: Params, images: Float[Array, "B H W C"], grid: Array | None = None) -> PyTree:
        return latent.posterior(encoder.apply({"params": params["encoder"]}, images, grid))

    def grid(params: Params, images: Float[Array, "B H W C"]) -> Float[Array, "B h w G"]:
        _, seen = encoder.apply({"params": params["encoder"]}, images, mutable=["intermediates"])
        return seen["intermediates"]["grid"][0]

    def forward(params: Params, images: Float[Array, "B H W C"], keys: Key) -> ModelOutputs:
        draw, drop = jnp.moveaxis(jax.vmap(jax.random.split)(keys), 1, 0)
        posterior = encode(params, images)
        sample = jax.vmap(latent.sample)(draw, posterior)
        pixels = decode_channels(params, latent.to_decoder(sample.coordinates))
        read = latent.head_mean(posterior) if config.head_input == "mean" else latent.to_head(sample.coordinates)
        logits = classify_channels(params, _dropout(drop, read, config.dropout))
        return ModelOutputs(posterior, sample, pixels, logits)

    def expected(params: Params, images: Float[Array, "B H W C"]) -> ModelOutputs:
        posterior = encode(params, images)
        pixels = decode_channels(params, latent.decoder_mean(posterior))
        logits = classify_channels(params, latent.head_mean(posterior))
        return ModelOutputs(posterior, LatentSample(latent.point(posterior)), pixels, logits)

    return Model(
        latent=latent,
        init=init,
        learned=lambda params: learning.learned(latent, params, how, floor),
        encode=jax.jit(encode),
        grid=jax.jit(grid),
        decode=jax.jit(lambda params, coordinates: decode_channels(params, latent.to_decoder(coordinates))),
        classify=jax.jit(lambda params, coordinates: classify_channels(params, latent.to_head(coordinates))),
        decode_channels=jax.jit(decode_channels),
        classify_channels=jax.jit(classify_channels),
        forward=forward,
        expected=jax.jit(expected),
    )


def read(model: Model, params: Params, images: Float[Array, "B H W C"]) -> Float[Array, "B L"]:
    """The classifier's logits of images, at the posterior's expectations, as evaluation reads them."""
    return model.classify_channels(params, model.latent.head_mean(model.encode(params, images)))


def calibrated(model: Model, positive_weight: np.ndarray | None) -> Model:
    """The model for use after a training with class weights: log w is subtracted from every logit; without weights, the model itself.

    A weight w [L] of the positives multiplies the odds that the classifier learns by w, so that sigmoid(logit - log w) is
    P(y = 1 | x) (Elkan 2001). Whatever reads a probability then reads this one.
    """
    if positive_weight is None:
        return model
    inflation = np.log(np.asarray(positive_weight, np.float32))

    def corrected(logits: Float[Array, "B L"]) -> Float[Array, "B L"]:
        return logits - jnp.broadcast_to(inflation, logits.shape)

    def outputs_of(function: Callable[..., ModelOutputs]) -> Callable[..., ModelOutputs]:
        def compute(*arguments: PyTree) -> ModelOutputs:
            outputs = function(*arguments)
            return outputs._replace(logits=corrected(outputs.logits))

        return compute

    return model._replace(
        classify=jax.jit(lambda params, coordinates: corrected(model.classify(params, coordinates))),
        classify_channels=jax.jit(lambda params, channels: corrected(model.classify_channels(params, channels))),
        forward=outputs_of(model.forward),
        expected=jax.jit(outputs_of(model.expected)),
    )


def convolution_kind(config: ModelConfig) -> str:
    """Resolves `auto` for this machine: matrix products on CPUs, the backend's own convolutions elsewhere."""
    if config.convolution != "auto":
        return config.convolution
    return "product" if jax.default_backend() == "cpu" else "native"


def _dropout(keys: Key, inputs: Float[Array, "B ..."], rate: float) -> Float[Array, "B ..."]:
    """Inverted dropout with a key for each example, so that it does not depend on how a batch is spread over devices."""
    if rate == 0.0:
        return inputs
    keep = jax.vmap(lambda key, row: jax.random.bernoulli(key, 1.0 - rate, row.shape))(keys, inputs)
    return jnp.where(keep, inputs / (1.0 - rate), 0.0)
