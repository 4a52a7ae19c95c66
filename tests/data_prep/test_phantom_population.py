"""The phantom's joint distribution: prevalences, shortcuts, splits, patients and reports."""

import numpy as np
import pytest

from data_prep.phantom import (
    CONFOUNDERS,
    INDEX,
    PATHOLOGIES,
    Phantom,
    PhantomConfig,
    PhantomError,
    column,
    named,
    present,
)
from data_prep.phantom.config import SITE, SPLITS
from data_prep.phantom.factors import SCANNER
from data_prep.phantom.population import HELD_OUT, RATE, confounder_probability
from data_prep.phantom.reports import SHOWN, UNCERTAIN_RATE, true_labels
from dirvae.labels import BLANK, FINDINGS, NEGATIVE, POSITIVE, UNCERTAIN

CLEAN = Phantom(named("clean", train=8000, test=8000))
TRAIN, TEST = CLEAN.whole("train"), CLEAN.whole("test")


def share(condition: np.ndarray, given: np.ndarray) -> float:
    return float(condition[given].mean())


@pytest.mark.parametrize("finding", SHOWN)
def test_prevalences_suit_learning(finding):
    assert 0.08 < present(TEST.factors, finding).mean() < 0.47


def test_findings_are_derived_as_in_chexpert():
    opacity = np.any(
        [present(TEST.factors, n) for n in ("Consolidation", "Edema", "Lung Lesion", "Atelectasis")], axis=0
    )
    np.testing.assert_array_equal(present(TEST.factors, "Lung Opacity"), opacity)
    nothing = ~np.any([present(TEST.factors, name) for name in PATHOLOGIES], axis=0)
    np.testing.assert_array_equal(present(TEST.factors, "No Finding"), nothing)
    assert (present(TEST.factors, "Support Devices") & nothing).any()


def test_clean_has_no_shortcuts():
    """No confounder tells any pathology, but for what the view tells of edema and devices."""
    for name in CONFOUNDERS:
        for pathology in PATHOLOGIES:
            has = present(TRAIN.factors, pathology)
            assert abs(share(present(TRAIN.factors, name), has) - share(present(TRAIN.factors, name), ~has)) < 0.06


@pytest.mark.parametrize("rho", [-0.6, 0.0, 0.5, 0.9])
@pytest.mark.parametrize("confounder", ["token", "drain", "scanner_gamma"])
def test_shortcut_has_the_stated_probabilities(confounder, rho):
    made = Phantom(named("shortcut", train=6000, test=6000, confounder=confounder, rho=rho))
    for split in ("train", "test", "test_rho0", "test_flipped", "test_independent"):
        people = made.whole(split)
        has, here = present(people.factors, made.config.finding), present(people.factors, confounder)
        strength = made.config.strength(split)
        expected = confounder_probability(RATE[confounder], strength, np.asarray([True, False]))
        np.testing.assert_allclose((share(here, has), share(here, ~has)), expected, atol=0.06)


def test_confounder_probability_by_hand():
    truth = np.asarray([True, False])
    np.testing.assert_allclose(confounder_probability(0.3, 0.5, truth), [0.65, 0.15])
    np.testing.assert_allclose(confounder_probability(0.3, -0.5, truth), [0.15, 0.65])
    np.testing.assert_allclose(confounder_probability(0.3, 0.0, truth), [0.3, 0.3])


def test_the_site_reaches_the_image_through_token_and_scanner():
    people = Phantom(named("shortcut", train=6000, confounder=SITE, rho=0.9)).whole("train")
    has = present(people.factors, "Pleural Effusion")
    for name in ("token", *SCANNER):
        assert share(present(people.factors, name), has) > share(present(people.factors, name), ~has) + 0.25
    assert (
        abs(share(present(people.factors, "pacemaker"), has) - share(present(people.factors, "pacemaker"), ~has)) < 0.05
    )


def test_views_tell_devices_and_edema_as_in_chexpert():
    people = Phantom(named("shortcut", train=8000, rho=0.0)).whole("train")
    supine = column(people.factors, "ap") > 0.5
    edema, devices = present(people.factors, "Edema"), present(people.factors, "Support Devices")
    measured = [share(edema, supine), share(edema, ~supine), share(devices, supine), share(devices, ~supine)]
    np.testing.assert_allclose(measured, [0.30, 0.06, 0.61, 0.28], atol=0.05)


