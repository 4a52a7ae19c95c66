"""What a flaw does, from differences that leave no doubt; and the page that says so."""

import json

import numpy as np
import pytest
from support.scored import concluded, scored

from dirvae.metrics.comparison import Difference
from dirvae.report import study_page
from dirvae.studies.priors import flaw_effects, results
from dirvae.studies.priors.verdicts import FlawVerdict

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
    return flaw_effects.Traversals(np.arange(40).astype(str), np.full(40, "Edema"), on, released, rank, np.int32(1024))


@pytest.fixture
def effects():
    return flaw_effects.conclude(("A", "B"), PAIRS, runs(), {"A": traversals()})


def test_what_each_flaw_does_to_the_difference(effects):
    verdicts = {row.pair: row.effects["auroc"].verdict for row in effects.pairs[:-1]}
    assert verdicts == {
        ("A, x", "B, x"): FlawVerdict.SIGN,
        ("A", "B, y"): FlawVerdict.HIDES,
        ("A", "B, z"): FlawVerdict.NO_EFFECT,
        ("A, w", "B"): FlawVerdict.ENLARGES,
    }
    first = effects.pairs[0].effects["auroc"]
    assert first.effect.change.difference == pytest.approx(-0.04)
    assert effects.pairs[-1].missing == "no seed of all four arms is finished"
    assert first.test.p == pytest.approx(4 * 2 / 301)  # four rows, 300 replicates
    assert first.test.at_floor


def difference(value):
    replicates = value + 0.001 * np.linspace(-1, 1, 200)
    return Difference(value, (replicates[4], replicates[-5]), 0.01, replicates)


@pytest.mark.parametrize(
    ("flawed", "sound", "p", "verdict"),
    [
        (0.02, 0.0, 0.01, FlawVerdict.MAKES_UP),
        (0.01, 0.02, 0.01, FlawVerdict.SHRINKS),
        (-0.02, -0.01, 0.01, FlawVerdict.ENLARGES),
        (0.0, -0.02, 0.01, FlawVerdict.HIDES),
        (0.0005, -0.0005, 0.01, FlawVerdict.MOVES),
        (-0.02, 0.02, 0.2, FlawVerdict.NO_EFFECT),
    ],
)
def test_every_verdict(flawed, sound, p, verdict):
    effect = flaw_effects.Effect(difference(flawed), difference(sound), difference(flawed - sound))
    assert flaw_effects.verdict(effect, p) is verdict


def test_the_section_and_what_is_stored(tmp_path):
    outcome = concluded(runs(), contrasts=PAIRS, traversals={"A": traversals()})
    page = study_page.write(tmp_path, outcome).read_text()
    assert "id='effects-of-flaws'" in page
    results.write(tmp_path, outcome)
    assert "A, x − B, x" in page
    assert "<dt>changes the sign</dt>" in page
    assert "3 of 1024" in page
    stored = json.loads((tmp_path / "study.json").read_text())["flaws"]
    assert stored["pairs"][1]["auroc"]["verdict"] == "hides it"
    assert stored["pairs"][1]["auroc"]["change"]["difference"] == pytest.approx(-0.02)
    assert stored["traversals"]["A"]["ncc"]["on_manifold"] == pytest.approx(0.5, abs=0.01)


@pytest.mark.slow
def test_two_seeds_decide_nothing_and_nothing_to_say_has_no_section(tmp_path):
    few = concluded(runs(range(2)), contrasts=PAIRS[:1])
    assert results.to_json(few)["flaws"]["pairs"][0]["auroc"]["verdict"] == "open: 2 of 3 seeds"
    assert "effects-of-flaws" not in study_page.write(tmp_path, concluded(runs())).read_text()


@pytest.mark.slow
def test_endpoints_that_the_data_do_not_allow_are_left_out(tmp_path):
    held = {arm: {seed: scored(auroc=level, aug=0.3) for seed in range(3)} for arm, level in (CLEAN | FLAWED).items()}
    outcome = concluded(held, contrasts=PAIRS)
    assert outcome.flaws.pairs[0].effects.keys() == {"auroc", "aug"}
    page = study_page.write(tmp_path, outcome).read_text()
    assert "<h3 id='aug-normalised'>" in page
    assert "<h3 id='interventional-d'>" not in page
    assert "interventional" not in results.to_json(outcome)["flaws"]["pairs"][0]


def test_seeds_are_those_that_all_four_arms_have():
    held = runs()
    del held["B, y"][1]
    row = flaw_effects.conclude(("A", "B"), (("A", "B, y"),), held, {}).pairs[0]
    assert row.seeds == (0, 2)
