"""A data set of CheXpert's size: seconds and memory of the plan, the check, the build, and the opening before the first batch.

    python -m experiments.benchmarks.large_set --images=224000 --out=DIR

The raw set is a table of so many rows in CheXpert's layout and as many hard links to 64 JPEG files of 390 x 320 pixels, so that it
takes no space. Each step runs in a process of its own, whose peak memory is reported. What is in DIR already is used again.
"""

import argparse
import csv
import json
import os
import resource
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
from PIL import Image

from dirvae.config import command_line
from dirvae.config.command_line import CONSOLE, Parser, whole
from dirvae.labels import FINDINGS

POOL = 64
STEPS = ("plan", "build", "check", "open")


def make(root: Path, images: int) -> None:
    """Writes the raw set where it is not there yet."""
    if (root / "train.csv").exists():
        return
    rng = np.random.default_rng(0)
    (root / "pool").mkdir(parents=True)
    for number in range(POOL):
        coarse = Image.fromarray(rng.integers(0, 256, (12, 10), dtype=np.uint8))
        coarse.resize((320, 390), Image.Resampling.BICUBIC).save(root / "pool" / f"{number}.jpg", quality=90)
    patterns = [[("", "", "1.0", "0.0", "-1.0")[n] for n in rng.integers(0, 5, len(FINDINGS))] for _ in range(10_000)]
    with (root / "partial.csv").open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["Path", "Sex", "Age", "Frontal/Lateral", "AP/PA", *FINDINGS])
        for number in range(images):
            folder = f"train/patient{number * 3 // 10:06d}/study{number * 3 // 5 % 2 + 1}"
            path = f"{folder}/view{number}_frontal.jpg"
            (root / folder).mkdir(parents=True, exist_ok=True)
            os.link(root / "pool" / f"{number % POOL}.jpg", root / path)
            states = patterns[number % len(patterns)]
            writer.writerow(
                [
                    f"CheXpert-v1.0-small/{path}",
                    ("Male", "Female")[number % 2],
                    20 + number % 70,
                    "Frontal",
                    "AP",
                    *states,
                ]
            )
    (root / "partial.csv").rename(root / "train.csv")


def measure(step: str, root: Path, data_dir: Path, size: int) -> dict[str, float]:
    """Seconds, CPU seconds and megabytes of one step, in this process."""
    from data_prep import build, sources
    from dirvae.config import DataConfig
    from dirvae.training import data

    config = DataConfig(dataset="chexpert", image_size=size)
    began = time.monotonic()
    if step == "plan":
        sources.open_source(config, root).counts()
    elif step in ("build", "check"):
        build.prepare(config, root, data_dir, CONSOLE.progress)
    else:
        split = data.Split(next(data_dir.glob("chexpert_*/*/manifest.json")).parent, "train")
        first = split.images(np.random.default_rng(0).integers(0, len(split), 32))
        assert first.shape == (32, size, size, 1)
    seconds = time.monotonic() - began
    usage = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return {
        "seconds": seconds,
        "CPU seconds": sum(one.ru_utime + one.ru_stime for one in usage),
        "MB": usage[0].ru_maxrss / 1e3,
    }


def parser() -> Parser:
    flags = Parser("experiments.benchmarks.large_set", __doc__ or "")
    flags.add_argument("--images", type=whole(100), default=224_000, help="rows of the table")
    flags.add_argument("--size", type=whole(8), default=64, help="pixels of a side of the built images")
    flags.add_argument("--step", default="", help=argparse.SUPPRESS)
    flags.shared("--out", default=Path("data") / "large_set", help="folder of the raw and of the built set")
    return flags


def run(flags: argparse.Namespace) -> None:
    root, data_dir = flags.out / "raw" / "CheXpert-v1.0-small", flags.out / "data"
    if flags.step:
        print("\n" + json.dumps(measure(flags.step, root, data_dir, flags.size)))
        return
    make(root, flags.images)
    print("| step | seconds | CPU ms an image | MB |\n|---|---|---|---|")
    for step in STEPS:
        command = [sys.executable, "-m", "experiments.benchmarks.large_set", f"--step={step}", f"--size={flags.size}"]
        done = subprocess.run([*command, f"--out={flags.out}"], check=True, capture_output=True, text=True)
        found = json.loads(done.stdout.splitlines()[-1])
        each = 1e3 * found["CPU seconds"] / flags.images
        print(
            f"| {step} | {found['seconds']:.1f} | {each:.2f} | {found['MB']:.0f} |",
            flush=True,
        )


def main(arguments: list[str] | None = None) -> None:
    command_line.main(parser(), run, arguments)


if __name__ == "__main__":
    main()