def test_independent_split_unties_everything():
    people = Phantom(named("shortcut", test=8000, rho=0.9)).whole("test_independent")
    binary = people.factors[:, [INDEX[name] for name in ("ap", *PATHOLOGIES, *CONFOUNDERS)]]
    correlation = np.corrcoef(binary.T) - np.eye(binary.shape[1])
    assert np.abs(correlation).max() < 0.06
    assert abs(np.corrcoef(column(people.factors, "aortic_knob"), people.age)[0, 1]) < 0.06


def test_the_held_out_pair_occurs_only_where_it_should():
    together = {
        split: np.all([present(CLEAN.population(split, 0).factors, name) for name in HELD_OUT], axis=0).mean()
        for split in SPLITS
    }
    assert together["test_heldout"] > 0.4
    assert together["train"] == together["validation"] == together["test"] == 0.0


def test_age_and_sex_show():
    assert np.corrcoef(column(TEST.factors, "aortic_knob"), TEST.age)[0, 1] > 0.4
    assert np.corrcoef(column(TEST.factors, "bone_density"), TEST.age)[0, 1] < -0.2
    breast = column(TEST.factors, "breast")
    assert (breast[TEST.male] == 0).all()
    assert (breast[~TEST.male] > 0).all()


def test_patients_have_one_to_five_images_of_one_anatomy():
    people = CLEAN.population("train", 3)
    _, counts = np.unique(people.patient, return_counts=True)
    assert counts.min() == 1
    assert counts.max() == 5
    for name in ("body_width", "heart_size", "Pneumothorax:side", "breast"):
        values = column(people.factors, name)
        for patient in np.unique(people.patient)[:50]:
            assert np.ptp(values[people.patient == patient]) == 0
    many = people.patient == np.argmax(np.bincount(people.patient))
    assert np.ptp(column(people.factors, "shift_x")[many]) > 0
    assert np.unique(people.seeds[many] >> 8).size == 1
    assert np.unique(people.seeds).size == people.seeds.size


def test_disease_lasts_with_the_patient():
    has = present(TRAIN.factors, "Cardiomegaly")
    follow = np.flatnonzero(TRAIN.study[1:] > 0) + 1
    assert share(has[follow], has[follow - 1]) > 2 * share(has[follow], ~has[follow - 1])


def test_test_labels_are_the_truth():
    for split in SPLITS[1:]:
        people = CLEAN.population(split, 0)
        np.testing.assert_array_equal(people.labels, true_labels(people.factors))
    shown = [FINDINGS.index(name) for name in SHOWN]
    assert set(np.unique(TEST.labels[:, shown])) == {POSITIVE, NEGATIVE}
    assert (np.delete(TEST.labels, shown, axis=1) == BLANK).all()


@pytest.mark.parametrize("finding", SHOWN)
def test_training_labels_read_like_reports(finding):
    noisy = Phantom(named("shortcut", train=8000, rho=0.0)).whole("train")
    at = FINDINGS.index(finding)
    observed, truth = noisy.labels[:, at], present(noisy.factors, finding)
    assert abs((observed == UNCERTAIN).mean() - UNCERTAIN_RATE[finding]) < 0.02
    known = (observed == POSITIVE) | (observed == NEGATIVE)
    assert 0.0 < share(truth != (observed == POSITIVE), known) < 0.1
    assert share(observed == BLANK, ~truth) > 0.5
    assert share(observed == BLANK, truth) < 0.1
    if finding == "No Finding":
        assert set(np.unique(observed)) == {POSITIVE, BLANK}


def test_clean_labels_are_milder():
    truth = true_labels(TRAIN.factors)
    shortcut = Phantom(named("shortcut", train=8000, rho=0.0)).whole("train")
    wrong = [
        np.mean((people.labels != reference) & (people.labels != BLANK))
        for people, reference in ((TRAIN, truth), (shortcut, true_labels(shortcut.factors)))
    ]
    assert 0.0 < wrong[0] < 0.7 * wrong[1]


def test_bad_configurations_are_named():
    with pytest.raises(PhantomError, match="did you mean 'token'"):
        named("shortcut", confounder="tokn")
    with pytest.raises(PhantomError, match="between -1 and 1"):
        named("shortcut", rho=1.5)
    with pytest.raises(PhantomError, match="did you mean 'clean'"):
        named("claen")
    with pytest.raises(PhantomError, match="view_effect"):
        PhantomConfig(view_effect=2.0)
