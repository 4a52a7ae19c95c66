"""What a flaw did, in words, from differences that leave no doubt; and the page that says so."""

import json

import numpy as np
import pytest
from support.scored import scored

from dirvae.metrics.comparison import Difference
from dirvae.report import audit, study_page

CLEAN = {"A": 0.95, "B": 0.93}
FLAWED = {"A, x": 0.93, "B, x": 0.95, "B, y": 0.95, "B, z": 0.93, "A, w": 0.99}
PAIRS = (("A, x", "B, x"), ("A", "B, y"), ("A", "B, z"), ("A, w", "B"), ("A", "B, lost"))


def runs(seeds=range(3)):
    level = CLEAN | FLAWED
    rest = {"aug": 0.3, "interventional": 0.4, "ceiling": 0.6}
    return {arm: {seed: scored(auroc=value, **rest) for seed in seeds} for arm, value in level.items()}


def traversals():
    rng = np.random.default_rng(0)
    on, released, rank = rng.normal(0.5, 0.01, 40), rng.normal(0.1, 0.01, 40), np.full((40, 3), 3)
    return audit.Traversals(np.arange(40).astype(str), np.full(40, "Edema"), on, released, rank, np.int32(1024))


@pytest.fixture
def made():
    return audit.conclude(("A", "B"), PAIRS, runs(), {"A": traversals()})


def test_what_each_flaw_did_to_the_difference(made):
    said = {row.pair: audit.verdict(row.effects["auroc"], made.p["auroc"][row.pair]) for row in made.rows[:-1]}
    assert said == {
        ("A, x", "B, x"): "changes the sign",
        ("A", "B, y"): "hides it",
        ("A", "B, z"): "no effect shown",
        ("A, w", "B"): "enlarges it",
    }
    assert made.rows[0].effects["auroc"].change.difference == pytest.approx(-0.04)
    assert made.rows[-1].missing == "no seed of all four arms is finished"
    assert made.p["auroc"][("A, x", "B, x")] == pytest.approx(4 * 2 / 301)  # four rows, 300 replicates


def difference(value):
    replicates = value + 0.001 * np.linspace(-1, 1, 200)
    return Difference(value, (replicates[4], replicates[-5]), 0.01, replicates)


@pytest.mark.parametrize(
    ("flawed", "sound", "p", "said"),
    [
        (0.02, 0.0, 0.01, "makes one up"),
        (0.01, 0.02, 0.01, "shrinks it"),
        (-0.02, -0.01, 0.01, "enlarges it"),
        (0.0, -0.02, 0.01, "hides it"),
        (0.0005, -0.0005, 0.01, "moves it, though no difference is shown with or without"),
        (-0.02, 0.02, 0.2, "no effect shown"),
    ],
)
def test_every_verdict(flawed, sound, p, said):
    effect = audit.Effect(difference(flawed), difference(sound), difference(flawed - sound))
    assert audit.verdict(effect, p) == said


def test_the_section_and_what_is_stored(made, tmp_path):
    outcome = study_page.conclude("toy", "?", ("A", "B"), 0.01, runs(), {}, ())._replace(audit=made)
    page = study_page.write(tmp_path, outcome).read_text()
    assert "id='the-audit'" in page
    assert "A, x − B, x" in page
    assert "changes the sign" in page
    assert "3 of 1024" in page
    stored = json.loads((tmp_path / "study.json").read_text())["audit"]
    assert stored["flaws"][1]["auroc"]["verdict"] == "hides it"
    assert stored["flaws"][1]["auroc"]["change"]["difference"] == pytest.approx(-0.02)
    assert stored["traversals"]["A"]["ncc"]["on_manifold"] == pytest.approx(0.5, abs=0.01)


def test_two_seeds_decide_nothing_and_nothing_to_say_has_no_section():
    few = audit.conclude(("A", "B"), PAIRS[:1], runs(range(2)), {})
    assert audit.as_json(few, 3)["flaws"][0]["auroc"]["verdict"] == "open: 2 of 3 seeds; so far changes the sign"
    assert audit.sections(audit.conclude(("A", "B"), (), runs(), {}), 3) == []
    assert audit.sections(None, 3) == []


def test_endpoints_that_the_data_do_not_allow_are_left_out():
    held = {arm: {seed: scored(auroc=level, aug=0.3) for seed in range(3)} for arm, level in (CLEAN | FLAWED).items()}
    found = audit.conclude(("A", "B"), PAIRS, held, {})
    assert found.rows[0].effects.keys() == {"auroc", "aug"}
    assert [section.parts for section in audit.sections(found, 3)] == [("macro AUROC", "AUG, normalised")]
    assert "interventional" not in audit.as_json(found, 3)["flaws"][0]


def test_seeds_are_those_that_all_four_arms_have():
    held = runs()
    del held["B, y"][1]
    row = audit.conclude(("A", "B"), (("A", "B, y"),), held, {}).rows[0]
    assert row.seeds == (0, 2)
