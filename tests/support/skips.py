"""A pytest plugin: with `--refuse-skips` a skipped test fails the run, unless it needs the real X-rays and they are absent.

A skip hides what a machine cannot check. A continuous check is meant to check everything, so that it installs what tests need and then
refuses skips. The real X-rays cannot be installed, since patients' images are not published with the code.
"""

import pytest

from support import real_xrays


def pytest_addoption(parser):
    parser.addoption("--refuse-skips", action="store_true", help="fail on skipped tests, but for absent real X-rays")


def pytest_configure(config):
    if config.getoption("--refuse-skips") and not hasattr(
        config, "workerinput"
    ):  # workers report to the one that counts
        config.pluginmanager.register(Refusal(), "refused skips")


class Refusal:
    """Gathers the skips that are not allowed, as (test, reason)."""

    def __init__(self):
        self.skips = []

    def pytest_runtest_logreport(self, report):
        if report.skipped and not hasattr(report, "wasxfail"):
            self.note(report)

    def pytest_collectreport(self, report):
        if report.skipped:
            self.note(report)

    def note(self, report):
        reason = str(report.longrepr[-1] if isinstance(report.longrepr, tuple) else report.longrepr)
        if not allowed(reason):
            self.skips.append((report.nodeid, reason))

    def pytest_sessionfinish(self, session, exitstatus):
        if self.skips and exitstatus in (pytest.ExitCode.OK, pytest.ExitCode.NO_TESTS_COLLECTED):
            session.exitstatus = pytest.ExitCode.TESTS_FAILED

    def pytest_terminal_summary(self, terminalreporter):
        for test, reason in self.skips:
            terminalreporter.write_line(f"refused skip: {test}: {reason}", red=True)


def allowed(reason):
    """Whether a test was skipped for the real X-rays, on a machine that does not hold them."""
    return reason.removeprefix("Skipped: ") == real_xrays.ABSENT and not real_xrays.FOLDER.exists()
