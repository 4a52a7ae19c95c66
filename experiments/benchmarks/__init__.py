"""The parts of `python -m experiments.benchmark`: each measures (`measure`, numbers only) and shows (`show`, markdown).

Everything that is compared takes turns in one process, and what counts is the ratio within a turn (`timing`).
"""

from typing import NamedTuple


class Settings(NamedTuple):
    """Settings say how much is measured.

    Every candidate has `turns` turns. `wider` holds further widths of the training step. `compile` is none, preset or all: it
    says where torch.compile is tried, which takes about a minute a model. The loader's data set has `images` images. `torch`
    tells whether PyTorch is there.
    """

    turns: int
    wider: tuple[tuple[int, ...], ...]
    compile: str
    images: int
    torch: bool
