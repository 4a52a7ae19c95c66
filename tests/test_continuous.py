"""What the continuous check stands on: skips are refused, and tests mirror the house."""

import subprocess
import sys
from pathlib import Path

import pytest
from support import real_xrays, skips

ROOT = Path(__file__).parents[1]

SKIPPED = """
import pytest
from support import real_xrays

def test_passes():
    pass

def test_lacks_the_real_xrays():
    pytest.skip(real_xrays.ABSENT)

@pytest.mark.xfail
def test_fails_as_expected():
    assert False
"""
BY_MARK = """
@pytest.mark.skipif(True, reason="no browser")
def test_lacks_a_browser():
    pass
"""
WHOLE_FILE = """
pytest.importorskip("a_package_that_is_missing")
"""


def run(folder, text, *flags, absent=True):
    (folder / "test_skips.py").write_text(text)
    where = (
        ""
        if absent
        else f"import pathlib; from support import real_xrays; real_xrays.FOLDER = pathlib.Path({str(folder)!r})"
    )
    (folder / "conftest.py").write_text(
        f"import sys; sys.path.insert(0, {str(ROOT / 'tests')!r})\n{where}\nfrom support.skips import *\n"
    )
    (folder / "pytest.ini").write_text("[pytest]\n")
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", *flags, "."]
    return subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)


@pytest.mark.slow
@pytest.mark.parametrize("workers", [(), ("-n", "1")], ids=["alone", "with a worker"])
@pytest.mark.parametrize("more", [BY_MARK, WHOLE_FILE], ids=["mark", "file"])
def test_a_skip_is_refused_where_that_is_asked_for(tmp_path, more, workers):
    assert run(tmp_path, SKIPPED + more).returncode in (0, 5)  # 5: a file that is skipped whole holds no test
    done = run(tmp_path, SKIPPED + more, "--refuse-skips", *workers)
    assert done.returncode == 1, done.stdout
    assert "refused skip: test_skips.py" in done.stdout
    assert "no browser" in done.stdout or "a_package_that_is_missing" in done.stdout


@pytest.mark.slow
def test_the_real_xrays_may_be_absent_but_not_left_out(tmp_path):
    done = run(tmp_path, SKIPPED, "--refuse-skips")
    assert done.returncode == (1 if real_xrays.FOLDER.exists() else 0), done.stdout
    done = run(tmp_path, SKIPPED, "--refuse-skips", absent=False)
    assert done.returncode == 1
    assert f"test_lacks_the_real_xrays: Skipped: {real_xrays.ABSENT}" in done.stdout


def test_only_the_absent_real_xrays_are_allowed(monkeypatch, tmp_path):
    monkeypatch.setattr(real_xrays, "FOLDER", tmp_path / "nowhere")
    assert skips.allowed(f"Skipped: {real_xrays.ABSENT}")
    assert not skips.allowed("Skipped: could not import 'torch'")
    monkeypatch.setattr(real_xrays, "FOLDER", tmp_path)
    assert not skips.allowed(real_xrays.ABSENT)


def test_every_folder_of_tests_has_a_folder_of_code():
    folders = {path.parent.relative_to(ROOT / "tests") for path in (ROOT / "tests").rglob("test_*.py")}
    assert [folder for folder in folders if not (ROOT / folder).is_dir()] == []
