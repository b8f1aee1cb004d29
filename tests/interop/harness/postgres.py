"""A real PostgreSQL of the tests: its own cluster in its own folder, on a free loopback port.

The server refuses to run as root, so that root's tests run it as the user `postgres`. It is stopped
by process id; `freeze` stops every process of it, as a hung disk or host would.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import subprocess
import tempfile
from collections.abc import Iterator, Sequence
from glob import glob
from pathlib import Path

from tests.interop.harness.certificates import Certificate
from tests.interop.harness.process import LOOPBACK, Program, free_port, until

ROLE = "offhook"
PASSWORD = "elephant-walk-3"
START_SECONDS = 30.0
SETTINGS = {
    "listen_addresses": LOOPBACK,
    "max_connections": "40",
    "shared_buffers": "64MB",
    "fsync": "off",
    "full_page_writes": "off",
    "logging_collector": "off",
}


class Postgres:
    """One cluster. `start` and `stop` may alternate; the folder goes with `remove`."""

    def __init__(self) -> None:
        self.folder = Path(tempfile.mkdtemp(prefix="offhook-postgres-"))
        self.port = free_port()
        self.program: Program | None = None
        self._databases = 0
        if os.geteuid() == 0:
            shutil.chown(self.folder, "postgres", "postgres")
        secret = self.folder / "password"
        secret.write_text(PASSWORD)
        secret.chmod(0o644)
        words = ["--username", ROLE, "--pwfile", str(secret), "--no-sync", "--encoding", "UTF8"]
        words += ["--auth-local", "trust", "--auth-host", "scram-sha-256", "--locale", "C.UTF-8"]
        done = subprocess.run(
            _as_server(["initdb", "--pgdata", str(self.data), *words]),
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
            cwd="/",
        )
        if done.returncode != 0:
            self.remove()
        assert done.returncode == 0, done.stdout + done.stderr

    @property
    def data(self) -> Path:
        """The data folder."""
        return self.folder / "data"

    def url(self, database: str, *, user: str = ROLE, port: int | None = None) -> str:
        """`storage.url` of one of its databases, over TCP."""
        return f"postgresql://{user}@{LOOPBACK}:{port or self.port}/{database}"

    def start(self, **settings: str) -> None:
        """Serve; returns when it takes connections."""
        words = ["postgres", "-D", str(self.data), "-k", str(self.folder), "-p", str(self.port)]
        for name, value in {**SETTINGS, **settings}.items():
            words += ["-c", f"{name}={value}"]
        self.program = Program("postgres", _as_server(words), folder=Path("/"))
        self.program.wait_for("database system is ready to accept conn", timeout=START_SECONDS)

    def stop(self, number: signal.Signals = signal.SIGINT) -> None:
        """End it: SIGINT throws its clients out, SIGQUIT is a crash."""
        program, self.program = self.program, None
        if program is not None and program.running:
            program.process.send_signal(number)
            with contextlib.suppress(subprocess.TimeoutExpired):
                program.process.wait(10)
        if program is not None:
            program.stop()

    def remove(self) -> None:
        """End it and remove its folder."""
        self.stop()
        shutil.rmtree(self.folder, ignore_errors=True)

    def use_certificate(self, certificate: Certificate) -> None:
        """Offer TLS from now on."""
        for source, name in (
            (certificate.certificate, "server.crt"),
            (certificate.key, "server.key"),
        ):
            target = self.data / name
            shutil.copy(source, target)
            target.chmod(0o600)
            if os.geteuid() == 0:
                shutil.chown(target, "postgres", "postgres")
        self.sql("ALTER SYSTEM SET ssl = on", database="postgres")
        self.sql("SELECT pg_reload_conf()", database="postgres")
        until(
            lambda: self.sql("SHOW ssl", database="postgres") == "on", timeout=5, what="TLS is on"
        )

    def create_database(self) -> str:
        """A new empty database; its name."""
        self._databases += 1
        name = f"test{self._databases}"
        self.sql(f"CREATE DATABASE {name}", database="postgres")
        return name

    def sql(self, statement: str, *, database: str, timeout: float = 20.0) -> str:
        """What psql prints for a statement, without alignment or titles."""
        words = ["psql", "-X", "-q", "-A", "-t", "-v", "ON_ERROR_STOP=1", "-h", str(self.folder)]
        words += ["-p", str(self.port), "-U", ROLE, "-d", database, "-c", statement]
        done = subprocess.run(
            _as_server(words), capture_output=True, text=True, timeout=timeout, check=False, cwd="/"
        )
        assert done.returncode == 0, done.stderr
        return done.stdout.strip()

    def rows(self, table: str, database: str) -> int:
        """How many rows a table has."""
        return int(self.sql(f"SELECT count(*) FROM {table}", database=database))

    @contextlib.contextmanager
    def frozen(self) -> Iterator[None]:
        """Every process of the server stands still; connections stay open and say nothing."""
        assert self.program is not None
        postmaster = self.program.pid
        os.kill(postmaster, signal.SIGSTOP)  # the first, so that it starts no more
        until(lambda: _state(postmaster) == "T", timeout=5, what="the server stands still")
        stopped = [postmaster, *_children(postmaster)]
        for pid in stopped[1:]:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGSTOP)
        try:
            yield
        finally:
            for pid in reversed(stopped):
                with contextlib.suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGCONT)

    def throw_out(self, database: str) -> int:
        """End every session in a database at the server; how many there were."""
        return int(
            self.sql(
                "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity"
                f" WHERE datname = '{database}' AND pid <> pg_backend_pid()",
                database="postgres",
            )
        )


@contextlib.contextmanager
def serving_postgres(**settings: str) -> Iterator[Postgres]:
    """A running server that is ended and removed whatever happens."""
    server = Postgres()
    try:
        server.start(**settings)
        yield server
    finally:
        server.remove()


def program_path(name: str) -> str | None:
    """Where a program of PostgreSQL is: Debian keeps the server's out of PATH."""
    folders = sorted(glob("/usr/lib/postgresql/*/bin"), reverse=True)
    return shutil.which(name, path=os.pathsep.join([*folders, os.environ.get("PATH", "")]))


def _as_server(words: Sequence[str]) -> list[str]:
    """The command, as a user that PostgreSQL accepts; it keeps its process id."""
    path = program_path(words[0])
    assert path is not None, f"there is no {words[0]}"
    if os.geteuid() != 0:
        return [path, *words[1:]]
    change = ["setpriv", "--reuid", "postgres", "--regid", "postgres", "--init-groups"]
    return [*change, path, *words[1:]]


def _children(parent: int) -> list[int]:
    found = []
    for stat in Path("/proc").glob("[0-9]*/stat"):
        with contextlib.suppress(OSError):
            if int(stat.read_text().rpartition(")")[2].split()[1]) == parent:
                found.append(int(stat.parent.name))
    return found


def _state(pid: int) -> str:
    return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
