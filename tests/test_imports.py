"""Imports point one way: down the list that the design draws."""

import ast
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
LAYERS = (
    {"types", "config", "labels"},
    {"latents", "geometry"},
    {"layers", "encoder", "decoder", "classifier"},
    {"model"},
    {
        "losses",
        "metrics",
        "traversals",
        "interventions",
        "maps",
        "attributions",
        "gating",
        "randomisation",
        "augment",
        "audit",
    },
    {"data", "parallel", "optimizer", "checkpoints", "writers", "workdir"},
    {
        "train",
        "evaluate",
        "bounding",
        "baseline",
        "cost",
        "runs",
        "cases",
        "exploring",
        "contest",
        "explanation",
        "material",
        "endpoints",
    },
    {"report"},
)
RANK = {name: rank for rank, layer in enumerate(LAYERS) for name in layer}
WORLDLY = {"tensorflow_datasets", "grain", "orbax", "clu", "matplotlib", "absl", "tensorboardX", "PIL"}
PURE_UP_TO = 4


def imports(path):
    """Every absolute module a file imports, whether at the top or within a function."""
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: relative import"
            yield node.module
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def modules(package):
    return sorted((ROOT / package).rglob("*.py"))


def part(path):
    relative = path.relative_to(ROOT / "dirvae")
    return relative.parts[0].removesuffix(".py")


@pytest.mark.parametrize("path", modules("dirvae"), ids=lambda p: str(p.relative_to(ROOT)))
def test_the_library_imports_only_downwards(path):
    own = part(path)
    if own == "__init__":
        return
    assert own in RANK, f"{own} has no place in the layers"
    for name in imports(path):
        top, _, rest = name.partition(".")
        assert top not in {"experiments", "data_prep", "tensorflow"}, f"{path} imports {name}"
        if top == "dirvae" and rest.split(".")[0] in RANK:
            other = rest.split(".")[0]
            assert RANK[other] <= RANK[own], f"{own} imports {other}"
        if RANK[own] <= PURE_UP_TO:
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
        ("import data_prep.build, data_prep.phantom", ("jax", "tensorflow")),
        ("import dirvae.train, dirvae.report.page, experiments.phases", ("tensorflow",)),
    ],
)
def test_what_an_import_must_not_bring(statement, absent):
    code = f"import sys; {statement}; print([m for m in {absent!r} if m in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    assert done.stdout.strip().splitlines()[-1] == "[]"
