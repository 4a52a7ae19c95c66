"""The report and the comparison: whole pages in every situation, with the numbers of metrics.json."""

import json
import re
from html.parser import HTMLParser

import numpy as np
import pytest
import report_workdirs as synthetic
from sklearn.metrics import average_precision_score, roc_auc_score

from dirvae import evaluate
from dirvae.labels import FINDINGS
from dirvae.report import compare, figures, operating, page, pictures, side_by_side, tables
from dirvae.workdir import WorkdirError, read_json, write_json
from experiments import report as command

VOID = {"meta", "img", "br", "hr", "input", "link"}
SECTIONS = ["Data", "Model", "Training", "Reconstruction and all splits", "Reconstructions and samples", "Latent usage"]
SECTIONS += ["Traversals", "How this was made"]


class Page(HTMLParser):
    """Checks that tags are balanced; collects headings, tables, anchors, links and everything that would be fetched."""

    def __init__(self, text):
        super().__init__()
        self.open, self.ids, self.links, self.fetched, self.headings, self.tables = [], [], [], [], [], []
        self.text = ""
        self.feed(text)
        self.close()
        assert not self.open

    def handle_starttag(self, tag, attributes):
        found = dict(attributes)
        self.ids += [found["id"]] if "id" in found else []
        self.links += [found["href"]] if "href" in found else []
        self.fetched += [found[name] for name in ("src", "srcset", "data", "poster") if name in found]
        if tag not in VOID:
            self.open.append(tag)
        if tag == "table":
            self.tables.append([])
        elif tag == "tr":
            self.tables[-1].append([])
        elif tag in ("td", "th"):
            self.tables[-1][-1].append("")
        elif tag == "h2":
            self.headings.append("")

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, text):
        self.text += text
        if "table" in self.open and self.open[-1] not in ("table", "thead", "tbody", "tr"):
            self.tables[-1][-1][-1] += text
        if self.open and self.open[-1] == "h2":
            self.headings[-1] += text


def read(path):
    """Parses a page, and checks that it opens from disk with nothing but itself."""
    text = path.read_text()
    assert "url(" not in text
    assert "@import" not in text
    parsed = Page(text)
    assert all(source.startswith("data:image/") for source in parsed.fetched)
    assert len(set(parsed.ids)) == len(parsed.ids)
    assert {link.removeprefix("#") for link in parsed.links} <= set(parsed.ids)
    assert all(link.startswith("#") for link in parsed.links)
    return parsed


def numbers(cell):
    """Every number of a cell, as shown."""
    return [float(found) for found in re.findall(r"[-+]?\d+(?:\.\d+)?", cell.replace("−", "-").replace(",", ""))]


def table_with(parsed, heading):
    return next({row[0]: row[1:] for row in found} for found in parsed.tables if heading in found[0])


SITUATIONS = {
    "phantom, Dirichlet": ({"labels": ("Edema", "Pleural Effusion")}, True),
    "one finding, no test split, no intervals, real, Gaussian, not explained": (
        {"labels": ("Edema",), "splits": ("validation",), "replicates": 0, "prior": "gaussian", "dataset": "chexpert", "folds": 5},
        None,
    ),
    "fourteen findings, one without positives, a field of logistic normals": (
        {"labels": FINDINGS, "prior": "logistic_normal", "structure": "field", "grid": 4, "groups": 2, "head": "pooled"},
        False,
    ),
    "a product of simplexes, no baseline, no curves": (
        {"labels": ("Edema", "Fracture", "Pneumonia"), "structure": "product", "groups": 3, "baseline": False, "curves": False},
        False,
    ),
}  # fmt: skip


@pytest.fixture(scope="module", params=SITUATIONS)
def written(request, tmp_path_factory):
    folder = tmp_path_factory.mktemp("run") / "workdir"
    settings, exact = SITUATIONS[request.param]
    synthetic.make(folder, **settings)
    if exact is not None:
        synthetic.explain(folder, settings["labels"][:3] if len(settings["labels"]) < 14 else FINDINGS[:2], exact)
    return folder, settings, exact, read(page.write(folder))


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
    assert set(rows) - {""} == {"macro", *settings["labels"]}
    for name in ("macro", *settings["labels"]):
        for column, metric in enumerate(("auroc", "auprc", "brier", "ece"), start=1):
            value = metrics[split][metric][name]
            bounds = metrics[split].get(f"{metric}_interval", {}).get(name) or []
            expected = [] if value is None else [value, *(b for b in bounds if b is not None)]
            assert numbers(rows[name][column]) == pytest.approx(expected, abs=5.01e-4)
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
    assert ("linear baseline" in parsed.text) == settings.get("baseline", True)
    assert ("Intervals are 95 %" in parsed.text) == (settings.get("replicates") != 0)
    if settings["labels"] == FINDINGS:
        assert f"Without both values, hence without AUROC: {FINDINGS[-1]}." in parsed.text


def test_pictures_are_embedded_and_kept(written):
    folder, _, exact, parsed = written
    kept = {path.name for path in (folder / "figures").iterdir()}
    assert {"curves.png", "auroc.png", "roc.png", "reliability.png", "latent.png"} <= kept
    assert len(parsed.fetched) == len(kept)
    assert any(name.endswith(".gif") for name in kept) == (exact is not None)


