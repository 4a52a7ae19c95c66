"""A table of a study as data: pages and terminals show the same cells under the same legend."""

import textwrap
from collections.abc import Sequence
from typing import Literal, NamedTuple

import numpy as np

TERMINAL = 140  # columns that a legend may take
Better = Literal["high", "low", "neither"]
"""Which values of a column are good."""


class Table(NamedTuple):
    """Cells as text; the first cell of a row names it."""

    title: str
    columns: tuple[str, ...]
    rows: list[tuple[str, ...]]
    legend: str  # what the columns are, their range, and what is good
    marked: frozenset[tuple[int, int]] = frozenset()  # (row, column) of the cells that stand out
    mark: str = "the best"  # what a marked cell is


def number(value: float, digits: int = 3) -> str:
    """A number with so many digits, or a dash where it is not defined."""
    return f"{value:.{digits}f}" if np.isfinite(value) else "–"


def estimate(value: float, low: float, high: float, digits: int = 2) -> str:
    """A number and its interval, where there is one."""
    bounds = f" [{low:.{digits}f}, {high:.{digits}f}]" if np.isfinite(low) and np.isfinite(high) else ""
    return number(value, digits) + bounds


def best_rows(values: Sequence[float], better: Better) -> list[int]:
    """Positions of the best of a column's numbers, ties included; none where no number is defined or no value is good."""
    column = np.asarray(values, np.float64)
    if better == "neither" or not np.isfinite(column).any():
        return []
    return np.flatnonzero(column == (np.nanmax(column) if better == "high" else np.nanmin(column))).tolist()


def text(table: Table) -> str:
    """Title, aligned columns and legend for a terminal; marked cells carry a star."""
    rows = [
        tuple(f"{cell}*" if (row, column) in table.marked else cell for column, cell in enumerate(cells))
        for row, cells in enumerate(table.rows)
    ]
    legend = f"{table.legend} A star marks {table.mark}." if table.marked else table.legend
    return "\n".join([table.title, *aligned([table.columns, *rows]), *textwrap.wrap(legend, TERMINAL)])


def aligned(rows: Sequence[Sequence[str]]) -> list[str]:
    """Lines of columns: the first to the left, the others to the right."""
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    return ["  ".join([row[0].ljust(widths[0]), *map(str.rjust, row[1:], widths[1:])]).rstrip() for row in rows]
