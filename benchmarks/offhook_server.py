"""offhook as the server under test: a configuration, accounts by its own command, `serve`.

Bindings are in memory for the open registrar and in SQLite for the one that challenges.
"""

from __future__ import annotations

import json
import subprocess
import time
from collections.abc import Mapping, Sequence
from pathlib import Path

from benchmarks.processes import (
    BenchmarkError,
    clean_environment,
    start_pinned,
    stop,
    wait_until,
)
from benchmarks.servers import DOMAIN, PASSWORD, Access, Place

__all__ = ["ROOT", "Offhook", "offhook_program"]

ROOT = Path(__file__).resolve().parent.parent
START_SECONDS = 15.0
COMMAND_SECONDS = 30.0
DRAIN_SECONDS = 60.0

CONFIGURATION = """\
domains = ["{domain}"]

[profiles.bench]
listen = [{listen}]
authenticate = {authenticate}
registrar = true

[storage]
url = "{storage}"

[admin]
socket = "offhook.sock"

[log]
level = "warning"

{more}
"""


def offhook_program() -> Path:
    """The installed command of this work tree."""
    return ROOT / ".venv" / "bin" / "offhook"


class Offhook:
    """A running `offhook serve`; `ready_seconds` is the time from its start to the line `ready`."""

    def __init__(
        self,
        place: Place,
        access: Access,
        *,
        users: int = 0,
        profile: Path | None = None,
        listen: Sequence[str] = (),
        more: str = "",
    ) -> None:
        """Makes the accounts u0 to u(users - 1) if it challenges, starts, returns at `ready`.

        With `profile` it runs under cProfile, which writes that file at the end. `listen` are
        listeners besides UDP and TCP, `more` is added to the configuration.
        Raises BenchmarkError with the end of its log if it does not start.
        """
        self.name = "offhook"
        self.place = place
        place.folder.mkdir(parents=True, exist_ok=True)
        self._configuration = place.folder / "offhook.toml"
        self._configuration.write_text(_configuration(place, access, listen, more))
        if access is Access.DIGEST:
            self._add_users(users)
        self._log_path = place.folder / "offhook.log"
        started = time.monotonic()
        command = [*_program(profile), "serve", "--config", str(self._configuration)]
        with self._log_path.open("wb") as log:
            self._process = start_pinned(
                command,
                place.core,
                output=log,
                folder=place.folder,
                environment=clean_environment(),
            )
        self.pid = self._process.pid
        try:
            wait_until(self._is_ready, START_SECONDS, "offhook to print `ready`")
        except BenchmarkError as error:
            self.stop()
            raise BenchmarkError(f"{error}\n{self._log_path.read_text()[-2000:]}") from error
        self.ready_seconds = time.monotonic() - started

    def _is_ready(self) -> bool:
        if self._process.poll() is not None:
            raise BenchmarkError("offhook ended at start")
        return "ready" in self._log_path.read_text().splitlines()

    def _add_users(self, count: int) -> None:
        for number in range(count):
            self._run("user", "add", f"u{number}@{DOMAIN}", "--password-stdin", given=PASSWORD)

    def _run(self, *arguments: str, given: str = "") -> str:
        answer = subprocess.run(
            [str(offhook_program()), *arguments, "--config", str(self._configuration)],
            input=given,
            capture_output=True,
            text=True,
            timeout=COMMAND_SECONDS,
            env=clean_environment(),
            check=False,
        )
        if answer.returncode != 0:
            command = " ".join(arguments)
            raise BenchmarkError(f"offhook {command} failed: {answer.stderr[-1000:]}")
        return answer.stdout

    def received(self) -> int | None:
        """Requests and responses received, if `offhook ctl status --json` tells."""
        status = self._status()
        counts = _number(status, "requests"), _number(status, "responses")
        return None if counts[0] is None or counts[1] is None else counts[0] + counts[1]

    def transactions(self) -> int | None:
        """Transactions held now, if `offhook ctl status --json` tells."""
        return _number(self._status(), "transactions")

    def _status(self) -> object:
        try:
            answer: object = json.loads(self._run("ctl", "status", "--json"))
        except (BenchmarkError, ValueError):
            return None
        return answer

    def stop(self) -> None:
        """End it."""
        stop(self._process)

    def drain(self) -> None:
        """End it as an operator would: transactions in flight may finish first."""
        stop(self._process, seconds=DRAIN_SECONDS)


def _program(profile: Path | None) -> list[str]:
    if profile is None:
        return [str(offhook_program())]
    python = str(offhook_program().with_name("python"))
    return [python, "-m", "cProfile", "-o", str(profile), "-m", "offhook"]


def _configuration(place: Place, access: Access, listen: Sequence[str], more: str) -> str:
    challenges = access is Access.DIGEST
    every = [f"udp:127.0.0.1:{place.port}", f"tcp:127.0.0.1:{place.port}", *listen]
    return CONFIGURATION.format(
        domain=DOMAIN,
        listen=", ".join(f'"{each}"' for each in every),
        more=more,
        authenticate="true" if challenges else "false",
        storage="sqlite:offhook.db" if challenges else "memory:",
    )


def _number(value: object, name: str) -> int | None:
    """The first number of that name in nested JSON objects."""
    if not isinstance(value, Mapping):
        return None
    found = value.get(name)
    if isinstance(found, int):
        return found
    inner = (_number(item, name) for item in value.values())
    return next((item for item in inner if item is not None), None)
