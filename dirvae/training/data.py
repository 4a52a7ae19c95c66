"""Batches of a TFDS data set: shuffled by seed, masked, split over hosts, decoded ahead of the step.

The order of examples is a pure function of (seed, position), so a step's number is the whole state of the iterator. A resumed
run sees exactly the batches that an uninterrupted one would have seen.
"""

import io
import json
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import grain
import numpy as np
import tensorflow_datasets as tfds
from PIL import Image
from tensorflow_datasets.proto import tf_example_pb2

from dirvae.config import ConfigError, DataConfig
from dirvae.labels import COMPOSED, FINDINGS, apply_policies, canonical, finding_index, translate
from dirvae.training import parallel, table
from dirvae.training.table import Table
from dirvae.types import Batch

__all__ = [
    "Choice",
    "Examples",
    "Split",
    "Table",
    "choose_labels",
    "examples",
    "findings_of",
    "in_order",
    "label_space",
    "shuffled",
]

BLOCK = 1024  # images decoded at once
DEVELOPMENT = ("train", "validation")  # splits from which a run learns or chooses


def decode(png: bytes) -> np.ndarray:
    """uint8 [H, W, 1]."""
    return np.asarray(Image.open(io.BytesIO(png)))[..., None]


def findings_of(directory: Path) -> tuple[str, ...]:
    """The findings that a data set's labels stand for; the 14 of CheXpert where its manifest names none."""
    path = Path(directory) / "manifest.json"
    named = json.loads(path.read_text()).get("findings") if path.exists() else None
    return tuple(named or FINDINGS)


class Split:
    """One split: its table, and images by position. Images of a small split are decoded once each and kept in memory as uint8."""

    def __init__(self, directory: Path, name: str, cache_megabytes: int = 2000):
        builder = tfds.builder_from_directory(directory)
        if name not in builder.info.splits:
            held = ", ".join(sorted(builder.info.splits))
            raise ConfigError(f"{directory} has no split {name!r}; it holds {held}")
        self.name, self.directory = name, Path(directory)
        self.findings = findings_of(self.directory)
        features = builder.info.features
        # Pillow decodes as well as TFDS's own decoder, and releases the interpreter lock for the reading threads.
        self.source = builder.as_data_source(name, decoders={"image": tfds.decode.SkipDecoding()})
        self.image_shape = features["image"].shape
        self.factor_count = features["factors"].shape[0]
        small = len(self.source) * np.prod(self.image_shape) <= cache_megabytes * 1e6
        self._cache = np.empty((len(self.source), *self.image_shape), np.uint8) if small else None
        self._kept = np.zeros(len(self.source), bool)
        self.table = table.read(self.directory, name, self.source, features, len(self.findings))

    def __len__(self) -> int:
        return len(self.source)

    def images(self, positions: np.ndarray) -> np.ndarray:
        """uint8 [n, H, W, C]."""
        positions = np.asarray(positions, np.int64)
        if self._cache is None:
            return self._decoded(positions)
        missing = np.unique(positions[~self._kept[positions]])
        for first in range(0, len(missing), BLOCK):  # threads that decode the same image write the same pixels
            some = missing[first : first + BLOCK]
            self._cache[some] = self._decoded(some)
            self._kept[some] = True
        return self._cache[positions]

    def _decoded(self, positions: np.ndarray) -> np.ndarray:
        """Images out of their records, of which nothing else is parsed."""
        records = self.source.data_source.__getitems__(positions.tolist()) if len(positions) else []
        images = np.empty((len(positions), *self.image_shape), np.uint8)
        for row, record in enumerate(records):
            png = tf_example_pb2.Example.FromString(record).features.feature["image"].bytes_list.value[0]
            images[row] = decode(png)
        return images


class Examples(NamedTuple):
    """A split as a run uses it: chosen findings, policies applied."""

    split: Split
    labels: tuple[str, ...]
    target: np.ndarray  # float32 [N, L]
    weight: np.ndarray  # float32 [N, L]

    def batch(self, positions: np.ndarray, size: int) -> Batch:
        """The examples at `positions`, filled up with masked copies of the first to `size` rows."""
        filled = parallel.fill(positions, max(size, len(positions)))
        mask = (np.arange(size) < len(positions)).astype(np.float32)
        return Batch(
            image=self.split.images(filled),
            target=self.target[filled],
            weight=self.weight[filled] * mask[:, None],
            mask=mask,
            index=filled.astype(np.int32),
        )


