"""The parts of `python -m experiments.benchmark`: each measures (`measure`, numbers only) and shows (`show`, markdown).

Everything that is compared takes turns in one process, and what counts is the ratio within a turn (`timing`).
"""

from typing import NamedTuple


class Settings(NamedTuple):
    """Settings say how much is measured.

    `turns` of every candidate; `wider`, further widths of the training step; `compile` of none, preset or all: where
    torch.compile is tried, which takes about a minute a model; `images` of the loader's data set; `torch`, whether
    PyTorch is there.
    """

    turns: int
    wider: tuple[tuple[int, ...], ...]
    compile: str
    images: int
    torch: bool
