"""The published form in PyTorch, after Harkness et al. 2023 (arXiv 2302.02979), at the library's widths.

5x5 convolutions of stride 2, BatchNorm, ReLU; the decoder mirrors the encoder with transposed convolutions. Dense layers
are as wide as the library's.
"""

import itertools

from torch import nn

from dirvae.config import ModelConfig
from experiments.benchmarks.torch_models import Networks, Signed


def published(config: ModelConfig, labels: int, image_size: int) -> Networks:
    """Fresh networks for `labels` findings; every width halves the image."""
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
    for before, after in itertools.pairwise(config.widths[::-1]):
        up += [_mirrored(before, after, bias=False), nn.BatchNorm2d(after), nn.ReLU()]
    up += [_mirrored(config.widths[0], 1, bias=True)]
    return Networks(nn.Sequential(*down), nn.Sequential(*up), nn.Linear(config.latents, labels))


def _mirrored(before: int, after: int, bias: bool) -> nn.ConvTranspose2d:
    return nn.ConvTranspose2d(before, after, 5, stride=2, padding=2, output_padding=1, bias=bias)
