"""The project's pages: short sentences, links that lead somewhere, commands that exist, abbreviations that are explained."""

import importlib.util
import re
import subprocess
import sys
from functools import cache
from pathlib import Path

import pytest
from support import prose

from dirvae.config import Config
from dirvae.config import fields as schema

ROOT = Path(__file__).parents[1]
README = ROOT / "README.md"
RESULTS = ROOT / "experiments" / "results"
GLOSSARY = RESULTS / "glossary.md"
PAGES = sorted(
    page
    for page in ROOT.rglob("*.md")
    if not any(part.startswith(".") or part in ("runs", "data", "shared") for part in page.relative_to(ROOT).parts)
)
MOST_BYTES, MOST_WORDS = 10_000, 30
PLAIN_WORDS = {"CPU", "GPU", "TPU", "CSV", "HTML", "JSON", "PNG", "JPEG", "TIFF", "DICOM", "GIF", "README", "JAX"}
"""Capitals that need no glossary: hardware and file formats."""
FOREIGN = {"pip", "pytest", "venv", "pdoc"}
"""Modules of others, whose flags are not ours to check."""


def name_of(page: Path) -> str:
    return str(page.relative_to(ROOT))


@cache
def help_of(module: str) -> str:
    """What `python -m MODULE --help` prints."""
    done = subprocess.run(
        [sys.executable, "-m", module, "--help"], capture_output=True, text=True, cwd=ROOT, check=False
    )
    assert done.returncode == 0, f"python -m {module} --help failed: {done.stderr}"
    return done.stdout


def test_the_front_page_is_short():
    assert len(README.read_bytes()) <= MOST_BYTES


@pytest.mark.parametrize("page", PAGES, ids=name_of)
def test_sentences_are_short(page):
    long = [sentence for sentence in prose.sentences(page.read_text()) if prose.words(sentence) > MOST_WORDS]
    assert not long, "\n".join(long)


@pytest.mark.parametrize("page", PAGES, ids=name_of)
def test_no_chains_of_semicolons(page):
    chains = [sentence for sentence in prose.sentences(page.read_text()) if sentence.count(";") > 1]
    assert not chains, "\n".join(chains)


@pytest.mark.parametrize("page", PAGES, ids=name_of)
def test_links_lead_somewhere(page):
    assert not prose.broken_links(page)


@pytest.mark.parametrize("page", PAGES, ids=name_of)
def test_commands_exist(page):
    fields = set(schema.paths(Config()))
    known = fields | {path.rpartition(".")[2] for path in fields}
    for command in prose.commands(page.read_text()):
        if command.module in FOREIGN:
            continue
        spec = importlib.util.find_spec(command.module)
        assert spec is not None, f"python -m {command.module}: no such module"
        if spec.submodule_search_locations is not None:
            assert importlib.util.find_spec(f"{command.module}.__main__"), f"python -m {command.module} cannot run"
        for flag in command.flags:
            if flag.startswith("--config."):
                assert flag.removeprefix("--config.") in known, f"{command.module}: no field {flag}"
            elif flag.removeprefix("--") not in known or "Any field of" not in help_of(command.module):
                assert re.search(rf"(?<![\w-]){flag}(?![\w-])", help_of(command.module)), f"{command.module}: no {flag}"


def test_every_command_of_experiments_is_on_the_front_page():
    told = {command.module for command in prose.commands(README.read_text())}
    sources = sorted((ROOT / "experiments").glob("*.py"))
    entries = {f"experiments.{path.stem}" for path in sources if '__name__ == "__main__"' in path.read_text()}
    assert not entries - told - {"experiments.__main__", "experiments.contest"}  # the last is an old name's alias


@pytest.mark.parametrize("page", sorted(set(RESULTS.glob("*.md")) - {GLOSSARY}), ids=name_of)
def test_abbreviations_are_explained(page):
    terms = set(prose.CAPITALS.findall(" ".join(re.findall(r"\*\*(.+?)\*\*", GLOSSARY.read_text()))))
    assert not prose.unlinked_abbreviations(page.read_text(), terms, PLAIN_WORDS)


def test_a_page_s_faults_are_seen(tmp_path):
    page = tmp_path / "page.md"
    page.write_text(
        f"# Title\n\nOne {'word ' * 31}. Short, by Someone et al. 2023. See [it](absent.md) and [here](#title).\n\n"
        "| a cell | XYZ |\n|---|---|\n\n`python -m experiments.run --prior=dirichlet` with AUROC.\n"
    )
    text = page.read_text()
    assert [prose.words(sentence) > MOST_WORDS for sentence in prose.sentences(text)].count(True) == 1
    assert "Short, by Someone et al. 2023." in prose.sentences(text)
    assert prose.broken_links(page) == ["absent.md"]
    assert prose.commands(text) == [prose.Command("experiments.run", ("--prior",))]
    assert prose.unlinked_abbreviations(text, {"AUROC"}, set()) == [
        "XYZ is not in the glossary",
        "AUROC is not linked at its first use",
    ]
