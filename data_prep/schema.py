"""The one example schema, which every source is turned into and every model reads.

An example is a grey PNG of the data set's size and what is known of it. Labels are the 14 findings of `dirvae.labels` as
int8 in {1 positive, 0 negative, -1 uncertain, -2 not mentioned}; policies are applied when a data set is loaded. The
phantom adds its factors and seed, from which an example and its exact counterfactuals can be rendered again.
"""

from typing import NamedTuple

import numpy as np
import tensorflow_datasets as tfds

from dirvae.labels import FINDINGS

VIEWS = ("AP", "PA", "LATERAL", "FRONTAL", "UNKNOWN")  # FRONTAL: projection not stated (LL and RL are LATERAL)
SEXES = ("Female", "Male", "Unknown")
UNKNOWN_AGE = -1


class Example(NamedTuple):
    """One image and what is known of it; `boxes` are (finding index, ymin, xmin, ymax, xmax), shares of the image."""

    image: np.ndarray  # uint8 [H, W, 1]
    labels: np.ndarray  # int8 [14]
    patient: str
    study: str
    view: str  # one of VIEWS
    sex: str  # one of SEXES
    age: int  # years, UNKNOWN_AGE where it is not known
    path: str  # of the source image, relative to the source's folder; for the phantom a made-up one
    boxes: np.ndarray  # float32 [n, 5]
    factors: np.ndarray  # float32 [F]; F = 0 but for the phantom
    seed: int  # the phantom's render seed, otherwise 0


def features(image_size: int, factors: int = 0) -> tfds.features.FeaturesDict:
    """TFDS features of `Example` for square images of `image_size` pixels and `factors` factors of variation."""
    return tfds.features.FeaturesDict(
        {
            "image": tfds.features.Image(shape=(image_size, image_size, 1), dtype=np.uint8, encoding_format="png"),
            "labels": tfds.features.Tensor(shape=(len(FINDINGS),), dtype=np.int8),
            "patient": tfds.features.Text(),
            "study": tfds.features.Text(),
            "view": tfds.features.ClassLabel(names=list(VIEWS)),
            "sex": tfds.features.ClassLabel(names=list(SEXES)),
            "age": np.int32,
            "path": tfds.features.Text(),
            "boxes": tfds.features.Tensor(shape=(None, 5), dtype=np.float32),
            "factors": tfds.features.Tensor(shape=(factors,), dtype=np.float32),
            "seed": np.int64,
        }
    )
