"""The one example schema, which every source is turned into and every model reads.

An example is a grey PNG of the data set's size and what is known of it. Labels are int8, one for each of the data set's own
findings, whose names are in its manifest: 1 positive, 0 negative, -1 uncertain, -2 not mentioned, -3 not labelled here
(`dirvae.labels.STATES`). Policies are applied when a data set is loaded. The phantom adds its factors and seed, from which an
example and its exact counterfactuals can be rendered again.
"""

from typing import NamedTuple

import numpy as np
import tensorflow_datasets as tfds

from dirvae.labels import FINDINGS

VIEWS = ("AP", "PA", "LATERAL", "FRONTAL", "UNKNOWN", "OTHER")  # FRONTAL: AP or PA; OTHER: neither frontal nor lateral
SEXES = ("Female", "Male", "Unknown")
UNKNOWN_AGE = -1
NO_BOXES = np.zeros((0, 5), np.float32)
NO_MASKS = np.zeros((0, 0), np.uint8)


class Example(NamedTuple):
    """One image and what is known of it.

    `boxes` are (finding index, ymin, xmin, ymax, xmax), shares of the square image. `masks` are (finding index, then the square's
    pixels packed eight to a byte, as `numpy.packbits` does it), one row a mask.
    """

    image: np.ndarray  # uint8 [H, W, 1]
    labels: np.ndarray  # int8 [L], L the number of the data set's findings
    patient: str
    study: str
    view: str  # one of VIEWS
    sex: str  # one of SEXES
    age: int  # years, UNKNOWN_AGE where it is not known
    path: str  # of the source image, relative to the source's folder; for the phantom a made-up one
    boxes: np.ndarray  # float32 [n, 5]
    factors: np.ndarray  # float32 [F]; F = 0 but for the phantom
    seed: int  # the phantom's render seed, otherwise 0
    origin: str = ""  # the data set it stems from, where several are merged
    masks: np.ndarray = NO_MASKS  # uint8 [m, 1 + ceil(H W / 8)]


def features(image_size: int, factors: int = 0, findings: int = len(FINDINGS)) -> tfds.features.FeaturesDict:
    """TFDS features of `Example`, for square images of `image_size` pixels, so many factors of variation and so many findings."""
    return tfds.features.FeaturesDict(
        {
            "image": tfds.features.Image(shape=(image_size, image_size, 1), dtype=np.uint8, encoding_format="png"),
            "labels": tfds.features.Tensor(shape=(findings,), dtype=np.int8),
            "patient": tfds.features.Text(),
            "study": tfds.features.Text(),
            "view": tfds.features.ClassLabel(names=list(VIEWS)),
            "sex": tfds.features.ClassLabel(names=list(SEXES)),
            "age": np.int32,
            "path": tfds.features.Text(),
            "boxes": tfds.features.Tensor(shape=(None, 5), dtype=np.float32),
            "factors": tfds.features.Tensor(shape=(factors,), dtype=np.float32),
            "seed": np.int64,
            "origin": tfds.features.Text(),
            "masks": tfds.features.Tensor(shape=(None, 1 + -(-(image_size**2) // 8)), dtype=np.uint8),
        }
    )
