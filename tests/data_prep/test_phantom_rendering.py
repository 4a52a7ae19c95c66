"""The phantom's images: determinism, exact effects, sizes, and a golden picture."""

import numpy as np
import pytest

from data_prep.phantom import (
    CONFOUNDERS,
    FACTORS,
    INDEX,
    PATHOLOGIES,
    Phantom,
    PhantomConfig,
    anatomy,
    column,
    do,
    effect,
    mask,
    present,
    quantise,
    render,
    renderer,
    rendering,
)
from data_prep.phantom.factors import COMPOSED, DETAILS, contrast
from data_prep.phantom.pathology import raised_diaphragm

PEOPLE = Phantom(PhantomConfig(test=40)).population("test", 0)


def healthy(count: int) -> np.ndarray:
    """Average anatomy with nothing in it; the details of absent pathologies stand in the middle."""
    factors = np.zeros((count, len(FACTORS)), np.float32)
    for pathology in PATHOLOGIES:
        factors[:, INDEX[f"{pathology}:severity"]] = 0.5
    return factors


def test_images_are_grey_levels_with_contrast():
    images = render(PEOPLE.factors, PEOPLE.seeds, 64)
    assert images.dtype == np.float32
    assert images.shape == (40, 64, 64)
    assert images.min() >= 0.0
    assert images.max() <= 1.0
    assert images.std(axis=(1, 2)).min() > 0.12
    assert np.mean((images == 0.0) | (images == 1.0)) < 0.01  # hardly anything is clipped, so effects are not cut


def test_drawing_stays_in_single_precision():
    """One double among the operands doubles the time of all that follows from it."""
    factors, seeds = PEOPLE.factors, PEOPLE.seeds
    at = anatomy.frame(factors, 64, raised_diaphragm(factors))
    assert {field.dtype for field in at} == {np.dtype(np.float32)}
    assert rendering._thorax(factors, seeds, at).dtype == np.float32


def test_a_row_depends_on_its_own_factors_and_seed_alone():
    together = render(PEOPLE.factors, PEOPLE.seeds, 64)
    order = np.random.default_rng(0).permutation(40)
    np.testing.assert_array_equal(render(PEOPLE.factors[order], PEOPLE.seeds[order], 64), together[order])
    alone = np.concatenate([render(PEOPLE.factors[i : i + 1], PEOPLE.seeds[i : i + 1], 64) for i in range(5)])
    np.testing.assert_array_equal(alone, together[:5])
    np.testing.assert_array_equal(renderer(64)(PEOPLE.factors, PEOPLE.seeds), together)


def test_the_seed_changes_texture_but_not_anatomy():
    factors = healthy(2)
    first, second = render(factors, np.asarray([1 << 9, 5 << 9]), 64)
    difference = first - second
    assert difference.std() > 0.01
    assert abs(difference.mean()) < 0.01
    coarse = difference.reshape(8, 8, 8, 8).mean(axis=(1, 3))
    assert np.abs(coarse).max() < 0.08


def test_images_of_a_patient_share_vessels_not_noise():
    factors = healthy(3)
    factors[:, INDEX["noise"]] = -8.0
    same, again, other = render(factors, np.asarray([7 << 8, (7 << 8) + 1, 9 << 8]), 128)
    centre = np.s_[40:80, 20:50]
    assert np.corrcoef(same[centre].ravel(), again[centre].ravel())[0, 1] > 0.95
    assert np.corrcoef(same[centre].ravel(), other[centre].ravel())[0, 1] < 0.9
    assert not np.array_equal(same, again)


@pytest.mark.parametrize("name", [*PATHOLOGIES, *CONFOUNDERS[:7], "Lung Opacity", "Support Devices"])
def test_an_effect_is_the_difference_of_interventions_and_adds_up(name):
    present_, absent = do(PEOPLE.factors, name, 1.0), do(PEOPLE.factors, name, 0.0)
    delta = effect(PEOPLE.factors, PEOPLE.seeds, name, 64)
    with_, without = render(present_, PEOPLE.seeds, 64), render(absent, PEOPLE.seeds, 64)
    np.testing.assert_array_equal(delta, with_ - without)
    has = present(PEOPLE.factors, name)
    np.testing.assert_array_equal(
        np.where(has[:, None, None], with_, without), render(PEOPLE.factors, PEOPLE.seeds, 64)
    )
    area = mask(PEOPLE.factors, PEOPLE.seeds, name, 64).mean(axis=(1, 2))
    assert np.median(area) > 0.001
    assert area.max() < 0.5


