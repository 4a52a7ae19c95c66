"""A look at a sample of a data set's images: what their files say, which cannot be read, which are no good radiographs."""

import io
from collections import Counter
from collections.abc import Iterator, Sequence
from typing import NamedTuple

from data_prep import images, quality, records
from data_prep.contents import Item
from data_prep.files import Folder
from data_prep.plan import Entry
from data_prep.progress import Meter, Progress, silent
from data_prep.stored import MAX_BYTES
from dirvae.config import DataConfig


class Look(NamedTuple):
    """An image as it was read: facts, names of verdicts and a digest of its pixels in the set's size, or why it cannot be read."""

    entry: Entry
    facts: images.Facts | None = None
    verdicts: tuple[str, ...] = ()
    digest: bytes = b""
    reason: str = ""

    @property
    def odd(self) -> bool:
        return bool(self.reason or self.verdicts)


def spaced(entries: Sequence[Entry], count: int) -> list[Entry]:
    """So many entries at equal distances, all of them where there are no more."""
    count = min(count, len(entries))
    return [entries[place * len(entries) // count] for place in range(count)]


def picture(entry: Entry, folder: Folder, size: int, intensity: str) -> images.Picture:
    """An entry's picture.

    Raises:
      ImageError: for one that cannot be read.
      SourceError: for DICOM where pydicom is not installed.
    """
    if entry.file is None:
        raise images.ImageError(entry.reason)
    try:
        with folder.open(entry.file.path) as file:
            content = file.read(MAX_BYTES + 1)
    except OSError as error:
        raise images.ImageError(f"cannot be opened ({error.strerror or error})") from None
    return images.picture(io.BytesIO(content), size, intensity, entry.file.path)


def looks(entries: Sequence[Entry], folder: Folder, data: DataConfig, progress: Progress = silent) -> list[Look]:
    """A look at each entry, in their order."""
    meter, seen = Meter(progress, "looking at a sample", "images", len(entries)), []
    for entry in entries:
        try:
            read = picture(entry, folder, data.image_size, data.intensity)
        except images.ImageError as error:
            seen.append(Look(entry, reason=str(error)))
        else:
            verdicts = tuple(verdict.name for verdict in read.warnings)
            seen.append(Look(entry, read.facts, verdicts, records.pixel_digest(read.image)))
        meter.step()
    return seen


def summary(seen: Sequence[Look], whole: int) -> Iterator[Item]:
    """What was seen of a sample of so many images, one item a line."""
    facts = [look.facts for look in seen if look.facts]
    yield "sample", f"{len(seen):,} of {whole:,} images, at equal distances; {len(facts):,} can be read"
    if facts:
        yield "files", _common(f"{item.format} {item.kind} of {item.bits} bit" for item in facts)
        yield "pixels", _sizes(facts)
        yield "grey", f"white by {_common(item.shown_by for item in facts)}{_corrections(facts)}"
    for reason, count in Counter(look.reason for look in seen if look.reason).most_common(3):
        first = next(look.entry.row.path for look in seen if look.reason == reason)
        yield "unreadable", f"{count:,}: {reason}, such as {first}"
    yield from _verdicts(seen, len(facts))
    yield from _duplicates(seen)


def _common(values: Iterator[str]) -> str:
    counts = Counter(values).most_common()
    more = f", {len(counts) - 4} other kinds" if len(counts) > 4 else ""
    return ", ".join(f"{value} ({count:,})" for value, count in counts[:4]) + more


def _sizes(facts: Sequence[images.Facts]) -> str:
    sizes = Counter((item.height, item.width) for item in facts)
    if len(sizes) <= 3:
        return ", ".join(f"{height} x {width} ({count:,})" for (height, width), count in sizes.most_common())
    heights, widths = (sorted(getattr(item, side) for item in facts) for side in ("height", "width"))
    square = sum(item.height == item.width for item in facts)
    return (
        f"{len(sizes):,} sizes: heights {heights[0]} to {heights[-1]}, widths {widths[0]} to {widths[-1]}; "
        f"{square:,} are square"
    )


def _corrections(facts: Sequence[images.Facts]) -> str:
    """What was done to images because their files say so."""
    done = {
        "turned": sum(item.turned != 1 for item in facts),
        "inverted": sum(item.inverted for item in facts),
        "stretched, since their pixels are not square": sum(abs(item.aspect - 1) > 1e-3 for item in facts),
        "with padding or transparent pixels": sum(item.blank > 0 for item in facts),
    }
    return (
        "; by what files say: " + ", ".join(f"{count:,} {words}" for words, count in done.items() if count)
        if any(done.values())
        else "; none is turned, inverted or padded by what its file says"
    )


def _verdicts(seen: Sequence[Look], readable: int) -> Iterator[Item]:
    counts = Counter(name for look in seen for name in look.verdicts)
    for verdict in quality.verdicts_of_set(counts, readable)[:4]:
        first = next(look.entry.row.path for look in seen if verdict.name in look.verdicts)
        yield "quality", f"{verdict.sentence()}; such as {first}"
    if readable and not counts:
        yield "quality", "every picture passes (data_prep/quality.py)"


def _duplicates(seen: Sequence[Look]) -> Iterator[Item]:
    """Images whose pixels in the set's size are those of another one."""
    groups: dict[bytes, list[str]] = {}
    for look in seen:
        if look.digest:
            groups.setdefault(look.digest, []).append(look.entry.row.path)
    repeated = [paths for paths in groups.values() if len(paths) > 1]
    some = f": {repeated[0][0]} and {repeated[0][1]}" if repeated else ""
    yield "duplicates", f"{sum(map(len, repeated)) - len(repeated):,} in the sample by their pixels{some}"
