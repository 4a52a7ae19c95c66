"""An example as bytes: the record that is stored, and the digest that identifies its content."""

import hashlib
import io
from typing import Any

import numpy as np
import tensorflow_datasets as tfds
from PIL import Image

from data_prep.schema import Example

DTYPES = {"image": np.uint8, "labels": np.int8, "boxes": np.float32, "factors": np.float32, "masks": np.uint8}
OPTIONAL = (
    "origin",
    "masks",
)  # fields that count only where they hold something, so that a content hash outlives their invention


def encode(example: Example, features: tfds.features.FeaturesDict) -> bytes:
    """The record of an example; the image is encoded here, since TFDS encodes arrays only with TensorFlow or OpenCV."""
    png = io.BytesIO()
    Image.fromarray(example.image[..., 0]).save(png, format="PNG", compress_level=3)
    png.seek(0)
    masks = example.masks.reshape(len(example.masks), features["masks"].shape[1])
    return features.serialize_example(features.encode_example(example._asdict() | {"image": png, "masks": masks}))


def decode(record: dict[str, Any], features: tfds.features.FeaturesDict) -> Example:
    """Inverse of `encode`, given a record as TFDS's data source returns it with the image's decoding skipped."""
    with Image.open(io.BytesIO(record["image"])) as picture:
        values = dict(record) | {"image": np.asarray(picture)[..., None]}
    for name in ("patient", "study", "path", "origin"):
        values[name] = values[name].decode() if isinstance(values[name], bytes) else str(values[name])
    for name in ("view", "sex"):
        values[name] = features[name].int2str(int(values[name]))
    values |= {"age": int(values["age"]), "seed": int(values["seed"])}
    values["boxes"] = np.asarray(values["boxes"], np.float32).reshape(-1, 5)
    values["masks"] = np.asarray(values["masks"], np.uint8).reshape(-1, features["masks"].shape[1])
    return Example(**values)


def digest(example: Example) -> bytes:
    """sha256 over every field's name, shape and content: the pixels, not the bytes that some PNG encoder makes of them."""
    whole = hashlib.sha256()
    for name, value in example._asdict().items():
        if name in OPTIONAL and not len(value):
            continue
        if name in DTYPES:
            array = np.ascontiguousarray(value, DTYPES[name])
            content, shape = array.tobytes(), array.shape
        else:
            content, shape = str(value).encode(), ()
        whole.update(f"{name}{shape}{len(content)}:".encode())
        whole.update(content)
    return whole.digest()
