"""Every command of this project shares what is here: flags, errors, exit codes and the lines it prints.

Exit codes: 0 done; 1 the command could not do it; 2 the command line is wrong; 130 interrupted. Every ending but 0 says one
sentence on stderr. Nothing here imports a numerical library, so that `--help` answers at once.
"""

import argparse
import ast
import difflib
import importlib.util
import os
import shutil
import sys
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, NoReturn

import dirvae
from dirvae.config.fields import Config, ConfigError, paths
from dirvae.config.parsing import assignments
from dirvae.config.places import place

COULD_NOT, WRONG_USAGE, INTERRUPTED = 1, 2, 130
LARGEST_SEED = 2**32 - 1  # the largest that NumPy, scikit-learn and JAX all take
FLAGS: dict[str, dict[str, Any]] = {
    "--data_dir": {
        "type": place,
        "default": Path("data"),
        "help": "folder of prepared data sets and compiled programs, or an address such as s3://bucket/folder",
    },
    "--raw_dir": {
        "type": place,
        "help": "folder or address of the raw images and their tables; of several data sets the folders, separated by commas",
    },
    "--out": {"type": Path, "help": "file or folder to write"},
}
"""Flags of one meaning in `data_prep` and `experiments`: name -> what `argparse` is told."""


class Parser(argparse.ArgumentParser):
    """A parser that refuses abbreviated flags, suggests the nearest one, and says every error in one sentence.

    `table` holds the flags that `shared` takes. With a `prefix`, such as "--config.", arguments PREFIXname=value are
    collected in the namespace's `fields` {name: value}.
    """

    def __init__(
        self, command: str, doc: str, prefix: str = "", table: Mapping[str, dict[str, Any]] = FLAGS, **more: Any
    ) -> None:
        super().__init__(
            prog=f"python -m {command}",
            description=doc,
            formatter_class=argparse.RawDescriptionHelpFormatter,
            allow_abbrev=False,
            **more,
        )
        self.prefix, self.table = prefix, table
        self.add_argument("--version", action="version", version=f"dirvae {dirvae.__version__}")

    def shared(self, name: str, *others: str, **changes: Any) -> None:
        """Adds a flag of the table with its usual type and help; `others` are hidden older spellings of it."""
        settings = self.table[name] | changes
        self.add_argument(name, **settings)
        if others:
            hidden = settings | {"dest": name.lstrip("-"), "default": argparse.SUPPRESS, "help": argparse.SUPPRESS}
            self.add_argument(*others, **{key: value for key, value in hidden.items() if key != "required"})

    def parse(self, arguments: Sequence[str] | None = None) -> argparse.Namespace:
        """The namespace of the arguments; ends the program with exit code 2 where they are wrong."""
        flags, leftover = self.parse_known_args(arguments)
        unknown = self._unknown(leftover)
        if unknown is not None:
            self.error(f"{unknown!r} is not a flag{self._suggestion(unknown)}; --help lists them all")
        if self.prefix:
            try:
                flags.fields = assignments(leftover, prefix=self.prefix)
            except ConfigError as error:
                self.error(str(error))
        return flags

    def error(self, message: str) -> NoReturn:
        stop(WRONG_USAGE, f"error: {message.removeprefix('argument ')}")

    def _unknown(self, leftover: list[str]) -> str | None:
        """The first argument that is neither PREFIXname=value nor the value of the PREFIXname before it."""
        rest = iter(leftover)
        for argument in rest:
            if not (self.prefix and argument.startswith(self.prefix)):
                return argument
            if "=" not in argument:
                next(rest, None)
        return None

    def _suggestion(self, argument: str) -> str:
        name = argument.partition("=")[0]
        if self.prefix and name in {f"--{path.rpartition('.')[2]}" for path in paths(Config())}:
            # Messages of data_prep call a field as the commands there do, without a prefix.
            return f"; did you mean {self.prefix}{name.removeprefix('--')}?"
        offered = [
            name for action in self._actions if action.help != argparse.SUPPRESS for name in action.option_strings
        ]
        near = difflib.get_close_matches(argument.partition("=")[0], offered, n=1)
        return f"; did you mean {near[0]}?" if near else ""


def one_of(names: Iterable[str], several: bool = False) -> dict[str, Any]:
    """Returns what `add_argument` needs for a flag that takes one of `names`; another value is refused with the nearest name.

    With `several`, the flag takes one or more of them, separated by commas, as one text.
    """
    known = tuple(names)

    def choose(text: str) -> str:
        chosen = [part.strip() for part in text.split(",")] if several else [text]
        for name in chosen:
            if name not in known:
                near = difflib.get_close_matches(name, known, n=1, cutoff=0.0)[0]
                raise argparse.ArgumentTypeError(f"{name!r} is not one of {', '.join(known)}; did you mean {near!r}?")
        return ",".join(chosen)

    return {"type": choose, "metavar": "{" + ",".join(known) + "}" + "[,...]" * several}


