"""The linear baseline that every model has to beat: principal components of the images and a linear classifier.

Both variants average images to at most 32 x 32 pixels. Ridge regression on the 0/1 target suits a few hundred positives,
logistic regression more; both are fitted with the same masks as the model and never see the evaluated split.
"""

import numpy as np
from sklearn.decomposition import PCA
from sklearn.linear_model import LogisticRegression, Ridge

from dirvae.training import data
from dirvae.types import grey_levels

COMPONENTS = 80
SIDE = 32
RIDGE = 10.0
LIMIT = 20_000  # training images


def averaged(images: np.ndarray) -> np.ndarray:
    """uint8 [N, H, W, C] -> float32 [N, pixels] in [0, 1], block-averaged to at most SIDE pixels a side."""
    count, height, width, channels = images.shape
    f = max(1, height // SIDE)
    blocks = images[:, : height // f * f, : width // f * f].reshape(count, height // f, f, width // f, f, channels)
    return grey_levels(blocks.mean(axis=(2, 4), dtype=np.float32).reshape(count, -1))


def linear(
    train_images: np.ndarray,
    target: np.ndarray,
    weight: np.ndarray,
    test_images: np.ndarray,
    kind: str = "logistic",
    components: int = COMPONENTS,
) -> np.ndarray:
    """P(y = 1) of each test image and label, float32 [M, L]; `kind` is "logistic" (C = 1 on whitened components) or
    "ridge" (penalty 10 on raw components, clipped to [0, 1]). A label with one value only gets that value."""
    pixels = averaged(train_images)
    pca = PCA(min(components, *pixels.shape), whiten=kind == "logistic", random_state=0).fit(pixels)
    train, test = pca.transform(pixels), pca.transform(averaged(test_images))
    columns = []
    for column in range(target.shape[1]):
        kept = weight[:, column] > 0
        y = target[kept, column]
        if len(np.unique(y)) < 2:
            columns.append(np.full(len(test), y.mean() if len(y) else 0.0))
        elif kind == "logistic":
            columns.append(LogisticRegression(max_iter=500).fit(train[kept], y).predict_proba(test)[:, 1])
        else:
            columns.append(np.clip(Ridge(RIDGE).fit(train[kept], y).predict(test), 0.0, 1.0))
    return np.stack(columns, axis=1).astype(np.float32)


def predict(train_set: data.Examples, test_set: data.Examples, kind: str = "logistic") -> np.ndarray:
    """The baseline trained on a run's training split (its first LIMIT images with a known label) and applied to another split."""
    rows = np.flatnonzero(train_set.weight.any(axis=1))[:LIMIT]
    images = train_set.split.images(rows)
    others = test_set.split.images(np.arange(len(test_set.split)))
    return linear(images, train_set.target[rows], train_set.weight[rows], others, kind)
