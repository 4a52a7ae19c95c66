"""The linear baseline: what it averages, what it learns, what it must not see."""

import numpy as np
import pytest
from sklearn.metrics import roc_auc_score

from dirvae.training import linear_baseline

COUNT = 300


@pytest.fixture(scope="module")
def problem():
    """64 x 64 images whose left half is brighter in positives of the first label; the second label is noise."""
    rng = np.random.default_rng(0)
    target = rng.integers(0, 2, (COUNT, 2)).astype(np.float32)
    images = rng.integers(60, 160, (COUNT, 64, 64, 1)).astype(np.uint8)
    images[:, :, :32] += (4 * target[:, 0]).astype(np.uint8)[:, None, None, None]
    return images, target, np.ones_like(target)


def test_block_averages():
    images = np.arange(64 * 64, dtype=np.uint32).reshape(1, 64, 64, 1) % 251
    found = linear_baseline.averaged(images.astype(np.uint8)).reshape(32, 32)
    assert found[3, 5] == pytest.approx(images[0, 6:8, 10:12].mean() / 255)
    small = np.full((2, 16, 16, 1), 51, np.uint8)
    np.testing.assert_allclose(linear_baseline.averaged(small), np.full((2, 256), 0.2), rtol=1e-6)


@pytest.mark.parametrize("kind", ["logistic", "ridge"])
def test_it_finds_a_linear_signal_and_no_other(problem, kind):
    images, target, weight = problem
    p = linear_baseline.linear(images[:200], target[:200], weight[:200], images[200:], kind, components=40)
    assert p.shape == (100, 2)
    assert p.dtype == np.float32
    assert np.all((p >= 0) & (p <= 1))
    assert roc_auc_score(target[200:, 0], p[:, 0]) > 0.95
    assert 0.3 < roc_auc_score(target[200:, 1], p[:, 1]) < 0.7


@pytest.mark.parametrize("kind", ["logistic", "ridge"])
def test_masked_labels_are_not_learned_from(problem, kind):
    images, target, weight = problem
    weight = weight.copy()
    weight[::3, 0] = 0
    lied = np.where(weight > 0, target, 1 - target)
    found = [
        linear_baseline.linear(images[:200], t[:200], weight[:200], images[200:], kind, 20) for t in (target, lied)
    ]
    np.testing.assert_array_equal(*found)


def test_a_label_with_one_value_gets_that_value(problem):
    images, target, weight = problem
    target, weight = target.copy(), weight.copy()
    target[:, 0] = 1
    weight[:, 1] = 0
    p = linear_baseline.linear(images[:50], target[:50], weight[:50], images[50:60], components=5)
    np.testing.assert_array_equal(p, np.tile([1.0, 0.0], (10, 1)))


def test_fewer_images_than_components(problem):
    images, target, weight = problem
    assert np.isfinite(linear_baseline.linear(images[:10], target[:10], weight[:10], images[10:15])).all()
