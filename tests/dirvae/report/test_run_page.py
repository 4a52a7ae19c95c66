"""A run's report: a whole page in every situation, with the numbers of metrics.json."""

import json
import re

import pytest
from support import workdirs as synthetic
from support.html_pages import numbers, read, table_with

from dirvae.labels import FINDINGS
from dirvae.metrics.titles import scope
from dirvae.report import run_page
from dirvae.training.workdir import WorkdirError

SECTIONS = ["Data", "Model", "Training", "Reconstruction and all splits", "Reconstructions and samples", "Latent usage"]
SECTIONS += ["Traversals", "Explanations on pages of their own", "How this was made"]


SITUATIONS = {
    "phantom, Dirichlet": ({"labels": ("Edema", "Pleural Effusion")}, True),
    "one finding, no test split, no intervals, real, Gaussian, not explained": (
        {"labels": ("Edema",), "splits": ("validation",), "replicates": 0, "prior": "gaussian", "dataset": "chexpert", "folds": 5},
        None,
    ),
    "fourteen findings, one without positives, a field of logistic normals": (
        {"labels": FINDINGS, "prior": "logistic_normal", "structure": "spatial", "grid": 4, "groups": 2, "head": "pooled"},
        False,
    ),
    "a product of pairs, no baseline, no curves": (
        {"labels": ("Edema", "Fracture", "Pneumonia"), "structure": "product", "groups": 3, "latents": 2, "baseline": 0, "curves": 0},
        False,
    ),
}  # fmt: skip


FAST = "phantom, Dirichlet"


@pytest.fixture(
    scope="module",
    params=[pytest.param(name, marks=() if name == FAST else pytest.mark.slow) for name in SITUATIONS],
)
def written(request, tmp_path_factory):
    folder = tmp_path_factory.mktemp("run") / "workdir"
    settings, exact = SITUATIONS[request.param]
    synthetic.make(folder, **settings)
    if exact is not None:
        synthetic.explain(folder, settings["labels"][:3] if len(settings["labels"]) < 14 else FINDINGS[:2], exact)
    return folder, settings, exact, read(run_page.write(folder))


def test_every_section_is_there_and_listed(written):
    _, settings, _, parsed = written
    split = settings.get("splits", ("test",))[-1] if "splits" in settings else "test"
    assert parsed.headings == [*SECTIONS[:3], f"Classification ({split})", *SECTIONS[3:]]
    assert len(parsed.links) >= len(parsed.headings)


def test_tables_show_the_numbers_of_metrics_json(written):
    folder, settings, _, parsed = written
    metrics = json.loads((folder / "metrics.json").read_text())
    split = "test" if "test" in metrics else "validation"
    rows = table_with(parsed, "positives")
    shown = f"macro, {scope(metrics[split]['auroc'])}"
    assert set(rows) - {""} == {shown, *settings["labels"]}
    rows["macro"] = [re.sub(r"\(\d+ of \d+\)", "", cell) for cell in rows[shown]]
    for name in ("macro", *settings["labels"]):
        for column, metric in enumerate(("auroc", "auprc", "brier", "ece"), start=1):
            value = metrics[split][metric][name]
            bounds = metrics[split].get(f"{metric}_interval", {}).get(name) or []
            expected = [] if value is None else [value, *(b for b in bounds if b is not None)]
            assert numbers(rows[name][column]) == pytest.approx(expected, abs=5.01e-4)
    basis = metrics[split].get("intervals")
    assert ("no interval of AUPRC" in parsed.text) == bool(basis and basis["missing"]["auprc"])
    assert ("findings in the macro" in parsed.text) == bool(basis)
    every = next(row for found in parsed.tables for row in found if row[0] == "ELBO, nats")
    assert numbers(every[-1])[0] == pytest.approx(metrics[split]["elbo"], abs=0.0501)


