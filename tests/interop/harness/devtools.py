"""A headless Chromium, driven over its DevTools protocol.

It has its own profile, its own home and its own certificate database, in which the authority of the
tests is trusted as an administrator would install it. Pages see nothing but the loopback interface.
"""

from __future__ import annotations

import contextlib
import itertools
import json
import time
from collections.abc import Sequence
from pathlib import Path

from websockets.sync.client import ClientConnection, connect

from tests.interop.harness.process import Program, ProgramError, run

START_SECONDS = 30.0
ANSWER_SECONDS = 20.0
POLL_SECONDS = 0.05
FLAGS = (
    "--headless",
    "--no-sandbox",  # tests run as root
    "--disable-gpu",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--disable-dev-shm-usage",
    "--disable-features=WebRtcHideLocalIpsWithMdns",  # no multicast in a container
    "--allow-loopback-in-peer-connection",
    "--use-fake-device-for-media-stream",
    "--use-fake-ui-for-media-stream",
    "--autoplay-policy=no-user-gesture-required",
    "--disable-background-timer-throttling",
    "--disable-backgrounding-occluded-windows",
    "--disable-renderer-backgrounding",
    "--js-flags=--max-old-space-size=128",
    "--proxy-server=direct://",
    "--remote-debugging-port=0",
)


class Chromium:
    """One running browser."""

    def __init__(self, folder: Path, authority: Path) -> None:
        home = folder / "home"
        trust(home, authority)
        command = ["chromium", *FLAGS, f"--user-data-dir={folder / 'profile'}", "about:blank"]
        environment = {"HOME": str(home), "XDG_CONFIG_HOME": str(home / ".config")}
        self.program = Program("chromium", command, folder=folder, environment=environment)
        try:
            line = self.program.wait_for(r"listening on (ws://\S+)", timeout=START_SECONDS)
            self._stack = contextlib.ExitStack()
            self._socket: ClientConnection = self._stack.enter_context(
                connect(line[1], max_size=None, proxy=None, open_timeout=ANSWER_SECONDS)
            )
        except BaseException:
            self.program.stop()
            raise
        self._numbers = itertools.count(1)

    def open(self, url: str) -> Page:
        """A new page, loaded."""
        target = self.ask("Target.createTarget", {"url": "about:blank", "newWindow": True})
        attached = self.ask(
            "Target.attachToTarget", {"targetId": target["targetId"], "flatten": True}
        )
        page = Page(self, str(attached["sessionId"]), str(target["targetId"]))
        page.load(url)
        return page

    def ask(
        self, method: str, parameters: dict[str, object], *, session: str = ""
    ) -> dict[str, object]:
        """Call a method of the protocol: its result."""
        number = next(self._numbers)
        message: dict[str, object] = {"id": number, "method": method, "params": parameters}
        if session:
            message["sessionId"] = session
        self._socket.send(json.dumps(message))
        deadline = time.monotonic() + ANSWER_SECONDS
        while True:
            left = deadline - time.monotonic()
            if left <= 0:
                raise self.program.failure(f"no answer to {method} within {ANSWER_SECONDS:g} s")
            try:
                answer = json.loads(self._socket.recv(timeout=left))
            except TimeoutError:
                continue
            if answer.get("id") == number:
                break
        if "error" in answer:
            raise ProgramError(f"{method}: {answer['error']}")
        result = answer["result"]
        assert isinstance(result, dict)
        return result

    def stop(self) -> None:
        """Close the browser."""
        self._stack.close()
        self.program.stop()


class Page:
    """One page of the browser."""

    def __init__(self, browser: Chromium, session: str, target: str) -> None:
        self._browser = browser
        self._session = session
        self._target = target

    def load(self, url: str) -> None:
        """Go to `url`, again if that is where the page is, and wait until its scripts have run."""
        self.evaluate("document.title = 'left'")
        self._ask("Page.navigate", {"url": url})
        self.until("document.title !== 'left' && document.readyState === 'complete'", url)

    def close(self) -> None:
        """Close the page; its connections end."""
        self._browser.ask("Target.closeTarget", {"targetId": self._target})

    def evaluate(self, expression: str) -> object:
        """The value of a JavaScript expression."""
        answer = self._ask("Runtime.evaluate", {"expression": expression, "returnByValue": True})
        if "exceptionDetails" in answer:
            raise ProgramError(f"{expression}: {answer['exceptionDetails']}")
        result = answer["result"]
        assert isinstance(result, dict)
        return result.get("value")

    def until(self, condition: str, what: str, *, timeout: float = ANSWER_SECONDS) -> None:
        """Wait until a JavaScript expression holds; fails at the deadline."""
        deadline = time.monotonic() + timeout
        while not self.evaluate(condition):
            if time.monotonic() > deadline:
                state = self.evaluate("JSON.stringify(window.phone && phone.state)")
                raise self._browser.program.failure(f"not within {timeout:g} s: {what} ({state})")
            time.sleep(POLL_SECONDS)

    def _ask(self, method: str, parameters: dict[str, object]) -> dict[str, object]:
        return self._browser.ask(method, parameters, session=self._session)


def trust(home: Path, authority: Path) -> None:
    """Make a certificate database of this home in which `authority` may sign servers."""
    database = home / ".pki" / "nssdb"
    database.mkdir(parents=True)
    for words in (
        ["-N", "--empty-password"],
        ["-A", "-n", "tests", "-t", "C,,", "-i", str(authority)],
    ):
        _certutil(home, [*words, "-d", f"sql:{database}"])


def _certutil(home: Path, words: Sequence[str]) -> None:
    done = run(["certutil", *words], folder=home, timeout=20)
    assert done.returncode == 0, f"certutil {words}: {done.stdout}{done.stderr}"
