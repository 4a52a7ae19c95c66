"""Measuring on a noisy machine: candidates take turns, and only ratios within a turn are believed."""

import os
import time
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

import numpy as np


class Ratio(NamedTuple):
    """The ratio of one candidate's seconds to another's, turn by turn: its median and its range."""

    median: float
    low: float
    high: float


def cores() -> int:
    """Cores that this process may use; each side gets as many threads."""
    return len(os.sched_getaffinity(0))


def take_turns(candidates: Mapping[str, Callable[[], Any]], turns: int, warm: int = 2) -> dict[str, np.ndarray]:
    """A B C A B C ...: wall seconds [turns] of each candidate, after `warm` turns that do not count.

    A candidate returns only once its work is done.
    """
    seconds: dict[str, list[float]] = {name: [] for name in candidates}
    for turn in range(-warm, turns):
        for name, candidate in candidates.items():
            began = time.perf_counter()
            candidate()
            if turn >= 0:
                seconds[name].append(time.perf_counter() - began)
    return {name: np.asarray(each) for name, each in seconds.items()}


def ratio(above: np.ndarray, below: np.ndarray) -> Ratio:
    """above/below within each turn."""
    each = above / below
    return Ratio(float(np.median(each)), float(each.min()), float(each.max()))


def shown(ratio: Mapping[str, float]) -> str:
    """A `Ratio` as a dictionary, as text."""
    return f"{ratio['median']:.2f} ({ratio['low']:.2f}..{ratio['high']:.2f})"


def fastest(seconds: Mapping[str, np.ndarray], prefix: str) -> str:
    """The candidate with the lowest median, among those with this prefix."""
    return min((name for name in seconds if name.startswith(prefix)), key=lambda name: np.median(seconds[name]))


def milliseconds(seconds: np.ndarray) -> float:
    return float(1e3 * np.median(seconds))


def table(head: list[str], rows: list[list[Any]]) -> str:
    """A markdown table."""
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join(f"| {' | '.join(str(cell) for cell in line)} |" for line in lines)
