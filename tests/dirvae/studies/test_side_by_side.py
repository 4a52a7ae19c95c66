"""Runs side by side: paired differences, the page that shows them, and what cannot be compared."""

import numpy as np
import pytest
from sklearn.metrics import average_precision_score, roc_auc_score
from support import workdirs as synthetic
from support.html_pages import numbers, read

from dirvae.report import comparison_page
from dirvae.studies import side_by_side
from dirvae.training import evaluate
from dirvae.training.workdir import read_json, write_json
from experiments import report as command


@pytest.fixture(scope="module")
def pair(tmp_path_factory):
    folder = tmp_path_factory.mktemp("pair")
    for seed, prior in enumerate(("dirichlet", "gaussian")):
        synthetic.make(folder / prior, ("Edema", "Pleural Effusion", "Fracture"), seed=seed, prior=prior)
    return folder


def test_differences_equal_a_direct_computation(pair):
    made = side_by_side.compare([pair / "dirichlet", pair / "gaussian"], replicates=50)
    assert [one.split for one in made.splits] == ["test", "validation"]
    found = made.splits[0].differences["gaussian"]
    a, b = (evaluate.load(pair / prior, "test").predictions for prior in ("dirichlet", "gaussian"))
    for metric, score in (("auroc", roc_auc_score), ("auprc", average_precision_score)):
        gaps = []
        for column, label in enumerate(("Edema", "Pleural Effusion")):
            kept = a.weight[:, column] > 0
            y, one, other = a.target[kept, column], a.probability[kept, column], b.probability[kept, column]
            gaps.append(score(y, one) - score(y, other))
            assert found[metric][label]["difference"] == pytest.approx(gaps[-1], abs=1e-6)
        assert found[metric]["macro"]["difference"] == pytest.approx(np.mean(gaps), abs=1e-6)
        assert np.isnan(found[metric]["Fracture"]["difference"])
    brier = [np.mean((p.probability - p.target)[p.weight[:, 0] > 0, 0] ** 2) for p in (a, b)]
    assert found["brier"]["Edema"]["difference"] == pytest.approx(brier[0] - brier[1], abs=1e-6)
    for metric in ("l1", "psnr", "ssim", "kl", "elbo"):
        gap = np.mean(getattr(a, metric) - getattr(b, metric))
        assert found[metric]["difference"] == pytest.approx(gap, abs=1e-5)
        assert found[metric]["interval"][0] <= gap <= found[metric]["interval"][1]


def test_the_comparison_page_shows_the_numbers_of_its_json(pair, tmp_path):
    made = side_by_side.compare([pair / "dirichlet", pair / "gaussian"], replicates=20)
    side_by_side.write(tmp_path, made)
    parsed = read(comparison_page.write(tmp_path, made))
    stored = read_json(tmp_path / "comparison.json")[0]
    rows = next(found for found in parsed.tables if found[1][0].startswith("macro, over "))
    head, macro = rows[0], rows[1]
    assert head == ["", "dirichlet", "gaussian", "dirichlet − gaussian"]
    gap = stored["differences"]["gaussian"]["auroc"]["macro"]
    assert numbers(macro[3]) == pytest.approx([gap["difference"], *gap["interval"]], abs=5.01e-4)
    assert numbers(macro[1])[0] == pytest.approx(stored["scores"]["dirichlet"]["auroc"]["macro"], abs=5.01e-4)
    assert ["model.prior", "dirichlet", "gaussian"] in parsed.tables[0]
    assert len(parsed.fetched) == 4  # two figures a split
    assert "AUROC macro, over " in comparison_page.as_text(made)


def test_a_run_equals_itself_under_another_name(tmp_path):
    for name in ("a", "b"):
        synthetic.make(tmp_path / name, ("Edema",), splits=("test",))
    (one,) = side_by_side.compare([tmp_path / "a", tmp_path / "b"], replicates=20).splits
    gap = one.differences[str(tmp_path / "b")]
    assert gap["auroc"]["macro"]["difference"] == gap["elbo"]["difference"] == 0.0
    assert gap["auroc"]["macro"]["interval"] == (0.0, 0.0)


def test_what_cannot_be_compared_is_said(pair, tmp_path):
    synthetic.make(tmp_path / "other", ("Edema", "Pleural Effusion", "Fracture"), prior="logistic_normal", scale=0.1)
    facts = read_json(tmp_path / "other" / "data.json")
    facts["manifest"]["splits"]["validation"]["sha256"] = "other images"
    write_json(tmp_path / "other" / "data.json", facts)
    made = side_by_side.compare([pair / "dirichlet", tmp_path / "other"], replicates=10)
    assert [one.split for one in made.splits] == ["test"]
    assert made.splits[0].per_image == ("l1", "psnr", "ssim", "kl")
    parsed = read(comparison_page.write(tmp_path, made))
    assert "validation: dirichlet and logistic_normal were scored on different images" in parsed.text
    assert "likelihoods differ" in parsed.text


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ({"labels": ("Edema", "Pneumonia", "Fracture")}, "different label sets (Pleural Effusion, Pneumonia)"),
        ({"images": 58}, "were scored on different images"),
        ({"splits": ("valid",)}, "no evaluated split in common"),
    ],
)
def test_runs_that_do_not_fit_give_one_sentence(pair, tmp_path, capsys, change, sentence):
    synthetic.make(
        tmp_path / "other", **({"labels": ("Edema", "Pleural Effusion", "Fracture"), "prior": "gaussian"} | change)
    )
    with pytest.raises(SystemExit) as stopped:
        command.main([str(pair / "dirichlet"), str(tmp_path / "other"), "--replicates=5", f"--output={tmp_path}"])
    assert stopped.value.code == 1
    printed = capsys.readouterr().err
    assert sentence in printed
    assert printed.count("\n") == 1
    assert not (tmp_path / "comparison.html").exists()


@pytest.mark.parametrize(
    ("missing", "sentence"),
    [("config.json", "holds no run"), ("metrics.json", "has the run got so far"), ("predictions/test.npz", "run the evaluate phase")],
)  # fmt: skip
def test_an_unfinished_run_gives_one_sentence(pair, tmp_path, missing, sentence):
    synthetic.make(tmp_path / "other", ("Edema", "Pleural Effusion", "Fracture"), splits=("test",), prior="gaussian")
    (tmp_path / "other" / missing).unlink()
    with pytest.raises(SystemExit) as stopped:
        command.main([str(pair / "dirichlet"), str(tmp_path / "other")])
    assert stopped.value.code == 1
    assert str(stopped.value).startswith("error: ")
    assert sentence in str(stopped.value)
