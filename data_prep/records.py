"""An example as bytes: the record that is stored, and the digests that identify its content."""

import hashlib
import io
from typing import Any

import numpy as np
import tensorflow_datasets as tfds
from PIL import Image
from tensorflow_datasets.proto import tf_example_pb2, tf_feature_pb2

from data_prep.schema import Example

DTYPES = {"image": np.uint8, "labels": np.int8, "boxes": np.float32, "factors": np.float32, "masks": np.uint8}
OPTIONAL = (
    "origin",
    "masks",
)  # they count only where they hold something, so that a content hash outlives their invention


def encode(example: Example, features: tfds.features.FeaturesDict) -> bytes:
    """The record of an example: the protocol buffer `tf.train.Example` that TFDS's own serializer makes, in less time.

    The image is encoded as PNG here, since TFDS encodes arrays only with TensorFlow or OpenCV.

    Raises:
      ValueError: for a value that does not fit the features.
    """
    png = io.BytesIO()
    Image.fromarray(example.image[..., 0]).save(png, format="PNG", compress_level=3)
    masks = example.masks.reshape(len(example.masks), features["masks"].shape[1])
    values: dict[str, tf_feature_pb2.Feature] = {"image": _text(png.getvalue())}
    for name in ("patient", "study", "path", "origin"):
        values[name] = _text(getattr(example, name).encode())
    for name in ("view", "sex"):
        value, known = getattr(example, name), features[name].names
        if value not in known:
            raise ValueError(f"{name} is {value!r}, not one of {', '.join(known)}")
        values[name] = _whole([known.index(value)])
    values |= {"age": _whole([int(example.age)]), "seed": _whole([int(example.seed)])}
    values |= {"labels": _whole(_fitting("labels", example.labels, features)), "masks": _whole(masks.ravel().tolist())}
    for name in ("boxes", "factors"):
        array = _fitting(name, getattr(example, name), features)
        values[name] = tf_feature_pb2.Feature(float_list=tf_feature_pb2.FloatList(value=array))
    proto = tf_example_pb2.Example(features=tf_feature_pb2.Features(feature=values))
    return proto.SerializeToString(deterministic=True)


def _text(content: bytes) -> tf_feature_pb2.Feature:
    return tf_feature_pb2.Feature(bytes_list=tf_feature_pb2.BytesList(value=[content]))


def _whole(numbers: list[int]) -> tf_feature_pb2.Feature:
    return tf_feature_pb2.Feature(int64_list=tf_feature_pb2.Int64List(value=numbers))


def _fitting(name: str, value: np.ndarray, features: tfds.features.FeaturesDict) -> list:
    """The numbers of an array, whose shape is that of the feature."""
    array, wanted = np.asarray(value, DTYPES[name]), features[name].shape
    if len(array.shape) != len(wanted) or any(b not in (None, a) for a, b in zip(array.shape, wanted, strict=True)):
        raise ValueError(f"{name} has the shape {array.shape}, not {wanted}")
    return array.ravel().tolist()


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


def pixel_digest(image: np.ndarray) -> bytes:
    """sha256 of an image's pixels alone, uint8 [H, W, 1]: equal for two examples that show the same picture."""
    return hashlib.sha256(np.ascontiguousarray(image, np.uint8).tobytes()).digest()
