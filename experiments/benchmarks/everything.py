"""The parts in a row: what each shows is printed as soon as it is measured, all numbers are kept as JSON."""

import json
import os
import platform
from pathlib import Path

import jax

from dirvae.config import Config
from dirvae.training import parallel
from experiments.benchmarks import Settings, coverage, loader, metrics, sampler, startup, step, timing, traversal

PARTS = {
    "step": step,
    "sampler": sampler,
    "loader": loader,
    "startup": startup,
    "metrics": metrics,
    "traversal": traversal,
    "coverage": coverage,
}
BUSY = 0.25  # load average a core above which a machine is not quiet


def run(config: Config, settings: Settings, parts: tuple[str, ...], output: Path) -> None:
    numbers: dict = {"machine": machine(settings.torch), "load": os.getloadavg()[0]}
    print("# Benchmark\n")
    print(", ".join(f"{name} {value}" for name, value in numbers["machine"].items()), flush=True)
    print(
        "\nBoth libraries have the same threads and keep freed memory (dirvae.training.parallel.keep_freed_memory).",
        flush=True,
    )
    if numbers["load"] > BUSY * timing.cores():
        print(
            f"\nThe machine is busy (load average {numbers['load']:.1f} before the start): ratios are biased, since a library "
            "that joins its threads after every operation loses more to other programs. Measure again when it is quiet."
        )
    if not settings.torch:
        print("\nPyTorch is not installed, so its rows are missing; `pip install -e '.[peers]'` brings it.")
    for part in parts:
        numbers[part] = PARTS[part].measure(config, settings)
        print(f"\n{PARTS[part].show(numbers[part])}", flush=True)
        output.parent.mkdir(parents=True, exist_ok=True)
        output.write_text(json.dumps(numbers, indent=1) + "\n")


def machine(torch: bool) -> dict[str, str]:
    """Describes the machine; PyTorch gets as many threads as XLA takes, and freed memory is kept, as in training, for both."""
    parallel.keep_freed_memory()
    found = {"cores": str(timing.cores()), "Python": platform.python_version(), "JAX": jax.__version__}
    if torch:
        import torch as library

        library.set_num_threads(timing.cores())
        found["PyTorch"] = library.__version__
    return found