@pytest.mark.parametrize("name", [*PATHOLOGIES, *CONFOUNDERS[:8]])
def test_effects_are_free_of_noise(name):
    """The same body in much and in little noise shows the same effect, save for pixels clipped at black or white."""
    factors, seeds = healthy(1), np.asarray([3 << 8])
    quiet = do(factors, "noise", -8.0)
    noisy, clear = effect(factors, seeds, name, 64), effect(quiet, seeds, name, 64)
    image = render(do(factors, name, 1.0), seeds, 64)
    inside = (image > 0.0) & (image < 1.0) & (render(do(factors, name, 0.0), seeds, 64) > 0.0)
    assert np.abs(clear).max() > 0.02
    np.testing.assert_allclose(noisy[inside], clear[inside], atol=1e-6)


@pytest.mark.parametrize("name", [name for name in FACTORS if ":" not in name])
def test_every_factor_shows(name):
    if name == "texture":  # acts on mottle and vessels only
        assert np.abs(effect(healthy(1), np.asarray([0]), name, 64)).max() > 1e-3
    else:
        assert np.abs(effect(healthy(1), np.asarray([0]), name, 64)).max() > 5e-3


@pytest.mark.parametrize("name", [*PATHOLOGIES, "drain"])
def test_effects_lie_where_the_sign_is_seen(name):
    """Centre of the mask, as shares of the image, against boxes drawn by radiologists (Wang et al. 2017), to .2."""
    expected = {
        "Cardiomegaly": (0.57, 0.57),
        "Pleural Effusion": (0.22, 0.70),
        "Consolidation": (0.30, 0.55),
        "Edema": (0.50, 0.50),
        "Pneumothorax": (0.24, 0.32),
        "Lung Lesion": (0.30, 0.45),
        "Atelectasis": (0.29, 0.65),
        "drain": (0.20, 0.40),
    }
    area = mask(healthy(1), np.asarray([0]), name, 64)[0]
    y, x = np.nonzero(area)
    np.testing.assert_allclose(((x.mean() + 0.5) / 64, (y.mean() + 0.5) / 64), expected[name], atol=0.2)


@pytest.mark.parametrize("name", ["Pleural Effusion", "Consolidation", "Pneumothorax", "Lung Lesion", "Atelectasis"])
def test_sides_are_the_patients(name):
    right = effect(healthy(1), np.asarray([0]), name, 64)[0]
    left = effect(do(healthy(1), f"{name}:side", 1.0), np.asarray([0]), name, 64)[0]
    assert np.abs(right[:, :32]).sum() > 5 * np.abs(right[:, 32:]).sum()
    assert np.abs(left[:, 32:]).sum() > 5 * np.abs(left[:, :32]).sum()


@pytest.mark.parametrize("name", PATHOLOGIES)
def test_severity_grows_the_effect(name):
    sizes = [
        np.abs(effect(do(healthy(1), f"{name}:severity", severity), np.asarray([0]), name, 64)).sum()
        for severity in (0.0, 0.5, 1.0)
    ]
    assert sizes[0] < sizes[1] < sizes[2]


def test_signs_of_effects():
    """Air is dark: only a pneumothorax and the scanner's curve take grey away somewhere."""
    seeds = np.asarray([0])
    for name in ("Cardiomegaly", "Pleural Effusion", "Consolidation", "Edema", "Lung Lesion"):
        assert effect(healthy(1), seeds, name, 64).min() > -0.02
    delta = effect(healthy(1), seeds, "Pneumothorax", 64)
    assert delta.min() < -0.05
    assert delta.max() > 0.05


