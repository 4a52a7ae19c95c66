"""The library's own layers in PyTorch, with the library's own parameters.

`twin` reads every size from a Flax parameter tree and takes over its values, so that it computes the same function, in
either of two forms: `strided`, 2f x 2f convolutions of stride f and their transposes, as one would write it in PyTorch, or
`subpixel`, PixelUnshuffle, PixelShuffle and 2x2 convolutions, operation by operation what `dirvae.networks.layers` does. Images are
[B, C, H, W].
"""

import math
from collections.abc import Mapping
from typing import Any

import flax.linen
import numpy as np
import torch
from torch import Tensor, nn

from dirvae.networks import layers
from dirvae.types import Params

Leaves = Mapping[str, Any]


class Networks(nn.Module):
    """encoder: images -> features [B, F]; decoder: [B, K] -> pixel logits; classifier: [B, K] -> logits [B, L]."""

    def __init__(self, encoder: nn.Module, decoder: nn.Module, classifier: nn.Module):
        super().__init__()
        self.encoder, self.decoder, self.classifier = encoder, decoder, classifier


class Signed(nn.Module):
    """[0, 1] -> [-1, 1]."""

    def forward(self, images: Tensor) -> Tensor:
        return 2.0 * images - 1.0


class PhaseBias(nn.Module):
    """A bias [D, f, f] for each pixel of the f x f cells of an image [B, D, H, W]."""

    def __init__(self, bias: np.ndarray):
        super().__init__()
        self.bias = _parameter(bias)

    def forward(self, images: Tensor) -> Tensor:
        factor = self.bias.shape[-1]
        cells = images.unflatten(3, (-1, factor)).unflatten(2, (-1, factor))
        return (cells + self.bias[:, None, :, None, :]).flatten(4, 5).flatten(2, 3)


