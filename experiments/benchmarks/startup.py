"""Part 4: seconds until a command answers, beside the bare interpreter."""

import os
import subprocess
import sys
from pathlib import Path

import numpy as np

from dirvae.config import Config
from experiments.benchmarks import Settings, timing

ROOT = Path(__file__).parents[2]
COMMANDS = {
    "the bare interpreter": ["-c", "pass"],
    "python -m experiments.run --help": ["-m", "experiments.run", "--help"],
    "import dirvae.training.train": ["-c", "import dirvae.training.train"],
}


def measure(config: Config, settings: Settings) -> dict:
    del config
    turns = max(3, settings.turns // 2)
    seconds = timing.take_turns({name: lambda end=end: _run(end) for name, end in COMMANDS.items()}, turns, warm=1)
    return {
        name: {"median": float(np.median(each)), "low": float(each.min()), "high": float(each.max())}
        for name, each in seconds.items()
    }


def _run(arguments: list[str]) -> None:
    subprocess.run([sys.executable, *arguments], cwd=ROOT, env=os.environ, stdout=subprocess.DEVNULL, check=True)


def show(numbers: dict) -> str:
    rows = [[name, timing.shown(seconds)] for name, seconds in numbers.items()]
    return f"## Start-up\n\n{timing.table(['command', 'seconds'], rows)}"
