"""Reads a finished data set again and checks that it is what its manifest says.

    python -m data_prep.verify DIR
"""

import argparse
import hashlib
import io
import sys
from pathlib import Path

import numpy as np
import tensorflow_datasets as tfds
from PIL import Image

from data_prep.build import canonical, content_hash, read_manifest
from data_prep.chexpert import SourceError
from data_prep.schema import Example
from dirvae.labels import BLANK, NEGATIVE, POSITIVE, UNCERTAIN


def verify(directory: Path) -> list[str]:
    """Problems, in plain sentences; empty where every record, count and hash is as the manifest says.

    Raises:
      SourceError: where the folder holds no finished data set.
    """
    manifest = read_manifest(directory)
    builder = tfds.builder_from_directory(directory)
    problems, seen, digests = [], {}, {}
    for name, facts in manifest["splits"].items():
        try:
            records = builder.as_data_source(name, decoders={"image": tfds.decode.SkipDecoding()})
            examples = [_decode(record, builder.info.features) for record in records]
        except Exception as error:  # a damaged shard shows itself as any of many kinds
            problems.append(f"{name}: a record cannot be read ({type(error).__name__}: {str(error)[:100]})")
            continue
        problems += [f"{name}: {problem}" for problem in _check_split(examples, facts, manifest["image_size"])]
        digests[name] = [{"sha256": digest} for digest in _digests(examples, builder.info.splits[name].shard_lengths)]
        for patient in {example.patient for example in examples}:
            if patient in seen:
                problems.append(f"patient {patient} is in {seen[patient]} and {name}")
            seen[patient] = name
    if len(digests) == len(manifest["splits"]) and content_hash(digests) != manifest["content_hash"]:
        problems.append("the content hash differs from the manifest's")
    return problems


def _decode(record: dict, features: tfds.features.FeaturesDict) -> Example:
    text = {name: record[name].decode() for name in ("patient", "study", "path")}
    names = {name: features[name].int2str(int(record[name])) for name in ("view", "sex")}
    image = {"image": np.asarray(Image.open(io.BytesIO(record["image"])))[..., None]}
    return Example(**(record | image | text | names | {"age": int(record["age"]), "seed": int(record["seed"])}))


def _check_split(examples: list[Example], facts: dict, size: int) -> list[str]:
    problems = []
    if len(examples) != facts["images"]:
        problems.append(f"{len(examples)} images instead of {facts['images']}")
    labels = np.stack([example.labels for example in examples])
    if not np.isin(labels, (POSITIVE, NEGATIVE, UNCERTAIN, BLANK)).all():
        problems.append("a label is none of 1, 0, -1, -2")
    positives = [facts["labels"][finding]["positive"] for finding in facts["labels"]]
    if (labels == POSITIVE).sum(axis=0).tolist() != positives:
        problems.append("the numbers of positives differ from the manifest's")
    if any(example.image.shape != (size, size, 1) for example in examples):
        problems.append(f"an image is not {size} x {size}")
    if len({example.path for example in examples}) != len(examples):
        problems.append("a path occurs twice")
    return problems


def _digests(examples: list[Example], lengths: list[int]) -> list[str]:
    """One digest a shard, as the builder took them."""
    found, first = [], 0
    for length in lengths:
        digest = hashlib.sha256()
        for example in examples[first : first + length]:
            digest.update(canonical(example))
        found.append(digest.hexdigest())
        first += length
    return found


def main(arguments: list[str] | None = None) -> None:
    flags = argparse.ArgumentParser(prog="python -m data_prep.verify", description="Checks a finished data set.")
    flags.add_argument("directory", type=Path)
    try:
        problems = verify(flags.parse_args(arguments).directory)
    except SourceError as error:
        sys.exit(f"error: {error}")
    if problems:
        sys.exit("\n".join(f"error: {problem}" for problem in problems))
    print("every record, count and hash is as the manifest says")


if __name__ == "__main__":
    main()