def twin(params: Params, image_size: int, form: str = "strided") -> Networks:
    """The encoder, the decoder and a linear head of `dirvae.networks`, with `params`."""
    shrinking, growing = {"strided": (_strided, _transposed), "subpixel": (_unshuffled, _shuffled)}[form]
    down: list[nn.Module] = [Signed()]
    channels, side = 1, image_size
    for leaves in _convolutions(params["encoder"]):
        *_, cells, features = leaves["Convolution_0"]["kernel"].shape
        factor = math.isqrt(cells // channels)
        down += [*shrinking(leaves["Convolution_0"], factor), *_activation(leaves)]
        channels, side = features, side // factor
    up = _entrance(params["decoder"], side * side)
    for leaves in _convolutions(params["decoder"]):
        after = len(leaves["GroupNorm_0"]["scale"]) if "GroupNorm_0" in leaves else 1
        factor = math.isqrt(leaves["Convolution_0"]["kernel"].shape[-1] // after)
        up += [*growing(leaves["Convolution_0"], factor), *_activation(leaves)]
    encoder = nn.Sequential(*down, *_exit(params["encoder"], side * side))
    return Networks(encoder, nn.Sequential(*up), _dense(params["classifier"]["Dense_0"]))


def _convolutions(leaves: Leaves) -> list[Leaves]:
    """The layers that hold a convolution, in their order."""
    names = [name for name in leaves if "Convolution_0" in leaves[name]]
    return [leaves[name] for name in sorted(names, key=lambda name: int(name.rpartition("_")[2]))]


def _exit(leaves: Leaves, cells: int) -> list[nn.Module]:
    hidden = _dense(leaves["Dense_0"], cells_in=cells)
    norm = _normalised(leaves["LayerNorm_0"], nn.LayerNorm(hidden.out_features, eps=flax.linen.LayerNorm.epsilon))
    return [nn.Flatten(), hidden, norm, nn.SiLU(), _dense(leaves["Dense_1"])]


def _entrance(leaves: Leaves, cells: int) -> list[nn.Module]:
    side, spread = round(cells**0.5), _dense(leaves["Dense_0"], cells_out=cells)
    image = nn.Unflatten(1, (spread.out_features // cells, side, side))
    return [_dense(leaves["entrance"]), nn.SiLU(), spread, nn.SiLU(), image]


def _activation(leaves: Leaves) -> list[nn.Module]:
    """Group normalisation and SiLU, where there are any."""
    if "GroupNorm_0" not in leaves:
        return []
    features = len(leaves["GroupNorm_0"]["scale"])
    groups = next(g for g in layers.GROUPS if features % g == 0)
    return [_normalised(leaves["GroupNorm_0"], nn.GroupNorm(groups, features, layers.GroupNorm.epsilon)), nn.SiLU()]


def _strided(leaves: Leaves, factor: int) -> list[nn.Module]:
    """Kernel [2, 2, f f C, D] on cells (row, column, channel) -> [D, C, 2f, 2f] on pixels."""
    kernel, bias = np.asarray(leaves["kernel"]), leaves["bias"]
    cells = kernel.reshape(
        2, 2, factor, factor, -1, len(bias)
    )  # kernel row, kernel column, cell row, cell column, C, D
    weight = cells.transpose(5, 4, 0, 2, 1, 3).reshape(len(bias), -1, 2 * factor, 2 * factor)
    layer = nn.Conv2d(weight.shape[1], len(bias), 2 * factor, stride=factor, padding=factor // 2)
    return [_filled(layer, weight, bias)]


def _transposed(leaves: Leaves, factor: int) -> list[nn.Module]:
    """Kernel [2, 2, C, f f D] to cells -> [C, D, 2f, 2f] to pixels, the first of which lie half a cell in; one bias a phase."""
    kernel, bias = np.asarray(leaves["kernel"])[::-1, ::-1], np.asarray(leaves["bias"])
    before = kernel.shape[2]
    cells = kernel.reshape(2, 2, before, factor, factor, -1)
    weight = cells.transpose(2, 5, 0, 3, 1, 4).reshape(before, -1, 2 * factor, 2 * factor)
    options = {"stride": factor, "padding": factor // 2, "bias": False}
    layer = nn.ConvTranspose2d(before, weight.shape[1], 2 * factor, **options)
    phases = np.roll(bias.reshape(factor, factor, -1), factor // 2, axis=(0, 1)).transpose(2, 0, 1)
    return [_filled(layer, weight), PhaseBias(phases)]


def _unshuffled(leaves: Leaves, factor: int) -> list[nn.Module]:
    weight = _channels_first(leaves["kernel"], factor**2, axis=2).transpose(3, 2, 0, 1)
    layer = _filled(nn.Conv2d(weight.shape[1], weight.shape[0], 2), weight, leaves["bias"])
    return [nn.ZeroPad2d(factor // 2), nn.PixelUnshuffle(factor), layer]


def _shuffled(leaves: Leaves, factor: int) -> list[nn.Module]:
    weight = _channels_first(leaves["kernel"], factor**2, axis=3).transpose(3, 2, 0, 1)
    layer = nn.Conv2d(weight.shape[1], weight.shape[0], 2, padding=1)
    filled = _filled(layer, weight, _channels_first(leaves["bias"], factor**2, axis=0))
    return [filled, nn.PixelShuffle(factor), nn.ZeroPad2d(-(factor // 2))]


def _dense(leaves: Leaves, cells_in: int = 1, cells_out: int = 1) -> nn.Linear:
    """`cells_in` and `cells_out` count the pixels of the image that is flattened before it, or made after it."""
    kernel = _channels_first(_channels_first(leaves["kernel"], cells_in, axis=0), cells_out, axis=1)
    return _filled(nn.Linear(*kernel.shape), kernel.T, _channels_first(leaves["bias"], cells_out, axis=0))


def _normalised(leaves: Leaves, layer: nn.Module) -> nn.Module:
    return _filled(layer, leaves["scale"], leaves["bias"])


def _filled(layer: nn.Module, weight: Any, bias: Any = None) -> nn.Module:
    layer.weight = _parameter(weight)
    if bias is not None:
        layer.bias = _parameter(bias)
    return layer


def _channels_first(values: Any, cells: int, axis: int) -> np.ndarray:
    """An axis ordered (cell, channel), as Flax flattens and moves pixels, -> (channel, cell), as PyTorch does."""
    values = np.asarray(values)
    order = np.arange(values.shape[axis]).reshape(cells, -1).T.ravel()
    return values.take(order, axis)


def _parameter(values: Any) -> nn.Parameter:
    return nn.Parameter(torch.tensor(np.ascontiguousarray(values)))