def test_composed_findings_switch_all_their_parts():
    for name, parts in COMPOSED.items():
        switched_off = do(PEOPLE.factors, name, 1.0 if name == "No Finding" else 0.0)
        for part in parts:
            assert not present(switched_off, part).any()
        if name != "No Finding":
            assert present(do(PEOPLE.factors, name, 1.0), name).all()
    with pytest.raises(ValueError, match="which pathology"):
        do(PEOPLE.factors, "No Finding", 0.0)


def test_do_changes_nothing_else_and_keeps_details():
    changed = do(PEOPLE.factors, "Lung Lesion", 1.0)
    others = [i for name, i in INDEX.items() if name != "Lung Lesion"]
    np.testing.assert_array_equal(changed[:, others], PEOPLE.factors[:, others])
    for detail in DETAILS:
        assert np.unique(column(PEOPLE.factors, f"Lung Lesion:{detail}")).size > 1
    low, high = contrast(PEOPLE.factors, "heart_size")
    np.testing.assert_allclose(column(high, "heart_size") - column(low, "heart_size"), 1.0, atol=1e-6)


@pytest.mark.parametrize("size", [32, 48, 96, 128, 256])
def test_sizes_show_the_same_picture(size):
    base, other = render(PEOPLE.factors[:8], PEOPLE.seeds[:8], 64), render(PEOPLE.factors[:8], PEOPLE.seeds[:8], size)
    common = 32 if size != 48 else 16
    coarse = [x.reshape(8, common, x.shape[1] // common, common, -1).mean(axis=(2, 4)) for x in (base, other)]
    for left, right in zip(*coarse, strict=True):
        assert np.corrcoef(left.ravel(), right.ravel())[0, 1] > 0.975


def test_noise_of_a_large_image_averages_to_that_of_a_small_one():
    factors = np.zeros((4, len(FACTORS)), np.float32)
    seeds = np.arange(4) << 8
    noise = [render(factors, seeds, size) - render(do(factors, "noise", -40.0), seeds, size) for size in (64, 128, 256)]
    coarse = [x.reshape(4, 64, x.shape[1] // 64, 64, -1).mean(axis=(2, 4)) for x in noise]
    assert noise[0].std() < noise[1].std() < noise[2].std()
    for finer in coarse[1:]:
        assert np.corrcoef(coarse[0].ravel(), finer.ravel())[0, 1] > 0.99


def test_golden_picture():
    """Means over 16 x 16 pixels, in grey levels of 255; a change of the drawing must be deliberate."""
    factors = healthy(3)
    factors[1, [INDEX[name] for name in ("Cardiomegaly", "Pleural Effusion", "token", "pacemaker")]] = 1.0
    factors[2, [INDEX[name] for name in ("Pneumothorax", "Edema", "drain", "tag", "scanner_gamma")]] = 1.0
    images = quantise(render(factors, np.asarray([0, 1000, 2000]), 64))
    coarse = images.reshape(3, 4, 16, 4, 16).mean(axis=(2, 4), dtype=np.float64)
    np.testing.assert_allclose(coarse, GOLDEN, atol=1.0)


GOLDEN = np.asarray(
    [
        [
            [79.3, 133.3, 134.2, 79.4],
            [114.6, 117.7, 125.9, 114.9],
            [76.8, 139.8, 171.6, 76.3],
            [135.6, 206.2, 199.6, 127.6],
        ],
        [
            [88.2, 131.8, 138.6, 82.1],
            [114.7, 117.7, 132.7, 120.0],
            [88.7, 147.0, 189.4, 80.4],
            [140.7, 206.2, 199.7, 127.1],
        ],
        [
            [95.1, 138.8, 153.7, 100.0],
            [133.7, 142.2, 146.0, 131.3],
            [99.3, 157.1, 189.8, 98.4],
            [149.1, 215.1, 209.3, 141.8],
        ],
    ]
)


def test_bad_input_is_named():
    with pytest.raises(ValueError, match="32 to 256"):
        render(PEOPLE.factors, PEOPLE.seeds, 16)
    with pytest.raises(ValueError, match="do not fit"):
        render(PEOPLE.factors, PEOPLE.seeds[:3], 64)
    with pytest.raises(ValueError, match="did you mean 'pacemaker'"):
        do(PEOPLE.factors, "pacemakr", 1.0)
