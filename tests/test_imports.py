"""Imports point one way: down the list that the design draws."""

import ast
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
LAYERS = (
    {"types", "labels", "latents.families"},
    {"config"},
    {"latents"},
    {"networks"},
    {"model", "losses", "metrics"},
    {
        "explain.traversals",
        "explain.attributions",
        "explain.maps",
        "explain.gated",
        "explain.sanity",
        "explain.contract",
        "explain.paths",
        "explain.methods",
    },
    {"training"},
    {"explain"},
    {"studies"},
    {"report"},
)
"""Rooms of `dirvae` from the ground up: a room imports from its own layer and from those above it in this list."""
RANK = {name: rank for rank, layer in enumerate(LAYERS) for name in layer}
WORLDLY = {"tensorflow_datasets", "grain", "orbax", "clu", "matplotlib", "absl", "tensorboardX", "PIL"}
PURE_UP_TO = 5  # the purity line: what stands above it takes arrays and gives arrays


def imports(path):
    """Every absolute module a file imports, whether at the top or within a function."""
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: relative import"
            for alias in node.names:
                within = ROOT.joinpath(*node.module.split("."), alias.name)
                is_module = within.is_dir() or within.with_suffix(".py").exists()
                yield f"{node.module}.{alias.name}" if is_module else node.module


def modules(package):
    return sorted((ROOT / package).rglob("*.py"))


def rank(dotted):
    """The layer of a module, by its room or, where the list names it, by the module itself; None for another package."""
    parts = dotted.split(".")[1:]
    return next((RANK[name] for n in (2, 1) if (name := ".".join(parts[:n])) in RANK), None)


def dotted(path):
    return ".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__")


@pytest.mark.parametrize("path", modules("dirvae"), ids=lambda p: str(p.relative_to(ROOT)))
def test_the_library_imports_only_downwards(path):
    own = dotted(path)
    if own in ("dirvae", "dirvae.__main__"):
        return
    assert rank(own) is not None, f"{own} has no place in the layers"
    for name in imports(path):
        top = name.partition(".")[0]
        assert top not in {"experiments", "data_prep", "tensorflow"}, f"{path} imports {name}"
        if top == "dirvae" and rank(name) is not None:
            assert rank(name) <= rank(own), f"{own} imports {name}"
        if rank(own) <= PURE_UP_TO:
            assert top not in WORLDLY, f"{own} is pure and imports {name}"


@pytest.mark.parametrize("path", modules("data_prep"), ids=lambda p: str(p.relative_to(ROOT)))
def test_data_prep_shares_only_the_schema_and_the_config(path):
    for name in imports(path):
        assert name.split(".")[0] not in {"experiments", "jax", "flax", "tensorflow"}, f"{path} imports {name}"
        if name.startswith("dirvae."):
            assert name.split(".")[1] in {"labels", "config"}, f"{path} imports {name}"


def test_no_module_is_a_drawer_for_everything():
    names = {path.stem for package in ("dirvae", "data_prep", "experiments") for path in modules(package)}
    assert not names & {"utils", "util", "helpers", "common", "misc"}


@pytest.mark.parametrize(
    ("statement", "absent"),
    [
        ("import experiments.run; experiments.run.parser().format_help()", ("jax", "tensorflow", "numpy")),
        ("import dirvae", ("jax", "numpy", "tensorflow")),
        ("import data_prep.build, data_prep.phantom", ("jax", "tensorflow")),
        ("import dirvae.training.train, dirvae.report.run_page, experiments.pipeline", ("tensorflow",)),
    ],
)
def test_what_an_import_must_not_bring(statement, absent):
    code = f"import sys; {statement}; print([m for m in {absent!r} if m in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    assert done.stdout.strip().splitlines()[-1] == "[]"
