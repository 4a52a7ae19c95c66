"""Says in one screen what a folder of raw X-rays holds, which reader fits it, and what is odd, before anything is built.

    python -m data_prep.check --raw_dir=DIR
    python -m data_prep.check --raw_dir=DIR --dataset=chexpert --views=all --images=500 --out=sheet.png

Nothing is written but the contact sheet, a PNG of 40 of the images. It shows patients: keep it where the images may be. The exit code is
0 where the command that is printed would build a data set.
"""

import argparse
import shlex
import textwrap
from collections.abc import Iterable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import NamedTuple

from data_prep import contents, recognition, sample, sources
from data_prep import survey as surveys
from data_prep.cells import Cells
from data_prep.contents import Item
from data_prep.files import Folder
from data_prep.plan import open_tables
from data_prep.reader import Reader, inputs_of
from data_prep.source import SourceError
from data_prep.survey import Survey
from data_prep.table_source import TableSource
from dirvae.config import ConfigError, DataConfig, command_line, override, validate_data
from dirvae.config.command_line import CONSOLE, Parser, one_of, whole

WIDTH, LABEL, IMAGES = 100, 11, 200
RESEMBLANCE = 0.3
"""The share of a published set's tables and columns that a folder must have to be said to resemble it."""


class Choice(NamedTuple):
    """The reader that fits a folder, its survey, and why nothing can be built; each may be missing.

    `others` names readers that fit too, each with why it can build nothing.
    """

    reader: Reader | None = None
    survey: Survey | None = None
    others: tuple[tuple[str, str], ...] = ()
    problem: str = ""


def choose(name: str | None, folder: Folder, data: DataConfig) -> Choice:
    """The choice for a folder: the reader `name`, else the one of a published set that fits, else one of any table or folder.

    Of several, it is the first whose set can be built.
    """
    known = {reader.name: reader for reader in sources.readers()}
    if name:
        return _choice(known[name], folder, data)
    fits = list(filter(recognition.specific, recognition.fitting(folder)))
    if not fits and (deeper := list(filter(recognition.specific, recognition.fitting(folder, depth=20)))):
        advice = recognition.advice(folder, deeper[0], data)
        return Choice(problem=f"raw_dir {folder} holds no tables of {deeper[0].title} itself; {advice}")
    choices: list[Choice] = []
    for reader in fits or _general(folder, data):
        choices.append(_choice(reader, folder, data))
        if choices[-1].survey and not choices[-1].problem:
            break
    best = max(choices, key=_merit, default=Choice())
    others = [(choice.reader.name, choice.problem) for choice in choices if choice is not best and choice.reader]
    return best._replace(others=tuple(others))


def _general(folder: Folder, data: DataConfig) -> Iterator[Reader]:
    """Readers of any table or folder that may read a folder, those that are known by their files first."""
    fits = recognition.fitting(folder)
    yield from fits
    for reader in sources.readers():
        if reader not in fits and not recognition.needed(reader) and _has_rows(reader, folder, data):
            yield reader


def _choice(reader: Reader, folder: Folder, data: DataConfig) -> Choice:
    source = TableSource(reader, replace(data, dataset=reader.name), folder.place)
    try:
        found = surveys.survey(source)
    except SourceError as error:
        return Choice(reader, problem=str(error))
    return Choice(reader, found, problem=found.problem)


def _merit(choice: Choice) -> tuple[bool, bool]:
    return not choice.problem, choice.survey is not None


def _has_rows(reader: Reader, folder: Folder, data: DataConfig) -> bool:
    """Whether a reader that takes no tables finds an image in a folder."""
    try:
        opened, _ = open_tables(reader, folder, data, "")
        return next(iter(reader.rows(inputs_of(opened, folder, data), Cells())), None) is not None
    except SourceError:
        return False


def command(name: str, flags: argparse.Namespace) -> str:
    """The command that builds the set, with the settings of this one."""
    settings = {"dataset": name, "raw_dir": flags.raw_dir}
    if flags.data_dir != command_line.FLAGS["--data_dir"]["default"]:
        settings["data_dir"] = flags.data_dir
    settings |= flags.fields
    return "python -m data_prep.build " + " ".join(shlex.quote(f"--{key}={value}") for key, value in settings.items())


def say_reader(choice: Choice, flags: argparse.Namespace) -> None:
    """Prints the reader, its tables, and the command that builds the set, in one line however long, so that it can be copied."""
    if choice.reader is None:
        return
    tables = f", of {', '.join(choice.survey.plan.tables) or 'no table'}" if choice.survey else ""
    say([("reader", f"--dataset={choice.reader.name}: {choice.reader.title}{tables}")])
    CONSOLE.say("build".ljust(LABEL) + command(choice.reader.name, flags))
    if choice.problem:
        say([("", "This command would fail now. The last line says why.")])
    say(("not", f"--dataset={name}: {problem}") for name, problem in choice.others)


