"""The parts in a row: what each shows is printed as soon as it is measured, all numbers are kept as JSON."""

import json
import platform
from pathlib import Path

import jax

from dirvae.config import Config
from experiments.benchmarks import Settings, loader, sampler, startup, step, timing

PARTS = {"step": step, "sampler": sampler, "loader": loader, "startup": startup}


def run(config: Config, settings: Settings, parts: tuple[str, ...], output: Path) -> None:
    numbers: dict = {"machine": machine(settings.torch)}
    print("# Benchmark\n")
    print(", ".join(f"{name} {value}" for name, value in numbers["machine"].items()), flush=True)
    if not settings.torch:
        print("\nPyTorch is not installed, so its rows are missing; `pip install -e '.[peers]'` brings it.")
    for part in parts:
        numbers[part] = PARTS[part].measure(config, settings)
        print(f"\n{PARTS[part].show(numbers[part])}", flush=True)
        output.parent.mkdir(parents=True, exist_ok=True)
        output.write_text(json.dumps(numbers, indent=1) + "\n")


def machine(torch: bool) -> dict[str, str]:
    """What is measured on; PyTorch gets as many threads as XLA takes."""
    found = {"cores": str(timing.cores()), "Python": platform.python_version(), "JAX": jax.__version__}
    if torch:
        import torch as library

        library.set_num_threads(timing.cores())
        found["PyTorch"] = library.__version__
    return found
