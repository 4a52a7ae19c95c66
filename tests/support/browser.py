"""A headless Chromium, driven over a pipe by the DevTools protocol; no package but the standard library."""

import base64
import json
import os
import select
import shutil
import subprocess
import sys
import time

CHROMIUM = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome", "chrome"))), None)
FLAGS = ("--headless=new", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--remote-debugging-pipe")

MOVE = """
import fcntl, os, sys
high = [fcntl.fcntl(int(end), fcntl.F_DUPFD, 10) for end in sys.argv[1:3]]
for end, place in zip(high, (3, 4)):
    os.dup2(end, place)
os.execv(sys.argv[3], sys.argv[3:])
"""
"""Chromium reads from descriptor 3 and writes to 4; either may be taken by the other's end, hence the detour."""


class Browser:
    """One tab. `errors` gathers what the console and the page complain of."""

    def __init__(self, folder, width=1440, height=900, patience=60):
        self.patience, self.errors, self._number, self._text = patience, [], 0, b""
        read, self._write = os.pipe()
        self._read, write = os.pipe()
        command = [CHROMIUM, *FLAGS, f"--user-data-dir={folder}", "about:blank"]
        moved = [sys.executable, "-c", MOVE, str(read), str(write), *command]
        self._process = subprocess.Popen(
            moved, pass_fds=(read, write), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        )
        os.close(read), os.close(write)
        self._session = None
        target = self.call("Target.createTarget", url="about:blank")["targetId"]
        self._session = self.call("Target.attachToTarget", targetId=target, flatten=True)["sessionId"]
        for domain in ("Page", "Runtime", "Log"):
            self.call(f"{domain}.enable")
        self.resize(width, height)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        os.close(self._write), os.close(self._read)
        self._process.terminate()
        self._process.wait()

    def resize(self, width, height, mobile=False):
        self.call("Emulation.setDeviceMetricsOverride", width=width, height=height, deviceScaleFactor=1, mobile=mobile)

    def call(self, method, **params):
        self._number += 1
        message = {"id": self._number, "method": method, "params": params}
        if self._session:
            message["sessionId"] = self._session
        os.write(self._write, json.dumps(message).encode() + b"\0")
        until = time.monotonic() + self.patience
        while time.monotonic() < until:
            answer = self._next(until)
            if answer.get("id") == self._number:
                assert "error" not in answer, answer
                return answer["result"]
        raise TimeoutError(method)

    def _next(self, until):
        while b"\0" not in self._text:
            ready, _, _ = select.select([self._read], [], [], max(0.0, until - time.monotonic()))
            if not ready:
                raise TimeoutError("the browser does not answer")
            self._text += os.read(self._read, 1 << 16)
        message, _, self._text = self._text.partition(b"\0")
        event = json.loads(message)
        if event.get("method") == "Runtime.exceptionThrown":
            self.errors.append(event["params"]["exceptionDetails"])
        entry = event.get("params", {}).get("entry", event.get("params", {}))
        if event.get("method") in ("Log.entryAdded", "Runtime.consoleAPICalled") and "error" in (
            entry.get("level"),
            entry.get("type"),
        ):
            self.errors.append(entry)
        return event

    def evaluate(self, expression):
        """The value of an expression, awaited where it is a promise."""
        found = self.call("Runtime.evaluate", expression=expression, awaitPromise=True, returnByValue=True)
        assert "exceptionDetails" not in found, found["exceptionDetails"]
        return found["result"].get("value")

    def until(self, expression):
        end = time.monotonic() + self.patience
        while not self.evaluate(expression):
            assert time.monotonic() < end, f"{expression} stays false"
            time.sleep(0.02)

    def open(self, path, fragment=""):
        """Loads a page anew, to where it has drawn itself."""
        self.call("Page.navigate", url="about:blank")
        self.call("Page.navigate", url=f"{path.absolute().as_uri()}{fragment}")
        self.until("document.documentElement?.dataset.ready === 'true'")

    def press(self, key):
        self.evaluate(
            f"document.activeElement.dispatchEvent(new KeyboardEvent('keydown', {{key: {json.dumps(key)}, bubbles: true}}))"
        )

    def screenshot(self, path):
        path.write_bytes(base64.b64decode(self.call("Page.captureScreenshot", format="png")["data"]))
