"""Every command: its flags mean what the table says, and bad input gives an exit code, one sentence, and no file."""

import argparse
import importlib
import subprocess
import sys
from pathlib import Path

import pytest

from experiments import cli

ROOT = Path(__file__).parents[2]
REQUIRED = {
    "evaluate": ["--workdir=gone", "--split=test"],
    "explain": ["--workdir=gone"],
    "explorer": ["--workdir=gone"],
    "compare_explanations": ["--workdir=gone"],
    "removals": ["--workdir=gone"],
    "report": ["gone"],
    "figures.paths": ["--workdir=gone", "--out=paths.png"],
}


def command(name):
    return importlib.import_module(f"experiments.{name}")


def refused(name, arguments, capsys):
    """The exit code and the sentence of a command that must fail."""
    with pytest.raises(SystemExit) as stopped:
        command(name).main(arguments)
    error = capsys.readouterr().err
    assert error.startswith("error: ")
    assert error.count("\n") == 1
    return stopped.value.code, error


@pytest.mark.parametrize("name", cli.COMMANDS)
def test_every_flag_has_a_help_text_and_one_meaning(name):
    parser = command(name).parser()
    for action in parser._actions:
        assert action.help, action.option_strings
        for flag in action.option_strings:
            if flag in cli.FLAGS and action.help != argparse.SUPPRESS and not action.choices:
                kind = cli.FLAGS[flag].get("type")
                assert kind is None or getattr(kind, "__name__", "") == getattr(action.type, "__name__", ""), flag
    assert not parser.allow_abbrev
    assert "\n" not in cli.shared.summary(f"experiments.{name}")


@pytest.mark.parametrize("name", cli.COMMANDS)
@pytest.mark.parametrize(
    ("flag", "sentence"),
    [
        ("--bogus=1", "'--bogus=1' is not a flag"),
        ("--versio", "did you mean --version?"),
        ("--out", "expected one arg"),
    ],
)
def test_unknown_and_abbreviated_flags_are_refused(name, flag, sentence, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    if flag == "--out" and "--out" not in command(name).parser().format_help():
        sentence = "is not a flag"
    code, error = refused(name, [*REQUIRED.get(name, []), flag], capsys)
    assert code == 2
    assert sentence in error
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    ("name", "arguments", "code", "sentence"),
    [
        ("run", ["--prio=gaussian"], 2, "did you mean --prior?"),
        ("run", ["--prior=gausian"], 2, "did you mean 'gaussian'?"),
        ("run", ["--dataset=phantoom"], 2, "did you mean 'phantom'?"),
        ("run", ["--config.dataset=phantoom"], 2, "did you mean 'phantom'?"),
        ("run", ["--preset=smoek"], 2, "did you mean 'smoke'?"),
        ("run", ["--seed=-1"], 2, "is not a whole number from 0"),
        ("run", ["--seed=4294967296"], 2, "is not a whole number from 0"),
        ("run", ["--config.seed=99999999999"], 2, "seed=99999999999 must"),
        ("run", ["--phases=data,trian"], 2, "trian is not one of"),
        ("run", ["--config.dataset=chexpert"], 2, "needs --raw_dir"),
        ("run", ["--dataset=chexpert", "--raw_dir=gone"], 1, "gone is not a folder"),
        ("run", ["--phases=report", "--workdir=gone"], 1, "gone"),
        ("study", ["--preset=quik"], 2, "did you mean 'quick'?"),
        ("study", ["--index=999"], 2, "--index=999, but there are"),
        ("study", ["--seeds=0,x"], 2, "'x' is not a whole number"),
        ("study", ["--list", "--report"], 2, "not allowed with"),
        ("shortcuts", ["--config.stepz=3"], 2, "did you mean"),
        ("report", [], 2, "are required"),
        ("report", ["gone"], 1, "gone"),
        ("report", ["gone", "missing"], 1, "gone"),
        ("evaluate", ["--workdir=gone", "--split=test"], 1, "gone"),
        ("explain", ["--workdir=gone"], 1, "gone"),
        ("explain", ["--workdir=gone", "--image=gone.png", "--split=test"], 2, "not allowed with"),
        ("explain", ["--workdir=gone", "--cases=0"], 2, "of at least 1"),
        ("explain", ["--workdir=gone", "--direction=up"], 2, "is not one of add, remove"),
        ("explorer", ["--workdir=gone"], 1, "gone"),
        ("figures.paths", ["--workdir=gone", "--out=paths.png"], 1, "gone"),
        ("explorer", ["--workdir=gone", "--images=-3"], 2, "of at least 1"),
        ("compare_explanations", ["--workdir=gone"], 1, "gone"),
        ("compare_explanations", ["--workdir=gone", "--replicates=-1"], 2, "of at least 0"),
        ("cross_validate", [], 2, "needs --raw_dir"),
        ("cross_validate", ["--raw_dir=gone", "--folds=1"], 2, "of at least 2"),
        ("cross_validate", ["--raw_dir=gone"], 1, "gone is not a folder"),
        ("mnist", ["--split=train"], 2, "is not one of validation, test"),
        ("mnist", ["--concentration=nan"], 2, "is not a number above 0"),
        ("mnist", ["--raw_dir=gone"], 1, "gone"),
        ("benchmark", ["--parts=steps"], 2, "steps is not one of"),
        ("benchmark", ["--turns=0"], 2, "of at least 1"),
        ("cost", ["--utilisation=2"], 2, "must not be above 1"),
        ("cost", ["--epochs=0"], 2, "is not a number above 0"),
        ("cost", ["--config.width=3"], 2, "did you mean"),
    ],
)
def test_bad_input_gives_a_code_one_sentence_and_no_file(
    name, arguments, code, sentence, tmp_path, monkeypatch, capsys
):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("JAX_COMPILATION_CACHE_DIR", str(tmp_path.parent))
    assert refused(name, arguments, capsys)[0] == code
    with pytest.raises(SystemExit, match=sentence.replace("?", r"\?")):
        command(name).main(arguments)
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    ("package", "words"),
    [
        ("experiments", [f"  {name} " for name in cli.COMMANDS]),
        ("data_prep", ["  build ", "  verify ", "  resplit ", "  phantom.difficulty "]),
        ("dirvae", ["python -m experiments", "python -m data_prep"]),
    ],
)
def test_a_package_lists_its_commands(package, words):
    done = subprocess.run([sys.executable, "-m", package], cwd=ROOT, capture_output=True, text=True, check=True)
    assert all(word in done.stdout for word in words)
    done = subprocess.run([sys.executable, "-m", package, "--version"], cwd=ROOT, capture_output=True, text=True)
    assert done.stdout.startswith("dirvae ")


def test_every_command_is_listed():
    sources = [path for path in (ROOT / "experiments").rglob("*.py") if "def parser(" in path.read_text()]
    modules = {".".join(path.relative_to(ROOT / "experiments").with_suffix("").parts) for path in sources}
    assert modules - {"contest", "cli"} == set(cli.COMMANDS)