def test_an_unfinished_or_missing_run_has_no_report(tmp_path):
    with pytest.raises(WorkdirError, match="holds no run"):
        page.write(tmp_path / "nowhere")
    synthetic.make(tmp_path / "run", ("Edema",))
    (tmp_path / "run" / "metrics.json").unlink()
    with pytest.raises(WorkdirError, match=r"metrics.json is missing"):
        page.write(tmp_path / "run")


@pytest.fixture(scope="module")
def pair(tmp_path_factory):
    folder = tmp_path_factory.mktemp("pair")
    for seed, prior in enumerate(("dirichlet", "gaussian")):
        synthetic.make(folder / prior, ("Edema", "Pleural Effusion", "Fracture"), seed=seed, prior=prior)
    return folder


def test_differences_equal_a_direct_computation(pair):
    made = compare.compare([pair / "dirichlet", pair / "gaussian"], replicates=50)
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
    made = compare.compare([pair / "dirichlet", pair / "gaussian"], replicates=20)
    parsed = read(side_by_side.write(tmp_path, made))
    stored = read_json(tmp_path / "comparison.json")[0]
    rows = next(found for found in parsed.tables if found[1][0] == "macro")
    head, macro = rows[0], rows[1]
    assert head == ["", "dirichlet", "gaussian", "dirichlet − gaussian"]
    gap = stored["differences"]["gaussian"]["auroc"]["macro"]
    assert numbers(macro[3]) == pytest.approx([gap["difference"], *gap["interval"]], abs=5.01e-4)
    assert numbers(macro[1])[0] == pytest.approx(stored["scores"]["dirichlet"]["auroc"]["macro"], abs=5.01e-4)
    assert ["model.prior", "dirichlet", "gaussian"] in parsed.tables[0]
    assert len(parsed.fetched) == 4  # two figures a split
    assert "AUROC macro" in side_by_side.as_text(made)


def test_a_run_equals_itself_under_another_name(tmp_path):
    for name in ("a", "b"):
        synthetic.make(tmp_path / name, ("Edema",), splits=("test",))
    (one,) = compare.compare([tmp_path / "a", tmp_path / "b"], replicates=20).splits
    gap = one.differences[str(tmp_path / "b")]
    assert gap["auroc"]["macro"]["difference"] == gap["elbo"]["difference"] == 0.0
    assert gap["auroc"]["macro"]["interval"] == (0.0, 0.0)


def test_what_cannot_be_compared_is_said(pair, tmp_path):
    synthetic.make(tmp_path / "other", ("Edema", "Pleural Effusion", "Fracture"), prior="logistic_normal", scale=0.1)
    facts = read_json(tmp_path / "other" / "data.json")
    facts["manifest"]["splits"]["validation"]["sha256"] = "other images"
    write_json(tmp_path / "other" / "data.json", facts)
    made = compare.compare([pair / "dirichlet", tmp_path / "other"], replicates=10)
    assert [one.split for one in made.splits] == ["test"]
    assert made.splits[0].per_image == ("l1", "psnr", "ssim", "kl")
    parsed = read(side_by_side.write(tmp_path, made))
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
    assert sentence in stopped.value.code
    assert "\n" not in stopped.value.code
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
    assert stopped.value.code.startswith("error: ")
    assert sentence in stopped.value.code


def test_operating_points_enclose_the_area_under_ties():
    rng = np.random.default_rng(0)
    y, p = rng.integers(0, 2, 200), rng.integers(0, 8, 200) / 8
    false, true = operating.operating_points(y, p)
    assert (false[0], true[0], false[-1], true[-1]) == (0, 0, 1, 1)
    assert np.trapezoid(true, false) == pytest.approx(roc_auc_score(y, p), abs=1e-12)


def test_maps_are_enlarged_only_as_far_as_the_scale_goes():
    rng = np.random.default_rng(0)
    change = rng.normal(size=(16, 16)) * 0.01
    scale = 0.2
    gain = pictures._gain(change, scale)
    assert gain == max(g for g in (1, 2, 5, 10, 20) if g * np.percentile(np.abs(change), 99.5) <= scale)
    assert pictures._gain(100 * change, scale) == 1


def test_an_animation_goes_there_and_back():
    from io import BytesIO

    from PIL import Image

    path = np.linspace(0.2, 0.8, 9, dtype=np.float32)[:, None, None, None] * np.ones((9, 12, 12, 1), np.float32)
    moving = Image.open(BytesIO(pictures.animate(path, path[0], "remove", side=12, most=5)))
    assert (moving.n_frames, moving.size) == (8, (24, 12))
    brightness = []
    for frame in range(moving.n_frames):
        moving.seek(frame)
        brightness.append(np.asarray(moving.convert("L"))[:, :12].mean())
    assert np.argmax(brightness) == 4
    np.testing.assert_allclose(brightness[1:4], brightness[:4:-1], atol=2)


@pytest.mark.parametrize(
    ("value", "bounds", "shown"),
    [(0.5, [0.25, 0.75], "+0.500 [0.250, 0.750]"), (-0.5, None, "−0.500"), (0.1, [None, None], "+0.100"), (None, None, "–")],
)  # fmt: skip
def test_differences_are_shown_with_sign_and_interval(value, bounds, shown):
    assert tables.signed(value, bounds) == shown


def test_a_curve_without_any_row_is_drawn_empty():
    drawn = figures.curves([])
    assert sum(axis.has_data() for axis in drawn.axes) == 0
