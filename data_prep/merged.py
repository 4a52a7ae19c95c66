"""Several data sets as one source: findings and splits united, every image marked with the set it stems from.

    python -m experiments.run --dataset=nih,mimic --raw_dir=NIH,MIMIC
    python -m experiments.run --dataset=chexpert,chexpert --raw_dir=ONE,OTHER

Each set is read and divided as it would be alone, with the same settings. The findings are all that any set names, in the order
of their first mention. `dirvae.labels.translate` carries each set's labels over, so that what a set does not label is masked there and
never counts as absent. Patients, studies and paths are prefixed with the set's name, its origin.
"""

import functools
import itertools
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from data_prep.schema import Example
from data_prep.source import Chunk, DataSource, RawFile, RawFiles, Source, SourceError
from dirvae.config import ConfigError, DataConfig, places
from dirvae.labels import translate


@dataclass(frozen=True)
class Merged:
    """A `data_prep.source.Source` of several others. `origins` names each; `shared` says whose images several of them hold."""

    parts: tuple[Source, ...]
    origins: tuple[str, ...]
    shared: tuple[str, ...] = ()

    version = "1.0.0"
    factors = 0

    @property
    def name(self) -> str:
        return "_".join(origin.replace("-", "") for origin in self.origins)

    @property
    def image_size(self) -> int:
        return self.parts[0].image_size

    @property
    def findings(self) -> tuple[str, ...]:
        return tuple(dict.fromkeys(finding for part in self.parts for finding in part.findings))

    @property
    def chunk_size(self) -> int:
        """Images of the largest chunk; a chunk never holds images of two sets."""
        return max(part.chunk_size for part in self.parts)

    @property
    def options(self) -> dict[str, Any]:
        return {"parts": [self._options(part, origin) for part, origin in zip(self.parts, self.origins, strict=True)]}

    @staticmethod
    def _options(part: Source, origin: str) -> dict[str, Any]:
        return {"origin": origin, "name": part.name, "version": part.version, "options": part.options}

    def counts(self) -> dict[str, int]:
        """Images of each split of the union, train first."""
        total: Counter[str] = Counter()
        for part in self.parts:
            total.update(part.counts())
        return {name: total[name] for name in dict.fromkeys(("train", "validation", "test", *total)) if name in total}

    def shards(self, split: str) -> int:
        return sum(shards_of(part, split) for part in self.parts)

    def task(self, split: str, number: int) -> Callable[[], Chunk]:
        place, own = self._place(split, number)
        part = self.parts[place]
        return functools.partial(read, part.task(split, own), part.findings, self.findings, self.origins[place])

    def _place(self, split: str, number: int) -> tuple[int, int]:
        """Which part a chunk is of, and its number there."""
        for place, part in enumerate(self.parts):
            if number < shards_of(part, split):
                return place, number
            number -= shards_of(part, split)
        raise IndexError(f"{self.name} has no further chunk of {split}")

    def state(self, split: str, number: int) -> str:
        place, own = self._place(split, number)
        return self.parts[place].state(split, own)

    def raw_files(self, progress: Callable[[str], None]) -> RawFiles | None:
        """The raw files of all sets, each under its origin."""
        found = {origin: part.raw_files(progress) for origin, part in zip(self.origins, self.parts, strict=True)}
        held = {origin: files for origin, files in found.items() if files is not None}

        def opened(path: str) -> Any:
            origin, _, own = path.partition("/")
            return held[origin].open(own)

        parts = {origin: by_split(files) for origin, files in held.items()}
        files = [
            file._replace(path=f"{origin}/{file.path}")
            for split in self.counts()
            for origin, own in parts.items()
            for file in own.get(split, ())
        ]
        return RawFiles(",".join(one.location for one in held.values()), files, opened)

    def facts(self) -> dict[str, Any]:
        """What each set tells, by origin, and the notices of all of them."""
        told = {origin: part.facts() for part, origin in zip(self.parts, self.origins, strict=True)}
        notices = [f"{origin}: {notice}" for origin, facts in told.items() for notice in facts.get("notices", ())]
        notices += [f"{both}; one patient may be in two splits" for both in self.shared]
        return {"parts": told, "notices": notices}


def shards_of(source: Source, split: str) -> int:
    """Chunks of a split, none where the source has no such split."""
    return source.shards(split) if split in source.counts() else 0


def by_split(raw: RawFiles) -> dict[str, Sequence[RawFile]]:
    """The raw files of each split."""
    ends = list(itertools.accumulate(raw.counts.values()))
    return {split: raw.files[end - count : end] for (split, count), end in zip(raw.counts.items(), ends, strict=True)}


def read(task: Callable[[], Chunk], own: tuple[str, ...], wanted: tuple[str, ...], origin: str) -> Chunk:
    """The chunk of one set, in the findings of the union and under the set's name."""
    chunk = task()
    return chunk._replace(
        examples=[as_part(example, own, wanted, origin) for example in chunk.examples],
        skipped=[skipped._replace(path=f"{origin}/{skipped.path}") for skipped in chunk.skipped],
        warnings=[(f"{origin}/{path}", verdict) for path, verdict in chunk.warnings],
        files=[file._replace(path=f"{origin}/{file.path}") for file in chunk.files],
    )