class Choice(NamedTuple):
    """The findings that a run learns, and why it leaves others out."""

    labels: tuple[str, ...]
    left_out: dict[str, str]  # {finding: what its known training labels lack}


def label_space(findings: tuple[str, ...], wanted: tuple[str, ...] = ()) -> tuple[str, ...]:
    """The findings that can be asked of a data set: its own, and those of `wanted` that are composed of some of its own."""
    asked = {canonical(name).lower() for name in wanted}
    composed = [whole for whole, parts in COMPOSED.items() if whole.lower() in asked and set(parts) & set(findings)]
    return tuple(dict.fromkeys((*findings, *composed)))


def choose_labels(training: Examples, config: DataConfig) -> Choice:
    """The findings to learn: those that `config.labels` names, or all that have positives and negatives.

    `training` holds the findings of `label_space` under the policies of the configuration. What counts is what the policies leave: a
    finding that reports name only where it is present, such as No Finding, has no negative where blank labels are ignored.

    Raises:
      ConfigError: for a wanted finding whose known labels have one value alone, where no finding has both, or where no image is
        labelled.
    """
    if not training.weight.any():
        raise ConfigError(
            f"none of the {len(training.weight)} training images is labelled, and the classifier needs some that are; add a "
            "labelled data set, as in --dataset=chexpert,csv --raw_dir=LABELLED,UNLABELLED"
        )
    known = {"positive": training.target * training.weight, "negative": (1.0 - training.target) * training.weight}
    missing = {value: part.sum(axis=0) == 0 for value, part in known.items()}
    lacking = {
        finding: " and no ".join(value for value in known if missing[value][column])
        for column, finding in enumerate(training.labels)
    }
    usable = tuple(finding for finding, value in lacking.items() if not value)
    wanted = tuple(training.labels[finding_index(canonical(name), training.labels)] for name in config.labels)
    if repeated := [name for name in dict.fromkeys(wanted) if wanted.count(name) > 1]:
        raise ConfigError(f"data.labels names {repeated[0]} twice; every mean over findings would count it twice")
    policies = f"under data.uncertain={config.uncertain} and data.blank={config.blank}"
    if refused := [f"{name} (no {lacking[name]})" for name in wanted if name not in usable]:
        raise ConfigError(
            f"{policies} the training labels lack one value of {', '.join(refused)}, which cannot be learned then; "
            f"data.labels can be any of {', '.join(usable)}"
        )
    if not usable:
        raise ConfigError(f"{policies} no finding has both positives and negatives among the training labels")
    left_out = {finding: f"no {value}" for finding, value in lacking.items() if value}
    return Choice(wanted or usable, {} if wanted else left_out)


def examples(split: Split, labels: tuple[str, ...], config: DataConfig, seed: int = 0) -> Examples:
    """Applies the label policies of a configuration to the chosen findings.

    With `shuffle_labels` the rows of the labels are permuted over the images of train and of validation, by `seed`. Prevalences
    stay, and which findings go together; what they have to do with the images is lost. Validation is shuffled too, since a
    checkpoint chosen by true labels would have seen some. What is scored on test is then what chance gives.
    """
    stored = split.table.labels
    if config.shuffle_labels and split.name in DEVELOPMENT:
        stored = stored[np.random.default_rng((seed, DEVELOPMENT.index(split.name))).permutation(len(stored))]
    target, weight = apply_policies(translate(stored, split.findings, labels), config.uncertain, config.blank)
    return Examples(split, labels, target, weight)


def shuffled(examples: Examples, batch_size: int, rows: slice, seed: int, steps: range) -> Iterator[Batch]:
    """The batches of the given steps, this host's `rows` of each; each epoch is a permutation of its own.

    Threads decode ahead where images are not kept in memory.
    """
    order = grain.MapDataset.range(len(examples.split)).seed(seed).shuffle().repeat()

    def load(step: int) -> Batch:
        first = step * batch_size
        positions = np.asarray([order[first + row] for row in range(rows.start, rows.stop)])
        return examples.batch(positions, len(positions))

    ahead = grain.ReadOptions(num_threads=2, prefetch_buffer_size=4)
    return iter(grain.MapDataset.range(steps.start, steps.stop).map(load).to_iter_dataset(ahead))


def in_order(examples: Examples, batch_size: int, limit: int | None = None) -> Iterator[Batch]:
    """Every example once, in the order of the records; the last batch is padded and masked."""
    count = len(examples.split) if limit is None else min(limit, len(examples.split))
    for first in range(0, count, batch_size):
        yield examples.batch(np.arange(first, min(first + batch_size, count)), batch_size)
