"""What `import dirvae` gives: few names, at once, each with help that can be read alone and examples that run."""

import configparser
import doctest
import importlib
import inspect
import re
import subprocess
import sys
from pathlib import Path

import pytest
from support import untrained

import dirvae

ROOT = Path(__file__).parents[1]
NAMES = ("Config", "Dirichlet", "Explainer", "load", "traverse")
PACKAGES = ("dirvae", "data_prep", "experiments")
WITH_EXAMPLES = [
    ".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__")
    for package in PACKAGES
    for path in sorted((ROOT / package).rglob("*.py"))
    if ">>> " in path.read_text()
]
SETTINGS = configparser.ConfigParser()
SETTINGS.read(ROOT / "setup.cfg")


def test_the_public_names_are_these():
    assert set(dirvae.__all__) == {*NAMES, "__version__"}
    assert set(dirvae.__all__) <= set(dir(dirvae))
    for name in NAMES:
        assert getattr(dirvae, name) is getattr(dirvae, name)
    with pytest.raises(AttributeError, match="no attribute 'Dirichlets'"):
        dirvae.Dirichlets  # noqa: B018


def test_the_import_brings_nothing_that_takes_time():
    code = (
        "import sys, dirvae;"
        "print([name for name in ('jax', 'numpy', 'flax') if name in sys.modules], dirvae.__version__, dir(dirvae))"
    )
    output = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True).stdout
    assert output.startswith(f"[] {dirvae.__version__} ")
    assert all(repr(name) in output for name in NAMES)


def test_the_version_stands_in_one_place():
    assert SETTINGS["metadata"]["version"] == "attr: dirvae.__version__"
    assert f"\nversion: {dirvae.__version__}\n" in (ROOT / "CITATION.cff").read_text()


def test_the_package_says_that_it_is_typed():
    assert SETTINGS["options.package_data"]["dirvae"] == "py.typed"
    assert (ROOT / "dirvae" / "py.typed").exists()


@pytest.mark.parametrize("name", NAMES)
def test_help_is_sentences_with_shapes_errors_and_an_example(name):
    text = inspect.getdoc(getattr(dirvae, name))
    summary, prose = text.split("\n")[0], text.split("Example:")[0]
    assert re.match(r"[A-Z]\w* .*[.,\w]$", summary)
    assert summary.split()[0] not in {"Of", "Those", "As", "By", "From", "The same"}
    assert "raise" in prose.lower()
    assert ">>> " in text
    if name != "Config":
        assert "[" in prose or "directory" in prose  # shapes of arrays, or what the folder is


@pytest.fixture(scope="module")
def folder_with_a_run(tmp_path_factory):
    folder = tmp_path_factory.mktemp("examples")
    untrained.make(folder / "runs" / "smoke", ("Cardiomegaly", "Edema", "Pleural Effusion"))
    return folder


@pytest.mark.parametrize("name", WITH_EXAMPLES)
def test_examples_in_docstrings_run(name, folder_with_a_run, monkeypatch):
    """Examples find a finished run in `runs/smoke`, as the smoke preset leaves one."""
    monkeypatch.chdir(folder_with_a_run)
    results = doctest.testmod(importlib.import_module(name), optionflags=doctest.ELLIPSIS)
    assert results.attempted > 0
    assert results.failed == 0


def test_every_public_name_has_an_example_that_is_run():
    homes = {inspect.getmodule(getattr(dirvae, name)).__name__ for name in NAMES}
    assert homes <= set(WITH_EXAMPLES)
