"""Names of the project's own modules, functions and files in docstrings, comments and pages lead somewhere."""

import importlib
import re
import subprocess
import sys
from functools import cache
from pathlib import Path

import pytest

from dirvae.config import Config, paths

ROOT = Path(__file__).parents[1]
PACKAGES = ("dirvae", "data_prep", "experiments")
TEXTS = sorted(
    path
    for pattern in (*(f"{package}/**/*.py" for package in PACKAGES), "*.md", "experiments/**/*.md", "tests/**/*.py")
    for path in ROOT.glob(pattern)
    if path != Path(__file__)  # which names broken ones
)
DOTTED = re.compile(rf"`((?:{'|'.join(PACKAGES)})(?:\.\w+)+)(?:\([^`]*\))?`")
SHORT = re.compile(r"`(\w+)\.(\w+)(?:\([^`]*\))?`")  # a module by its own name, and what it holds
FILE = re.compile(rf"(?<![\w/.])((?:{'|'.join(PACKAGES)}|tests)/[\w/]*\w\.(?:py|md|png|ipynb|yaml|sh))\b")
FOLDER = re.compile(rf"`((?:{'|'.join(PACKAGES)}|tests)/[\w/]*)`")


MODULES = [
    ".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__")
    for package in PACKAGES
    for path in (ROOT / package).rglob("*.py")
]
BY_OWN_NAME = {}
for _name in MODULES:
    BY_OWN_NAME.setdefault(_name.rpartition(".")[2], []).append(_name)
SUFFIXES = {"css", "gif", "html", "js", "json", "jsonl", "md", "npz", "png", "py"}


def short_name_leads_somewhere(module, attribute):
    """`losses.terms`: something of a module with this name, of a class in it, a field of the config, or a file's name."""
    if module not in BY_OWN_NAME or attribute in SUFFIXES or f"{module}.{attribute}" in paths(Config()):
        return True
    homes = [importlib.import_module(name) for name in BY_OWN_NAME[module]]
    classes = [value for home in homes for value in vars(home).values() if isinstance(value, type)]
    return any(leads_somewhere(f"{home.__name__}.{attribute}") for home in homes) or any(
        hasattr(value, attribute) for value in classes
    )


@cache
def leads_somewhere(name):
    """Whether a dotted name is a module, or an attribute of a module or class."""
    module, *attributes = longest_module(name.split("."))
    here = importlib.import_module(module)
    for attribute in attributes:
        if hasattr(here, attribute):
            here = getattr(here, attribute)
        elif attribute in getattr(here, "__annotations__", {}):
            return attribute == attributes[-1]
        else:
            return False
    return True


def longest_module(parts):
    """The dotted name of the deepest module, then the names within it."""
    count = 1
    while count < len(parts) and is_module(ROOT.joinpath(*parts[: count + 1])):
        count += 1
    return [".".join(parts[:count]), *parts[count:]]


def is_module(path):
    return path.with_suffix(".py").exists() or (path / "__init__.py").exists()


def broken(text):
    """References of a text that lead nowhere."""
    names = [name for name in DOTTED.findall(text) if not leads_somewhere(name)]
    names += [
        ".".join(pair)
        for pair in SHORT.findall(text)
        if pair[0] not in PACKAGES and not short_name_leads_somewhere(*pair)
    ]
    return names + [path for path in FILE.findall(text) + FOLDER.findall(text) if not (ROOT / path).exists()]


@pytest.mark.parametrize("path", TEXTS, ids=lambda path: str(path.relative_to(ROOT)))
def test_references_lead_somewhere(path):
    text = path.read_text()
    if path.is_relative_to(ROOT / "tests"):
        text = FILE.sub("", text)  # tests write files of their own into folders of their own
    assert broken(text) == []


def test_a_broken_reference_is_noticed():
    text = (
        "`dirvae.losses.elbow`, `dirvae.types.Batch.image`, `dirvae.nowhere`, `dirvae.losses.weighted`, "
        "`losses.elbow`, `losses.weighted`, `Model.init`, `model.init`, `train.batch_size`, `metrics.json`, "
        "dirvae/gone.py and tests/test_references.py in `tests/gone/`"
    )
    assert broken(text) == ["dirvae.losses.elbow", "dirvae.nowhere", "losses.elbow", "dirvae/gone.py", "tests/gone/"]


WITHOUT_PEERS = [name for name in MODULES if not name.rpartition(".")[2].startswith(("torch_", "__main__"))]


@pytest.mark.parametrize("name", WITHOUT_PEERS)
def test_every_module_can_be_imported(name):
    assert importlib.import_module(name).__doc__


@pytest.mark.slow
def test_the_pages_are_written_without_a_warning(tmp_path):
    pytest.importorskip("pdoc")
    command = [sys.executable, ROOT / ".ci" / "api_pages.py", tmp_path]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    modules = [
        path
        for package in ("dirvae", "data_prep")
        for path in (ROOT / package).rglob("*.py")
        if path.name != "__main__.py"
    ]
    assert len(list(tmp_path.rglob("*.html"))) == len(modules) + 1  # and an index
    front = (tmp_path / "dirvae.html").read_text()
    assert "<table>" in front
    for name in ("load", "traverse", "Explainer", "Dirichlet", "Config"):
        assert f'id="{name}"' in front


PLANNED = sorted(
    path.parent
    for package in PACKAGES
    for path in (ROOT / package).rglob("__init__.py")
    if "| module | what it holds |" in path.read_text()
)
"""Packages whose docstring is a table of their modules."""


@pytest.mark.parametrize(
    "folder", [path for path in PLANNED if path != ROOT / "experiments"], ids=lambda path: path.name
)
def test_a_package_s_table_names_each_of_its_modules(folder):
    text = (folder / "__init__.py").read_text().partition("| module | what it holds |")[2]
    named = {name.strip() for row in re.findall(r"^\| ([\w, ]+) \|", text, re.MULTILINE) for name in row.split(",")}
    inside = {path.stem for path in folder.glob("*.py")} | {path.parent.name for path in folder.glob("*/__init__.py")}
    assert inside - {"__init__", "__main__"} == named


def test_most_packages_have_such_a_table():
    assert {"explain", "studies", "priors", "training", "report", "latents", "metrics"} <= {p.name for p in PLANNED}
