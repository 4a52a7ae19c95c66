"""Peers in PyTorch: the library's own layers with the library's own parameters, and the published strided form.

`twin` reads every size from a Flax parameter tree and takes over its values, in PyTorch's usual form (channels before
pixels, PixelUnshuffle and PixelShuffle), so it computes the same function. `published` is the form of Harkness et al. 2023
(arXiv 2302.02979) at equal widths: 5x5 convolutions of stride 2 and their transposes, BatchNorm, ReLU; its dense layers are
as wide as the library's. Images are [B, C, H, W].
"""

import itertools
from collections.abc import Mapping
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from dirvae.config import ConfigError, ModelConfig
from dirvae.types import Params

Leaves = Mapping[str, Any]
EPSILON = 1e-6  # of Flax's normalisations


class Networks(nn.Module):
    """encoder: images -> features [B, F]; decoder: [B, K] -> pixel logits; classifier: [B, K] -> logits [B, L]."""

    def __init__(self, encoder: nn.Module, decoder: nn.Module, classifier: nn.Module):
        super().__init__()
        self.encoder, self.decoder, self.classifier = encoder, decoder, classifier


class Signed(nn.Module):
    """[0, 1] -> [-1, 1]."""

    def forward(self, images: Tensor) -> Tensor:
        return 2.0 * images - 1.0


def check_supported(config: ModelConfig) -> None:
    """Raises ConfigError for a model that has no peer here."""
    wanted = {
        "prior": "dirichlet",
        "structure": "global",
        "parametrisation": "exp",
        "head": "linear",
        "head_input": "mean",
        "dropout": 0.0,
        "likelihood": "laplace",
        "learn_scale": False,
        "compute": "float32",
    }
    for name, value in wanted.items():
        if getattr(config, name) != value:
            raise ConfigError(f"the benchmark's peer in PyTorch covers model.{name}={value} only; leave it at that")
    if not config.hidden:
        raise ConfigError("the benchmark's peer in PyTorch needs model.hidden above 0")


def twin(params: Params, config: ModelConfig, image_size: int) -> Networks:
    """`dirvae.encoder.Encoder`, `dirvae.decoder.Decoder` and a linear `dirvae.classifier.Classifier`, with `params`."""
    cells = (image_size >> len(config.widths)) ** 2
    return Networks(
        _encoder(params["encoder"], cells),
        _decoder(params["decoder"], cells),
        _dense(params["classifier"]["Dense_0"]),
    )


def _encoder(leaves: Leaves, cells: int) -> nn.Sequential:
    layers: list[nn.Module] = [Signed()]
    for level in range(_count(leaves, "Block")):
        layers += [nn.PixelUnshuffle(2), *_block(leaves[f"Block_{level}"], cells_in=4)]
    layers += [nn.Flatten(), _dense(leaves["Dense_0"], cells_in=cells)]
    norm = nn.LayerNorm(layers[-1].out_features, eps=EPSILON)
    return nn.Sequential(*layers, _normalised(leaves["LayerNorm_0"], norm), nn.SiLU(), _dense(leaves["Dense_1"]))


def _decoder(leaves: Leaves, cells: int) -> nn.Sequential:
    side = round(cells**0.5)
    spread = _dense(leaves["Dense_0"], cells_out=cells)
    image = nn.Unflatten(1, (spread.out_features // cells, side, side))
    layers: list[nn.Module] = [_dense(leaves["entrance"]), nn.SiLU(), spread, nn.SiLU(), image]
    for level in range(_count(leaves, "Block")):
        up = _convolution(leaves[f"Conv_{level}"], cells_out=4)
        layers += [*_block(leaves[f"Block_{level}"]), up, nn.PixelShuffle(2)]
    return nn.Sequential(*layers)


def _count(leaves: Leaves, kind: str) -> int:
    return sum(name.startswith(f"{kind}_") for name in leaves)


def _block(leaves: Leaves, cells_in: int = 1) -> nn.Sequential:
    """`dirvae.layers.Block`."""
    features = len(leaves["GroupNorm_0"]["scale"])
    groups = next(g for g in (8, 4, 2, 1) if features % g == 0)
    norm = nn.GroupNorm(groups, features, eps=EPSILON)
    return nn.Sequential(_convolution(leaves["Conv_0"], cells_in), _normalised(leaves["GroupNorm_0"], norm), nn.SiLU())


def _convolution(leaves: Leaves, cells_in: int = 1, cells_out: int = 1) -> nn.Conv2d:
    """Stride 1, same size; `cells_in` and `cells_out` count the pixels that were, or will be, moved into one's channels."""
    kernel = _channels_first(_channels_first(leaves["kernel"], cells_in, axis=2), cells_out, axis=3)
    layer = nn.Conv2d(kernel.shape[2], kernel.shape[3], kernel.shape[:2], padding="same")
    layer.weight = _parameter(kernel.transpose(3, 2, 0, 1))
    layer.bias = _parameter(_channels_first(leaves["bias"], cells_out, axis=0))
    return layer


def _dense(leaves: Leaves, cells_in: int = 1, cells_out: int = 1) -> nn.Linear:
    """`cells_in` and `cells_out` count the pixels of the image that is flattened before it, or made after it."""
    kernel = _channels_first(_channels_first(leaves["kernel"], cells_in, axis=0), cells_out, axis=1)
    layer = nn.Linear(*kernel.shape)
    layer.weight = _parameter(kernel.T)
    layer.bias = _parameter(_channels_first(leaves["bias"], cells_out, axis=0))
    return layer


def _normalised(leaves: Leaves, layer: nn.Module) -> nn.Module:
    layer.weight, layer.bias = _parameter(leaves["scale"]), _parameter(leaves["bias"])
    return layer


def _channels_first(values: Any, cells: int, axis: int) -> np.ndarray:
    """An axis ordered (cell, channel), as Flax flattens and moves pixels, -> (channel, cell), as PyTorch does."""
    values = np.asarray(values)
    order = np.arange(values.shape[axis]).reshape(cells, -1).T.ravel()
    return values.take(order, axis)


def _parameter(values: Any) -> nn.Parameter:
    return nn.Parameter(torch.tensor(np.asarray(values)))


def published(config: ModelConfig, labels: int, image_size: int) -> Networks:
    """5x5, stride 2, BatchNorm, ReLU; the decoder mirrors the encoder."""
    side = image_size >> len(config.widths)
    flat = side * side * config.widths[-1]
    down: list[nn.Module] = [Signed()]
    for before, after in itertools.pairwise((1, *config.widths)):
        down += [nn.Conv2d(before, after, 5, stride=2, padding=2, bias=False), nn.BatchNorm2d(after), nn.ReLU()]
    down += [nn.Flatten(), nn.Linear(flat, config.hidden), nn.ReLU(), nn.Linear(config.hidden, config.latents)]
    up: list[nn.Module] = [
        nn.Linear(config.latents, config.hidden),
        nn.ReLU(),
        nn.Linear(config.hidden, flat),
        nn.ReLU(),
    ]
    up += [nn.Unflatten(1, (config.widths[-1], side, side))]
    narrowing = config.widths[::-1]
    for before, after in itertools.pairwise(narrowing):
        up += [_transposed(before, after, bias=False), nn.BatchNorm2d(after), nn.ReLU()]
    up += [_transposed(config.widths[0], 1, bias=True)]
    return Networks(nn.Sequential(*down), nn.Sequential(*up), nn.Linear(config.latents, labels))


def _transposed(before: int, after: int, bias: bool) -> nn.ConvTranspose2d:
    return nn.ConvTranspose2d(before, after, 5, stride=2, padding=2, output_padding=1, bias=bias)
