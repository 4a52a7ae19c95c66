"""How fast it is, beside its peers: training step, sampler, loader, start-up, evidence, traversals; markdown, and the same numbers as JSON.

    python -m experiments.benchmark
    python -m experiments.benchmark --parts=sampler,startup --output=benchmark.json --config.batch_size=64

What is compared takes turns in one run, on the same number of threads: on a shared machine only the ratios count.
"""

import argparse
import importlib.util
import sys
from pathlib import Path

from dirvae.config import ConfigError, assignments, override, validate
from experiments import configs

PARTS = ("step", "sampler", "loader", "startup", "metrics", "traversal")


def parser() -> argparse.ArgumentParser:
    flags = argparse.ArgumentParser(
        prog="python -m experiments.benchmark",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    flags.add_argument("--parts", default=",".join(PARTS), help=f"comma-separated, of {','.join(PARTS)}")
    flags.add_argument("--preset", choices=configs.PRESETS, default="plain")
    flags.add_argument("--wider", default="32,64,128", help="more widths of the training step, as 32,64,128/64,128,256")
    flags.add_argument("--turns", type=int, default=16, help="of every candidate")
    tried = "models to try torch.compile on; it takes about a minute each"
    flags.add_argument("--compile", choices=("none", "preset", "all"), default="preset", help=tried)
    flags.add_argument("--images", type=int, default=512, help="training images of the loader's data set")
    flags.add_argument("--output", type=Path, default=Path("runs/benchmark.json"), help="where the numbers go")
    return flags


def main(arguments: list[str] | None = None) -> None:
    flags, leftover = parser().parse_known_args(arguments)
    try:
        config = validate(override(configs.preset(flags.preset), assignments(leftover, prefix="--config.")))
        wider = tuple(tuple(int(width) for width in one.split(",")) for one in flags.wider.split("/") if one)
        parts = configs.phases(flags.parts, PARTS)
        if flags.turns < 1:
            raise ConfigError("--turns must be above 0")
        torch = importlib.util.find_spec("torch") is not None
        from experiments.benchmarks import Settings, everything  # imports jax, hence not before the flags are good

        everything.run(config, Settings(flags.turns, wider, flags.compile, flags.images, torch), parts, flags.output)
    except (ValueError, OSError) as error:
        sys.exit(f"error: {error}")


if __name__ == "__main__":
    main()
