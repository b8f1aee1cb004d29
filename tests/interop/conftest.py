"""Fixtures of the interoperability tests: certificates, the phones' server, the matrix."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.interop.harness import kamailio
from tests.interop.harness.certificates import Authority, Certificate
from tests.interop.harness.endpoint import DOMAIN, Account, Endpoint
from tests.interop.harness.exchange import Profile, Setup, serving
from tests.interop.harness.matrix import Matrix
from tests.interop.harness.process import LOOPBACK

ALICE = Account("alice", "correct-horse-1")
BOB = Account("bob", "battery-staple-2")
PAGE = Path(__file__).parents[2] / "docs" / "reference" / "clients.md"
RESULTS = pytest.StashKey[Matrix]()


@dataclass(frozen=True, slots=True)
class Registrars:
    """Where phones with MD5 and where phones with SHA-256 register."""

    md5: Endpoint
    sha256: Endpoint


@pytest.fixture(scope="session")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Certificate:
    """A server certificate for the test domain, signed by the session's own authority."""
    authority = Authority(tmp_path_factory.mktemp("authority"))
    return authority.issue("server", [DOMAIN, "localhost"], [LOOPBACK])


@pytest.fixture(scope="session")
def alice() -> Account:
    """The account of the calling side."""
    return ALICE


@pytest.fixture(scope="session")
def bob() -> Account:
    """The account of the called side."""
    return BOB


@contextlib.contextmanager
def _registrars(folder: Path, certificate: Certificate) -> Iterator[Registrars]:
    """The exchange; or Kamailio, to tell a fault of the harness from a fault of the exchange."""
    if os.environ.get("OFFHOOK_INTEROP_STANDIN") == "kamailio":
        with contextlib.ExitStack() as stack:
            found = []
            for algorithm in ("MD5", "SHA-256"):
                peer = kamailio.start_registrar(
                    folder / algorithm, [ALICE, BOB], certificate=certificate, algorithm=algorithm
                )
                stack.callback(peer.stop)
                found.append(peer.endpoint)
            yield Registrars(*found)
        return
    profiles = (Profile("internal"), Profile("strong", digest=("SHA-256",)))
    setup = Setup(profiles, (ALICE, BOB), certificate)
    with serving(folder, setup) as exchange:
        yield Registrars(exchange.endpoints["internal"], exchange.endpoints["strong"])


@pytest.fixture(scope="module")
def registrars(
    tmp_path_factory: pytest.TempPathFactory, certificate: Certificate
) -> Iterator[Registrars]:
    """A registrar that all tests of a module share."""
    with _registrars(tmp_path_factory.mktemp("registrars"), certificate) as found:
        yield found


@pytest.fixture
def own_registrars(tmp_path: Path, certificate: Certificate) -> Iterator[Registrars]:
    """A registrar for one test, which may get its source address banned."""
    with _registrars(tmp_path / "registrars", certificate) as found:
        yield found


def pytest_configure(config: pytest.Config) -> None:
    """Start an empty matrix."""
    config.stash[RESULTS] = Matrix()


@pytest.fixture(scope="session")
def matrix(pytestconfig: pytest.Config) -> Matrix:
    """The results of this session."""
    return pytestconfig.stash[RESULTS]


def pytest_sessionfinish(session: pytest.Session) -> None:
    """Save the results, and the page when asked to."""
    matrix = session.config.stash[RESULTS]
    if not matrix.results:
        return
    cache = getattr(session.config, "cache", None)  # absent when its plug-in is off
    if cache is not None:
        matrix.write_results(cache.mkdir("interop") / "clients.json")
    if os.environ.get("OFFHOOK_WRITE_MATRIX") == "1":
        matrix.write_page(PAGE)
