"""Flags, errors and exit codes that all commands share."""

import os
import shutil
import sys

import pytest

from dirvae.config import ConfigError, command_line
from dirvae.config.command_line import Parser, one_of, whole


@pytest.fixture
def parser():
    flags = Parser("nowhere", "A command for tests.", prefix="--config.", table=command_line.FLAGS)
    flags.shared("--out", "--output")
    flags.add_argument("--prior", **one_of(("dirichlet", "gaussian")))
    flags.add_argument("--turns", type=whole(1), default=2)
    return flags


def test_fields_are_collected_and_older_spellings_are_read(parser):
    flags = parser.parse(["--output=x", "--config.steps=3", "--config.beta", "-1"])
    assert str(flags.out) == "x"
    assert flags.fields == {"steps": "3", "beta": "-1"}
    assert parser.parse([]).out is None
    assert "--output" not in parser.format_help()


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["--prio=gaussian"], "'--prio=gaussian' is not a flag; did you mean --prior?"),
        (["--prior=gausian"], "'gausian' is not one of dirichlet, gaussian; did you mean 'gaussian'?"),
        (["--turns=0"], "--turns: '0' is not a whole number of at least 1"),
        (["--turns=two"], "'two' is not a whole number"),
        (["--config.steps"], "--config.steps needs a value"),
        (["stray"], "'stray' is not a flag"),
        (["--outputt=x"], "did you mean --out?"),
        (["--views=all"], "'--views=all' is not a flag; did you mean --config.views?"),
    ],
)
def test_a_wrong_command_line_ends_with_code_2_and_one_sentence(parser, capsys, arguments, sentence):
    with pytest.raises(SystemExit) as stopped:
        parser.parse(arguments)
    said = capsys.readouterr()
    assert stopped.value.code == 2
    assert said.out == ""
    assert said.err.startswith("error: ")
    assert said.err.count("\n") == 1
    assert sentence in said.err


@pytest.mark.parametrize(
    ("error", "code", "line"),
    [
        (ConfigError("no such field"), 2, "error: no such field"),
        (ValueError("two\n lines"), 1, "error: two lines"),
        (OverflowError("too large"), 1, "error: too large"),
        (FileNotFoundError(2, "No such file or directory", "gone"), 1, "error: gone: No such file or directory"),
        (KeyboardInterrupt(), 130, "interrupted: checkpoints are kept"),
    ],
)
def test_errors_become_exit_codes(parser, capsys, error, code, line):
    def run(flags):
        raise error

    with pytest.raises(SystemExit) as stopped:
        command_line.main(parser, run, [], "checkpoints are kept")
    assert stopped.value.code == code
    assert capsys.readouterr().err == line + "\n"


def test_a_bug_keeps_its_traceback(parser):
    def run(flags):
        raise TypeError("a bug")

    with pytest.raises(TypeError):
        command_line.main(parser, run, [])


@pytest.mark.parametrize("text", ["-1", "4294967296", "1e3", "nan", "", "9" * 99])
def test_seeds_out_of_range_are_refused(text):
    with pytest.raises(Exception, match="is not a whole number from 0 to 4294967295"):
        command_line.seed(text)


def test_lists_of_seeds_count_each_once():
    assert command_line.seeds("2,0, 2") == (2, 0)
    assert command_line.seeds("") == ()


def test_a_progress_line_fits_the_terminal_and_ends_before_a_message(monkeypatch, capsys):
    monkeypatch.setattr(sys.stdout, "isatty", lambda: True)
    monkeypatch.setattr(shutil, "get_terminal_size", lambda: os.terminal_size((20, 5)))
    console = command_line.Console()
    console.progress("step 1 of a very long story")
    console.progress("step 2")
    console.say("done")
    assert capsys.readouterr().out == f"\rstep 1 of a very l…\r{'step 2':<19}\ndone\n"
