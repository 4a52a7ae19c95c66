"""A latent family, an explanation method and a data source are each added by one file and one registry entry.

In a copy of the code a toy of each kind is added, and the commands run with them to the report, as anyone would add their own.
"""

import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from support import compiler

ROOT = Path(__file__).parents[1]
SOURCE = '''"""Bright bars on noise: a source that needs no files."""

from dataclasses import dataclass
from functools import partial

import numpy as np

from data_prep.schema import Example
from data_prep.source import Chunk, DataSource, Drawn
from dirvae.labels import FINDINGS

PLACES = {"Cardiomegaly": slice(20, 28), "Edema": slice(4, 12)}
COUNTS = {"train": 128, "validation": 48, "test": 48}


@dataclass(frozen=True)
class Bars(Drawn):
    """Every image has each bar with probability 1/2."""

    image_size: int

    version = "1.0.0"
    name = "bars"
    factors = 0
    chunk_size = 64
    findings = FINDINGS
    options = {}

    def counts(self):
        return COUNTS

    def facts(self):
        return {}

    def shards(self, split):
        return -(-COUNTS[split] // self.chunk_size)

    def task(self, split, number):
        return partial(self.chunk, split, number)

    def chunk(self, split, number):
        count = min(self.chunk_size, COUNTS[split] - number * self.chunk_size)
        rng = np.random.default_rng([sorted(COUNTS).index(split), number])
        return Chunk([self._example(rng, f"{split}-{number}-{i}") for i in range(count)])

    def _example(self, rng, name):
        image = rng.integers(0, 60, (self.image_size, self.image_size, 1), dtype=np.uint8)
        labels = np.zeros(len(FINDINGS), np.int8)
        for finding, rows in PLACES.items():
            labels[FINDINGS.index(finding)] = rng.integers(0, 2)
            image[rows] += np.uint8(120) * np.uint8(labels[FINDINGS.index(finding)])
        nothing = np.zeros((0, 5), np.float32), np.zeros(0, np.float32)
        return Example(image, labels, name, "study1", "PA", "Unknown", -1, f"{name}.png", *nothing, 0)


SOURCE = DataSource(
    open=lambda data, raw_dir: Bars(data.image_size),
    title=lambda data, manifest: "bright bars",
    origin=lambda data, manifest: "Bright bars on noise.",
)
'''
METHOD = '''"""Where the image is bright."""

import jax

from dirvae.explain.contract import Map, Method


def build(setting):
    @jax.jit
    def brightness(params, query):
        return {"brightness": query.images.mean(axis=-1)}

    return brightness


BRIGHTNESS = Method("brightness", (Map("brightness", "Toy brightness", False, "rival", "red where it is bright"),), build)
'''


def insert(path, before, line):
    """One more line in a file, after the one that begins so."""
    text = path.read_text()
    assert text.count(before) == 1, before
    path.write_text(text.replace(before, f"{before}{line}"))


def add_toys(root):
    shutil.copy(root / "dirvae/latents/gaussian.py", root / "dirvae/latents/toy.py")
    families = root / "dirvae/latents/families.py"
    insert(families, "    for family in (\n", '        Family("toy", "Toy VAE", "a toy prior", "toy means"),\n')
    (root / "data_prep/bars.py").write_text(SOURCE)
    insert(root / "data_prep/sources.py", "SOURCES = {\n", '    "bars": "data_prep.bars",\n')
    (root / "dirvae/explain/brightness.py").write_text(METHOD)
    methods = root / "dirvae/explain/methods.py"
    insert(methods, "    for method in (\n", "        brightness.BRIGHTNESS,\n")
    insert(methods, "import jax\n", "\nfrom dirvae.explain import brightness\n")


def call(root, *arguments):
    environment = compiler.environment(devices=1, PYTHONPATH=str(root))
    command = [sys.executable, "-m", *map(str, arguments)]
    done = subprocess.run(command, cwd=root, env=environment, capture_output=True, text=True, timeout=500)
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.fixture(scope="module")
def extended(tmp_path_factory):
    """A copy of the code with the toys, and a run of them in its folder `run`."""
    root = tmp_path_factory.mktemp("extended")
    for package in ("dirvae", "data_prep", "experiments"):
        shutil.copytree(ROOT / package, root / package, ignore=shutil.ignore_patterns("__pycache__"))
    add_toys(root)
    fields = ["--config.labels=Cardiomegaly,Edema", "--config.replicates=0", "--config.build_workers=1"]
    call(root, "experiments.run", "--preset=smoke", "--prior=toy", "--dataset=bars", "--workdir=run", *fields)
    return root


@pytest.mark.slow
def test_the_report_tells_the_toy_family_and_source(extended):
    page = (extended / "run" / "report.html").read_text()
    assert "Toy VAE on bright bars" in page
    assert "a toy prior" in page
    assert "Bright bars on noise." in page
    assert "toy means" in page


@pytest.mark.slow
def test_one_image_is_explained_with_the_toys(extended):
    from PIL import Image

    Image.new("L", (32, 32), 90).save(extended / "case.png")
    call(extended, "experiments.explain", "--workdir=run", "--image=case.png", "--maps=brightness")
    assert {"map.png", "maps.png"} <= {path.name for path in (extended / "run" / "explanations" / "case").iterdir()}


@pytest.mark.slow
def test_the_explorer_shows_the_toy_method(extended):
    call(extended, "experiments.explorer", "--workdir=run", "--images=3", "--findings=1")
    page = (extended / "run" / "explorer.html").read_text()
    assert "Toy VAE" in page
    assert "Toy brightness" in page


@pytest.mark.slow
def test_the_commands_offer_the_toys(extended):
    offered = call(extended, "experiments.run", "--help")
    assert "toy" in offered
    assert "bars" in offered
