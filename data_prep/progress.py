"""A progress line: how many of how many, how fast, and how long it will take."""

import time
from collections.abc import Callable

Progress = Callable[[str], None]


def silent(text: str) -> None:
    """Progress that nobody watches."""


class Meter:
    """Reports a count to `progress`, at most once in `interval` seconds; `total` is 0 where it is not known."""

    def __init__(self, progress: Progress, what: str, unit: str, total: int = 0, interval: float = 1.0) -> None:
        self.progress, self.what, self.unit, self.total, self.interval = progress, what, unit, total, interval
        self.count = 0
        self._began = self._said = time.monotonic()

    def step(self, count: int = 1) -> None:
        """Counts further ones."""
        self.count += count
        now = time.monotonic()
        if now - self._said >= self.interval:
            self._said = now
            self.progress(self._line(now))

    def _line(self, now: float) -> str:
        rate = self.count / max(now - self._began, 1e-9)
        if not self.total:
            return f"data: {self.what}, {self.count} {self.unit}, {rate:.0f} {self.unit}/s"
        left = (self.total - self.count) / max(rate, 1e-9)
        return f"data: {self.what}, {self.count}/{self.total} {self.unit}, {rate:.0f} {self.unit}/s, {left:.0f} s left"
