"""What is known of a split's examples besides their images, as columns in one file beside the records.

`columns-SPLIT.npz` is an archive of NumPy arrays without pickles, one row an example, in the order of the records:

| array | type | content |
|---|---|---|
| labels | int8 [N, L] | states of the data set's findings (`dirvae.labels.STATES`) |
| patient, study, path, view, sex, origin | bytes [N] | UTF-8 text |
| age | int32 [N] | years, -1 unknown |
| seed | int64 [N] | the phantom's |
| factors | float32 [N, F] | the phantom's |
| boxes, masks | float32 [n, 5], uint8 [m, W] | those of all examples, one below the other |
| boxes_start, masks_start | int64 [N + 1] | the rows of example i are start[i] to start[i + 1] |

`dirvae.training.data` reads it, which opens a data set without decoding its records. It can be deleted: the records hold it all.
"""

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

import numpy as np

from data_prep.schema import Example

TEXTS = ("patient", "study", "path", "view", "sex", "origin")
RAGGED = ("boxes", "masks")
NAMES = ("labels", *TEXTS, "age", "seed", "factors", *RAGGED, *(f"{name}_start" for name in RAGGED))
Columns = dict[str, np.ndarray]


def file_of(directory: Path, split: str) -> Path:
    """The columns of a split of a data set."""
    return Path(directory) / f"columns-{split}.npz"


def of(examples: Sequence[Example], findings: int, factors: int, mask_width: int) -> Columns:
    """The columns of some examples; the numbers are those of their findings, factors, and bytes of a mask's row."""
    count = len(examples)
    columns = {name: text(getattr(example, name) for example in examples) for name in TEXTS}
    columns["labels"] = np.asarray([example.labels for example in examples], np.int8).reshape(count, findings)
    columns["age"] = np.asarray([example.age for example in examples], np.int32)
    columns["seed"] = np.asarray([example.seed for example in examples], np.int64)
    columns["factors"] = np.asarray([example.factors for example in examples], np.float32).reshape(count, factors)
    for name, width, kind in (("boxes", 5, np.float32), ("masks", mask_width, np.uint8)):
        rows = [np.asarray(getattr(example, name), kind).reshape(-1, width) for example in examples]
        columns[name] = np.concatenate([np.zeros((0, width), kind), *rows])
        columns[f"{name}_start"] = np.cumsum([0, *map(len, rows)], dtype=np.int64)
    return columns


def text(values: Iterable[str]) -> np.ndarray:
    """Text as an array of bytes, UTF-8."""
    return np.asarray([value.encode() for value in values] or np.zeros(0, "S1"))


def joined(parts: Sequence[Mapping[str, np.ndarray]]) -> Columns:
    """The columns of several shards in their order, as those of one."""
    whole = {name: np.concatenate([part[name] for part in parts]) for name in NAMES if not name.endswith("_start")}
    for name in (name for name in NAMES if name.endswith("_start")):
        counts = [np.diff(part[name]) for part in parts]
        whole[name] = np.concatenate([np.zeros(1, np.int64), np.cumsum(np.concatenate(counts), dtype=np.int64)])
    return whole


def save(path: Path, columns: Mapping[str, np.ndarray]) -> None:
    """Writes columns, the same bytes for the same values."""
    with path.open("wb") as file:
        np.savez_compressed(file, **columns)


def load(path: Path) -> Columns:
    """Columns as they were saved; raises what NumPy raises for a file that is none."""
    with np.load(path, allow_pickle=False) as stored:
        return {name: stored[name] for name in stored.files}