def as_part(example: Example, own: Sequence[str], wanted: Sequence[str], origin: str) -> Example:
    """An example of one set, whose labels are of `own` findings, as one of the union, whose labels are of `wanted` ones."""
    place = np.asarray([wanted.index(finding) for finding in own])
    boxes, masks = example.boxes.copy(), example.masks.copy()
    boxes[:, 0] = place[boxes[:, 0].astype(int)]
    if len(masks):
        if place[masks[:, 0]].max() > 255:  # a mask's finding is kept in a byte
            raise SourceError(
                f"{origin} has masks of a finding that is not among the first 256 of {len(wanted)}; name it first in --dataset"
            )
        masks[:, 0] = place[masks[:, 0].astype(int)]
    return example._replace(
        labels=translate(example.labels[None], own, wanted)[0],
        patient=f"{origin}/{example.patient}",
        study=f"{origin}/{example.study}",
        path=f"{origin}/{example.path}",
        boxes=boxes,
        masks=masks,
        origin=origin,
        factors=np.zeros(0, np.float32),
    )


def origins(names: Sequence[str]) -> tuple[str, ...]:
    """A name for each set, unlike all others: a source that is read more than once is numbered, as in chexpert-1."""
    number: Counter[str] = Counter()
    found = []
    for name in names:
        number[name] += 1
        found.append(f"{name}-{number[name]}" if names.count(name) > 1 else name)
    return tuple(found)


def folders(raw_dir: Path | str | None, names: Sequence[str]) -> list[Path]:
    """The raw folder of each set, from --raw_dir=DIR1,DIR2.

    Raises:
      ConfigError: where there are not as many folders as sets, or a set is given twice.
    """
    found = [
        places.place(part.strip()) for part in (places.shown(raw_dir) if raw_dir else "").split(",") if part.strip()
    ]
    if len(found) != len(names):
        raise ConfigError(
            f"--dataset={','.join(names)} names {len(names)} data sets and --raw_dir {len(found)} folders; "
            "give one folder for each, in the same order, separated by commas"
        )
    twice = [pair for pair, count in Counter(zip(names, map(str, found), strict=True)).items() if count > 1]
    if twice:
        raise ConfigError(
            f"--raw_dir gives {twice[0][1]} twice for --dataset={twice[0][0]}; each image would count twice"
        )
    return found


def shared_images(named: Mapping[str, DataSource]) -> tuple[str, ...]:
    """Sentences on sets, by origin, that hold images of the same collection."""
    holders: dict[str, list[str]] = {}
    for origin, source in named.items():
        for collection in source.images_of:
            holders.setdefault(collection, []).append(origin)
    return tuple(
        f"{' and '.join(members)} hold images of {collection}, perhaps the same ones"
        for collection, members in holders.items()
        if len(members) > 1
    )


def data_source(names: Sequence[str], named: Callable[[str], DataSource]) -> DataSource:
    """The entry of several registered sources together; `named` gives each one's own.

    Raises:
      ConfigError: for a source whose images are made and not read.
    """
    sources = {origin: named(name) for origin, name in zip(origins(names), names, strict=True)}
    for name, source in zip(names, sources.values(), strict=True):
        if not source.needs_raw_dir:
            raise ConfigError(f"--dataset={','.join(names)} cannot be merged: {name} reads no images from a folder")

    def opened(data: DataConfig, raw_dir: Path | None) -> Merged:
        given = zip(names, sources.values(), folders(raw_dir, names), strict=True)
        parts = [source.open(_single(data, name), folder) for name, source, folder in given]
        return Merged(tuple(parts), tuple(sources), shared_images(sources))

    def opened_split(raw_dir: Path, split: str, data: DataConfig) -> Merged:
        parts = []
        for name, source, folder in zip(names, sources.values(), folders(raw_dir, names), strict=True):
            assert source.open_split is not None  # every source with a raw folder has one
            parts.append(source.open_split(folder, split, _single(data, name)))
        return Merged(tuple(parts), tuple(sources), shared_images(sources))

    return DataSource(
        open=opened,
        title=lambda data, manifest: " and ".join(_of_parts("title", sources, names, data, manifest)),
        origin=lambda data, manifest: " ".join(_of_parts("origin", sources, names, data, manifest)),
        raw_dir_holds="the folder of each data set, separated by commas",
        open_split=opened_split,
        images_of=tuple(dict.fromkeys(one for source in sources.values() for one in source.images_of)),
    )


def _single(data: DataConfig, name: str) -> DataConfig:
    return replace(data, dataset=name)


def _of_parts(
    what: str, sources: Mapping[str, DataSource], names: Sequence[str], data: DataConfig, manifest: Mapping[str, Any]
) -> list[str]:
    """The title or the origin of each set, in the words of its own source."""
    facts = manifest["facts"]["parts"]
    own = [
        {**manifest, "options": part["options"], "facts": facts[part["origin"]]}
        for part in manifest["options"]["parts"]
    ]
    return [
        getattr(source, what)(_single(data, name), part)
        for source, name, part in zip(sources.values(), names, own, strict=True)
    ]
