"""Measures how fast the code is, beside its peers.

    python -m experiments.benchmark
    python -m experiments.benchmark --parts=sampler,startup --out=benchmark.json --config.batch_size=64
    python -m experiments.benchmark --parts=coverage

The parts are the training step, the sampler, the loader, start-up, metrics and traversals. Candidates take turns in one process, on the
same number of threads, so that their ratios hold on a shared machine. One more part, coverage, measures no time: it simulates how often
intervals of AUROC hold the truth. Prints tables (markdown), and writes the numbers as JSON.
"""

import argparse
import importlib.util
from pathlib import Path

from dirvae.config import override, validate
from experiments import cli, configs
from experiments.cli import Parser

TIMED = ("step", "sampler", "loader", "startup", "metrics", "traversal")
PARTS = (*TIMED, "coverage")


def widths(text: str) -> tuple[tuple[int, ...], ...]:
    """The type of --wider: lists of channel counts, as 32,64,128/64,128,256."""
    return tuple(tuple(int(width) for width in one.split(",")) for one in text.split("/") if one)


def parser() -> Parser:
    flags = cli.parser("benchmark", __doc__, config=True)
    flags.add_argument("--parts", default=",".join(TIMED), help=f"comma-separated, of {','.join(PARTS)}")
    flags.shared("--preset", default="plain", **cli.one_of(configs.PRESETS))
    flags.add_argument(
        "--wider",
        type=widths,
        default="32,64,128",
        help="more channel counts to time the training step at, as 32,64,128/64,128,256",
    )
    flags.add_argument("--turns", type=cli.whole(1), default=16, help="turns of every candidate")
    flags.add_argument(
        "--compile",
        default="preset",
        help="models to try torch.compile on, which takes about a minute each",
        **cli.one_of(("none", "preset", "all")),
    )
    flags.shared("--images", default=512, help="training images of the loader's data set")
    flags.shared("--out", "--output", default=Path("runs/benchmark.json"), help="file of the numbers")
    return flags


def run(flags: argparse.Namespace) -> None:
    """Measures the parts that --parts names."""
    config = validate(override(configs.preset(flags.preset), flags.fields))
    parts = configs.phases(flags.parts, PARTS, "--parts")
    torch = importlib.util.find_spec("torch") is not None
    from experiments.benchmarks import Settings, everything  # imports jax, hence not before the flags are good

    everything.run(config, Settings(flags.turns, flags.wider, flags.compile, flags.images, torch), parts, flags.out)


def main(arguments: list[str] | None = None) -> None:
    cli.main(parser(), run, arguments)


if __name__ == "__main__":
    main()
