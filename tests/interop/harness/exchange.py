"""The exchange under test as an operator runs it: ``offhook serve`` with its own configuration.

Every instance lives in its own folder, on free ports of the loopback address, with accounts added
by ``offhook user add``. Only the documented command line is used.
"""

from __future__ import annotations

import contextlib
import json
import sys
import urllib.request
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from subprocess import CompletedProcess

from tests.interop.harness.certificates import Certificate
from tests.interop.harness.endpoint import DOMAIN, TRANSPORTS, Account, Endpoint
from tests.interop.harness.namespaces import HERE, Place
from tests.interop.harness.process import LOOPBACK, Program, free_port, run

OFFHOOK = Path(sys.executable).parent / "offhook"
START_SECONDS = 15.0
STOP_SECONDS = 10.0
Endpoints = dict[str, Endpoint]


@dataclass(frozen=True, slots=True)
class Profile:
    """Listeners with one policy, as ``[profiles.NAME]`` says it."""

    name: str = "internal"
    transports: Sequence[str] = TRANSPORTS
    authenticate: bool = True
    registrar: bool | None = None
    digest: Sequence[str] = ("MD5",)
    extra: str = ""  # further lines of its table
    client_certificate: str = "none"
    qop: Sequence[str] = ("auth",)
    redirect: str = "pass"


@dataclass(frozen=True, slots=True)
class Setup:
    """What an instance is configured with; ``extra`` is TOML for tables of its own, ``storage``
    the lines of its ``[storage]`` (default: SQLite in the folder)."""

    profiles: Sequence[Profile] = (Profile(transports=("udp", "tcp")),)
    accounts: Sequence[Account] = ()
    certificate: Certificate | None = None
    routing: str = ""
    extra: str = ""
    domains: Sequence[str] = (DOMAIN,)
    core: int | None = None
    place: Place = HERE
    storage: str = ""


@dataclass(slots=True)
class Exchange:
    """An instance, running or stopped; its folder and ports stay the same over restarts."""

    folder: Path
    setup: Setup
    endpoints: Endpoints
    program: Program | None = None

    @property
    def endpoint(self) -> Endpoint:
        """The first profile's listeners."""
        return self.endpoints[self.setup.profiles[0].name]

    @property
    def configuration(self) -> Path:
        """The configuration file."""
        return self.folder / "offhook.toml"

    @property
    def database(self) -> Path:
        """The SQLite file."""
        return self.folder / "offhook.db"

    @property
    def running(self) -> Program:
        """The process; fails when it was not started."""
        assert self.program is not None, "the exchange was not started"
        return self.program

    def prepare(self) -> None:
        """Write the configuration and the accounts."""
        self.folder.mkdir(parents=True, exist_ok=True)
        self.configuration.write_text(self._toml())
        if self.setup.routing:
            (self.folder / "routing.py").write_text(self.setup.routing)
        for account in self.setup.accounts:
            done = self.offhook(
                "user", "add", account.address, "--password-stdin", stdin=account.password + "\n"
            )
            assert done.returncode == 0, f"user add: {done.stdout}{done.stderr}"

    def start(self) -> None:
        """Serve; returns when the exchange has printed ``ready``."""
        command: list[str | Path] = [OFFHOOK, "serve"]
        if self.setup.routing:
            command.append(self.folder / "routing.py")
        command = self.setup.place.command([*command, "--config", self.configuration])
        self.program = Program("offhook", command, folder=self.folder, core=self.setup.core)
        try:
            self.program.wait_for(r"^ready$", timeout=START_SECONDS)
        except AssertionError:
            self.program.stop()
            raise

    def stop(self) -> int:
        """Drain and end; the exit code."""
        return self.running.stop(timeout=STOP_SECONDS)

    def offhook(
        self, *words: str | Path, stdin: str = "", timeout: float = 20.0
    ) -> CompletedProcess[str]:
        """Run another command against this instance."""
        command = [OFFHOOK, *words, "--config", self.configuration]
        return run(command, folder=self.folder, timeout=timeout, stdin=stdin)

    def ctl(self, noun: str) -> list[dict[str, object]]:
        """``offhook ctl NOUN --json`` as a list of objects."""
        done = self.offhook("ctl", noun, "--json")
        assert done.returncode == 0, f"ctl {noun}: {done.stdout}{done.stderr}"
        entries = json.loads(done.stdout)
        assert isinstance(entries, list), f"ctl {noun} --json is not a list: {entries!r}"
        return entries

    def metrics(self) -> str:
        """The page that is scraped."""
        found = self.running.wait_for(r"^metrics +(http://\S+)$")
        with urllib.request.urlopen(found[1], timeout=5) as answer:
            page: bytes = answer.read()
        return page.decode()

    def resident_bytes(self) -> int:
        """The memory that the server's process holds (VmRSS)."""
        status = Path(f"/proc/{self.running.pid}/status").read_text()
        line = next(text for text in status.splitlines() if text.startswith("VmRSS:"))
        return int(line.split()[1]) * 1024

    def _toml(self) -> str:
        parts = [f"domains = {json.dumps(list(self.setup.domains))}"]
        for profile in self.setup.profiles:
            ports = self.endpoints[profile.name].ports
            listen = [f"{name}:{self.setup.place.host}:{port}" for name, port in ports.items()]
            parts += [
                f"[profiles.{profile.name}]",
                f"listen = {json.dumps(listen)}",
                f"authenticate = {json.dumps(profile.authenticate)}",
                f"digest = {json.dumps(list(profile.digest))}",
                f"qop = {json.dumps(list(profile.qop))}",
                f"redirect = {json.dumps(profile.redirect)}",
            ]
            parts += [profile.extra] if profile.extra else []
            if profile.client_certificate != "none":
                parts.append(f'client_certificate = "{profile.client_certificate}"')
            if profile.registrar is not None:
                parts.append(f"registrar = {json.dumps(profile.registrar)}")
        if self.setup.certificate is not None:
            parts += [
                "[tls]",
                f'certificate = "{self.setup.certificate.certificate}"',
                f'key = "{self.setup.certificate.key}"',
                f'ca = "{self.setup.certificate.authority}"',
            ]
        parts += ["[storage]", self.setup.storage or f'url = "sqlite:{self.database}"']
        parts += ["[admin]", f'listen = "{LOOPBACK}:{free_port()}"', 'socket = "offhook.sock"']
        return "\n".join([*parts, self.setup.extra, ""])


@contextlib.contextmanager
def serving(folder: Path, setup: Setup, *, ports: Endpoints | None = None) -> Iterator[Exchange]:
    """A running exchange that is ended whatever happens; if it still ran, it must end with 0.

    ``ports``: listeners chosen before by ``choose_ports``, for peers that must know them first.
    """
    exchange = Exchange(folder, setup, ports or choose_ports(setup))
    exchange.prepare()
    exchange.start()
    succeeded = False
    try:
        yield exchange
        succeeded = True
    finally:
        survived = exchange.running.running
        code = exchange.stop()
        # A failure inside the block says more than the exit code after it.
        if succeeded and survived and code != 0:
            raise exchange.running.failure(f"ended with {code} on SIGTERM")


def choose_ports(setup: Setup) -> Endpoints:
    """Free ports for every listener of every profile."""
    authority = setup.certificate.authority if setup.certificate else None
    return {
        profile.name: Endpoint(
            {name: free_port() for name in profile.transports}, authority, host=setup.place.host
        )
        for profile in setup.profiles
    }