def whole(low: int = 0, high: int | None = None) -> Callable[[str], int]:
    """The type of a flag that takes a whole number from `low` on, up to `high` where that is given."""
    limits = f"of at least {low}" if high is None else f"from {low} to {high}"

    def number(text: str) -> int:
        try:
            value = int(text)
        except ValueError:
            value = low - 1
        if value < low or (high is not None and value > high):
            raise argparse.ArgumentTypeError(f"{text!r} is not a whole number {limits}")
        return value

    return number


def positive(text: str) -> float:
    """The type of a flag that takes a finite number above 0."""
    try:
        value = float(text)
    except ValueError:
        value = float("nan")
    if not 0 < value < float("inf"):
        raise argparse.ArgumentTypeError(f"{text!r} is not a number above 0")
    return value


seed = whole(0, LARGEST_SEED)
"""The type of --seed."""


def seeds(text: str) -> tuple[int, ...]:
    """The type of --seeds, a comma-separated list of seeds; repeated seeds count once."""
    return tuple(dict.fromkeys(seed(part.strip()) for part in text.split(","))) if text else ()


def names(text: str) -> tuple[str, ...]:
    """The type of a flag that takes comma-separated names."""
    return tuple(part for name in text.split(",") if (part := name.strip()))


def main(
    parser: Parser,
    run: Callable[[argparse.Namespace], None],
    arguments: Sequence[str] | None = None,
    kept: str = "nothing was written; the same command starts again",
) -> None:
    """Runs a command, and ends the program with an exit code and one sentence where it fails.

    `kept` says what an interruption leaves behind, and what the same command does then. Errors of the user's input
    (ValueError, OSError, OverflowError) give no traceback; a `ConfigError` counts as wrong usage.
    """
    flags = parser.parse(arguments)
    try:
        run(flags)
        sys.stdout.flush()
    except KeyboardInterrupt:
        stop(INTERRUPTED, f"interrupted: {kept}")
    except ConfigError as error:
        stop(WRONG_USAGE, f"error: {error}")
    except BrokenPipeError:  # whoever read the output has gone
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(COULD_NOT)
    except OSError as error:
        stop(COULD_NOT, f"error: {_sentence(error)}")
    except (ValueError, OverflowError) as error:
        stop(COULD_NOT, f"error: {error}")


class Stop(SystemExit):
    """The end of a program: its exit code, and as text the sentence that was printed."""

    def __init__(self, code: int, sentence: str) -> None:
        super().__init__(code)
        self.sentence = sentence

    def __str__(self) -> str:
        return self.sentence


def stop(code: int, sentence: str) -> NoReturn:
    """Ends the program with an exit code and one line on stderr."""
    CONSOLE.close()
    line = " ".join(sentence.split())
    print(line, file=sys.stderr, flush=True)
    raise Stop(code, line)


def _sentence(error: OSError) -> str:
    """An OSError without its number, and with the file first."""
    if error.strerror is None:
        return str(error)
    return f"{error.filename}: {error.strerror}" if error.filename is not None else error.strerror


class Console:
    """Lines on stdout: messages, and one progress line, which a terminal overwrites and a log file keeps line by line."""

    def __init__(self) -> None:
        self._open = False  # whether the cursor stands behind a progress line

    def say(self, text: str) -> None:
        """Prints a message on a line of its own."""
        self.close()
        print(text, flush=True)

    def progress(self, text: str) -> None:
        """Replaces the progress line; on a terminal it is cut to the terminal's width."""
        if not sys.stdout.isatty():
            print(text, flush=True)
            return
        width = max(1, shutil.get_terminal_size().columns - 1)
        line = text if len(text) <= width else text[: width - 1] + "…"
        print(f"\r{line:<{width}}", end="", flush=True)
        self._open = True

    def close(self) -> None:
        """Ends an open progress line, so that what follows starts on a new one."""
        if self._open:
            print(flush=True)
            self._open = False


CONSOLE = Console()
"""The one console of a process, since stdout is one."""


def summary(module: str) -> str:
    """The first line of a module's docstring, read without importing the module."""
    spec = importlib.util.find_spec(module)
    assert spec is not None
    assert spec.origin is not None
    text = ast.get_docstring(ast.parse(Path(spec.origin).read_text(encoding="utf-8"))) or ""
    return text.partition("\n")[0]


def listing(package: str, commands: Sequence[str]) -> str:
    """The commands of a package, one a line, with what each does."""
    width = max(map(len, commands))
    lines = [f"  {command:<{width}}  {summary(f'{package}.{command}')}" for command in commands]
    return "\n".join([f"Commands, run as python -m {package}.NAME; --help tells their flags:", "", *lines])


def index(package: str, commands: Sequence[str], arguments: Sequence[str] | None = None) -> None:
    """The program behind `python -m PACKAGE`: prints the list of commands."""
    parser = Parser(package, listing(package, commands))
    parser.add_argument("command", nargs="*", help=argparse.SUPPRESS)

    def run(flags: argparse.Namespace) -> None:
        if flags.command:
            near = difflib.get_close_matches(flags.command[0], commands, n=1, cutoff=0.0)[0]
            raise ConfigError(f"python -m {package} takes no arguments; did you mean python -m {package}.{near}?")
        print(listing(package, commands))

    main(parser, run, arguments)