def test_the_page_says_what_was_trained_on_what(written):
    _, settings, exact, parsed = written
    real = settings.get("dataset") == "chexpert"
    assert ("hospital <A>" in parsed.text) == real
    assert ("fold 1 of 5" in parsed.text) == ("folds" in settings)
    assert "left out of losses and scores" in parsed.text
    assert ("has not been explained" in parsed.text) == (exact is None)
    assert ("No true positive in this split" in parsed.text) == (exact is not None)
    assert ("linear baseline, macro AUROC of the same" in parsed.text) == settings.get("baseline", True)
    compared = settings.get("baseline", True) and settings.get("replicates") != 0
    assert ("AUROC − linear baseline" in parsed.text) == bool(compared)
    if settings["labels"] == FINDINGS:
        assert re.search(rf"findings without an AUROC\s*{FINDINGS[-1]}", parsed.text)


def test_a_run_of_an_earlier_version_has_a_report_without_the_figure_of_its_latent(tmp_path):
    synthetic.make(tmp_path / "run", labels=("Edema", "Fracture"))
    (tmp_path / "run" / "latent.npz").unlink()
    parsed = read(run_page.write(tmp_path / "run"))
    assert "Latent usage" in parsed.headings
    assert "an earlier version evaluated this run" in parsed.text
    assert not (tmp_path / "run" / "figures" / "latent.png").exists()


def test_departures_are_from_the_preset_that_the_run_names(tmp_path):
    synthetic.make(tmp_path / "run", labels=("Edema", "Fracture"))
    assert '"model.structure": "global"' in read(run_page.write(tmp_path / "run")).text
    facts = json.loads((tmp_path / "run" / "data.json").read_text())
    facts["preset"] = {"name": "smoke", "departures": {"train.steps": 3}}
    (tmp_path / "run" / "data.json").write_text(json.dumps(facts))
    text = read(run_page.write(tmp_path / "run")).text
    assert '{"train.steps": 3}' in text
    assert re.search(r"preset\s*smoke", text)


def test_the_use_of_the_latent_is_that_of_metrics_json(written):
    folder, settings, _, parsed = written
    found = json.loads((folder / "metrics.json").read_text())["latent"]
    rows = table_with(parsed, "posterior means")
    pairs = settings.get("latents") == 2
    unit = "pairs" if pairs else "coordinates"
    assert rows[f"active {unit} (variance above 0.01)"][0] == f"{found['active']} of {found['coordinates']}"
    assert len(found["activity"]) == found["coordinates"]
    if pairs:
        assert found["coordinates"] == settings["groups"]
        shown = [numbers(row[0])[0] for name, row in rows.items() if name.startswith("pairs ")]
        assert shown == pytest.approx([100 * found["switching"][state] for state in ("off", "between", "on")], abs=0.51)


def test_pictures_are_embedded_and_kept(written):
    folder, _, exact, parsed = written
    kept = {path.name for path in (folder / "figures").iterdir()}
    assert {"curves.png", "auroc.png", "roc.png", "reliability.png", "latent.png"} <= kept
    assert len(parsed.fetched) == len(kept)
    assert any(name.endswith(".gif") for name in kept) == (exact is not None)


def test_pages_of_other_commands_are_linked_once_they_are_there(tmp_path):
    synthetic.make(tmp_path / "run", labels=("Edema", "Fracture"))
    assert "experiments.compare_explanations" in read(run_page.write(tmp_path / "run")).text
    (tmp_path / "run" / "comparison_of_explanations").mkdir()
    (tmp_path / "run" / "comparison_of_explanations" / "test.html").write_text("")
    parsed = read(run_page.write(tmp_path / "run"))
    assert "comparison_of_explanations/test.html" in parsed.links
    assert "experiments.compare_explanations" not in parsed.text


def test_an_unfinished_or_missing_run_has_no_report(tmp_path):
    with pytest.raises(WorkdirError, match="holds no run"):
        run_page.write(tmp_path / "nowhere")
    synthetic.make(tmp_path / "run", ("Edema",))
    (tmp_path / "run" / "metrics.json").unlink()
    with pytest.raises(WorkdirError, match=r"metrics.json is missing"):
        run_page.write(tmp_path / "run")
