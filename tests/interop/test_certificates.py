"""Certificates of a live server: rotated under thousands of open connections.

The clients are this test's own, on uvloop, as the stock loop needs ten times the memory a
connection; the server is started by its command and told by `offhook ctl reload` and SIGHUP.
"""

from __future__ import annotations

import asyncio
import json
import resource
import signal
import ssl
from collections.abc import Coroutine, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

import pytest
import uvloop

from tests.interop.harness.certificates import Authority
from tests.interop.harness.endpoint import DOMAIN
from tests.interop.harness.exchange import Exchange, Profile, Setup, serving
from tests.interop.harness.process import LOOPBACK, until

pytestmark = pytest.mark.interop()

T = TypeVar("T")
CONNECTIONS = 2_000
SOURCES = 4  # addresses that the clients connect from: one may have 1,000 connections
AT_ONCE = 50  # handshakes in progress
DESCRIPTORS = 8_192  # that this test and its server need at most


@dataclass(slots=True)
class Client:
    """One TLS connection."""

    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter
    number: int

    @property
    def names(self) -> list[str]:
        """The DNS names in the server's certificate."""
        found = self.writer.get_extra_info("peercert")
        return [value for kind, value in found["subjectAltName"] if kind == "DNS"]

    async def options(self) -> int:
        """Ask the server on this connection; the status of its answer."""
        self.number += 1
        branch = f"z9hG4bK{id(self)}.{self.number}"
        self.writer.write(
            f"OPTIONS sip:{DOMAIN} SIP/2.0\r\n"
            f"Via: SIP/2.0/TLS client.invalid:5061;branch={branch};rport\r\n"
            f"From: <sip:probe@client.invalid>;tag={self.number}\r\nTo: <sip:{DOMAIN}>\r\n"
            f"Call-ID: {branch}\r\nCSeq: {self.number} OPTIONS\r\nMax-Forwards: 70\r\n"
            "Content-Length: 0\r\n\r\n".encode()
        )
        async with asyncio.timeout(30):
            head = await self.reader.readuntil(b"\r\n\r\n")
        return int(head.split(b" ", 2)[1])


async def connect(exchange: Exchange, authority: Path, source: str = LOOPBACK) -> Client:
    """A verified connection to the TLS listener."""
    context = ssl.create_default_context(cafile=str(authority))
    async with asyncio.timeout(30):
        reader, writer = await asyncio.open_connection(
            *exchange.endpoint.address("tls"),
            ssl=context,
            server_hostname=DOMAIN,
            local_addr=(source, 0),
        )
    return Client(reader, writer, 0)


async def connect_many(exchange: Exchange, authority: Path, count: int) -> list[Client]:
    """So many connections from several addresses."""
    gate = asyncio.Semaphore(AT_ONCE)

    async def one(number: int) -> Client:
        async with gate:
            return await connect(exchange, authority, f"127.0.0.{2 + number % SOURCES}")

    return list(await asyncio.gather(*map(one, range(count))))


def play(story: Coroutine[object, object, T]) -> T:
    """Run a story on uvloop."""
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        return runner.run(story)


@pytest.fixture
def descriptors() -> Iterator[None]:
    """Room for the connections, here and in the server, which inherits it."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft < DESCRIPTORS:
        resource.setrlimit(resource.RLIMIT_NOFILE, (DESCRIPTORS, hard))
    yield
    resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


@dataclass(slots=True)
class Stage:
    """A running exchange and the authority of its certificate."""

    exchange: Exchange
    authority: Authority

    def rotate(self, names: Sequence[str]) -> None:
        """Write another certificate over the one in use."""
        self.authority.issue("server", names, [LOOPBACK])

    def reload(self) -> list[dict[str, object]]:
        """`offhook ctl reload`."""
        return self.exchange.ctl("reload")


@pytest.fixture
def stage(tmp_path: Path) -> Iterator[Stage]:
    authority = Authority(tmp_path)
    certificate = authority.issue("server", [DOMAIN, "first.test"], [LOOPBACK])
    setup = Setup(profiles=(Profile(),), certificate=certificate)
    with serving(tmp_path / "exchange", setup) as exchange:
        yield Stage(exchange, authority)


@pytest.mark.usefixtures("descriptors")
def test_rotation_under_two_thousand_connections(stage: Stage) -> None:
    """None is dropped, all are still answered, and the next one sees the new certificate."""

    async def story() -> None:
        clients = await connect_many(stage.exchange, stage.authority.root, CONNECTIONS)
        assert {200} == set(await asyncio.gather(*[client.options() for client in clients]))
        assert all("first.test" in client.names for client in clients)
        stage.rotate([DOMAIN, "second.test"])
        (row,) = await asyncio.to_thread(stage.reload)
        assert row["certificate"] == "tls"
        assert "second.test" in str(row["names"])
        late = await connect(stage.exchange, stage.authority.root)
        assert "second.test" in late.names
        assert await late.options() == 200
        assert {200} == set(await asyncio.gather(*[client.options() for client in clients]))
        assert not any(client.reader.at_eof() for client in clients)
        connections = await asyncio.to_thread(stage.exchange.ctl, "connections")
        assert len(connections) == CONNECTIONS + 1
        for client in (*clients, late):
            client.writer.transport.abort()

    play(story())


def test_a_broken_certificate_is_refused_whole(stage: Stage) -> None:
    """One line, exit 1, a line in the log; the old certificate goes on serving."""

    async def served() -> list[str]:
        client = await connect(stage.exchange, stage.authority.root)
        assert await client.options() == 200
        client.writer.transport.abort()
        return client.names

    key = stage.authority.root.parent / "server.key"
    stage.rotate([DOMAIN, "second.test"])
    key.write_text("-----BEGIN PRIVATE KEY-----\nMIIB\n-----END PRIVATE KEY-----\n")
    done = stage.exchange.offhook("ctl", "reload")
    assert done.returncode == 1
    (line,) = done.stderr.splitlines()
    assert "tls: cannot use certificate" in line
    assert "first.test" in play(served())
    stage.exchange.running.wait_for("certificates_not_reloaded")
    stage.rotate([DOMAIN, "third.test"])
    assert stage.exchange.offhook("ctl", "reload").returncode == 0
    assert "third.test" in play(served())


def test_sighup_reloads_too(stage: Stage) -> None:
    def renewed() -> bool:
        return "second.test" in json.dumps(stage.exchange.ctl("certificates"))

    stage.rotate([DOMAIN, "second.test"])
    assert not renewed()
    stage.exchange.running.process.send_signal(signal.SIGHUP)
    until(renewed, timeout=5.0, what="the new certificate is in use")
    stage.exchange.running.wait_for("certificate_reloaded")