def say(items: Iterable[Item]) -> None:
    """Prints labels and what is said under them, in lines of `WIDTH`."""
    for label, text in items:
        CONSOLE.say(
            textwrap.fill(
                text,
                WIDTH,
                initial_indent=label.ljust(LABEL),
                subsequent_indent=" " * LABEL,
                break_long_words=False,
                break_on_hyphens=False,
            )
        )


def unfit(folder: Folder, choice: Choice) -> str:
    """Prints what a folder holds of which nothing can be built, and gives the sentence that ends the command."""
    held = contents.tables(folder)
    say(contents.details(folder, held))
    if choice.problem:
        return choice.problem
    near = contents.nearest(folder, held)
    say(contents.resemblance(near))
    wanted = f"; {near.reader.title} comes nearest, which needs {near.reader.holds}" if near else ""
    return f"no registered reader fits {folder}{wanted}"


def say_nearest(folder: Folder, choice: Choice) -> None:
    """Prints which published set a folder resembles that is read as any table or any images, where it has half of its tables."""
    if choice.reader is None or recognition.specific(choice.reader):
        return
    near = contents.nearest(folder, contents.tables(folder))
    if near and near.share >= RESEMBLANCE:
        say(contents.resemblance(near))


def sheet_place(flags: argparse.Namespace, folder: Folder) -> Path | None:
    """Where the contact sheet goes; none where that would be in the folder itself and nobody asked for it there.

    Raises:
      ConfigError: for a file in raw_dir, or one that is no PNG.
    """
    place = flags.out or flags.data_dir / f"check_{folder.name}.png"
    if place.suffix.lower() != ".png":
        raise ConfigError(f"--out={place} must end in .png")
    if not place.resolve().is_relative_to(folder.root):
        return place
    if flags.out:
        raise ConfigError(f"--out={place} lies in raw_dir, where nothing is written; give another place")
    return None


def draw_sheet(seen: list[sample.Look], folder: Folder, data: DataConfig, title: str, place: Path | None) -> Item:
    """Writes the contact sheet, and says where it is."""
    if place is None:
        return "sheet", "none, since data_dir lies in raw_dir; --out=FILE.png says where it shall be"
    from data_prep import contact_sheet  # which takes a second to import

    shown = contact_sheet.chosen(seen)
    place.parent.mkdir(parents=True, exist_ok=True)
    contact_sheet.draw(shown, folder, data.intensity, title).save(place)
    odd = sum(look.odd for look in shown)
    return "sheet", f"{place}, {len(shown)} images" + f", the {odd} odd ones first" * bool(odd)


def parser() -> Parser:
    flags = Parser("data_prep.check", __doc__ or "", prefix="--")
    flags.shared("--raw_dir", required=True)
    names = [reader.name for reader in sources.readers()]
    flags.add_argument("--dataset", default=None, help="reader; none: the one that fits", **one_of(names))
    flags.add_argument(
        "--images", type=whole(), default=IMAGES, help=f"images to look at, {IMAGES} unless said otherwise"
    )
    flags.add_argument("--long", action="store_true", help="list every finding, however many there are")
    flags.shared("--data_dir")
    flags.shared("--out", help="contact sheet to write; DATA_DIR/check_NAME.png unless said otherwise")
    flags.epilog = (
        "Any field of dirvae.config.DataConfig can be set, as in --views=all --intensity=range, as for data_prep.build."
    )
    return flags


def run(flags: argparse.Namespace) -> None:
    """Prints what the folder holds.

    Raises:
      SourceError: for a folder of which no data set can be built, once everything else has been said.
    """
    data = validate_data(override(DataConfig(), flags.fields))
    folder = contents.opened(flags.raw_dir, data.allowed_roots)
    place = sheet_place(flags, folder)
    say(contents.summary(folder))
    choice = choose(flags.dataset, folder, data)
    say_reader(choice, flags)
    if choice.survey is None:
        raise SourceError(unfit(folder, choice))
    say_nearest(folder, choice)
    found = choice.survey
    say(surveys.counts(found, folder))
    for line in surveys.labels(found, flags.long):
        CONSOLE.say(line)
    say(surveys.one_sided(found))
    present = [entry for entry in found.entries if entry.file]
    if flags.images and present:
        seen = sample.looks(sample.spaced(present, flags.images), folder, data, CONSOLE.progress)
        say(sample.summary(seen, len(present)))
        say([draw_sheet(seen, folder, data, f"{found.source.reader.title}: {folder}", place)])
    if choice.problem:
        raise SourceError(choice.problem)


def main(arguments: list[str] | None = None) -> None:
    command_line.main(parser(), run, arguments)


if __name__ == "__main__":
    main()
