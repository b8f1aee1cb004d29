"""Peers that do TLS wrongly, slowly or not at all, on a live server: each fails alone, and nobody
who comes after them waits.

Times are coarse: what is told apart is a server that waits for its slowest peer from one that does
not.
"""

from __future__ import annotations

import contextlib
import socket
import ssl
import struct
import subprocess
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.interop.harness.certificates import Authority, Certificate
from tests.interop.harness.endpoint import DOMAIN
from tests.interop.harness.exchange import Exchange, Profile, Setup, serving
from tests.interop.harness.process import LOOPBACK, Program
from tests.interop.harness.tls_wire import TlsWire
from tests.interop.harness.wire import Draft, Wire

pytestmark = [pytest.mark.interop(), pytest.mark.timeout(90)]

HALF_OPEN = 300
HANDSHAKE_SECONDS = 10.0  # the server's deadline
PROMPT = 2.0  # seconds in which a well-behaved peer has its answer, on a busy machine


@dataclass(slots=True)
class Stage:
    """A server on TCP and TLS, which asks for certificates."""

    exchange: Exchange
    authority: Authority
    folder: Path

    @property
    def tls(self) -> tuple[str, int]:
        """Where it listens."""
        return self.exchange.endpoint.address("tls")

    def prompt(self, wire: Wire | None = None) -> float:
        """Seconds until an OPTIONS is answered, on a connection of its own if none is given."""
        start = time.monotonic()
        with contextlib.ExitStack() as stack:
            used = wire or stack.enter_context(TlsWire(self.tls, self.authority.root))
            answer = used.final(Draft("OPTIONS", f"sip:{DOMAIN}").write(used))
        assert answer is not None
        assert answer.status == 200
        return time.monotonic() - start


@pytest.fixture(scope="module")
def stage(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stage]:
    folder: Path = tmp_path_factory.mktemp("hostile")
    authority = Authority(folder)
    setup = Setup(
        profiles=(Profile(transports=("tcp", "tls"), extra='client_certificate = "optional"'),),
        certificate=authority.issue("server", [DOMAIN], [LOOPBACK]),
    )
    with serving(folder / "exchange", setup) as exchange:
        yield Stage(exchange, authority, folder)


def hello(version: ssl.TLSVersion = ssl.TLSVersion.TLSv1_3) -> bytes:
    """The first flight of a client."""
    context = ssl.create_default_context()
    context.maximum_version = version
    incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
    client = context.wrap_bio(incoming, outgoing, server_hostname=DOMAIN)
    with contextlib.suppress(ssl.SSLWantReadError):
        client.do_handshake()
    return outgoing.read()


def closed_by(sockets: list[socket.socket], deadline: float) -> int:
    """How many the server has ended until then."""
    ended = 0
    for each in sockets:
        each.settimeout(max(0.01, deadline - time.monotonic()))
        try:
            while each.recv(65_536):
                pass
            ended += 1
        except TimeoutError:
            pass
        except OSError:
            ended += 1
    return ended


def test_half_open_handshakes_delay_nobody_and_end(stage: Stage) -> None:
    """Nothing, one octet, half a hello, a whole one and then silence; one that drips."""
    first = hello()
    sayings = (b"", first[:1], first[: len(first) // 2], first)
    start = time.monotonic()
    with contextlib.ExitStack() as stack:
        known = stack.enter_context(TlsWire(stage.tls, stage.authority.root))
        assert stage.prompt(known) < PROMPT
        stalled = []
        for number in range(HALF_OPEN):
            each = stack.enter_context(socket.create_connection(stage.tls, timeout=5))
            each.sendall(sayings[number % len(sayings)])
            stalled.append(each)
        drip = stack.enter_context(socket.create_connection(stage.tls, timeout=5))
        slowest = 0.0
        sent = 0
        while time.monotonic() - start < HANDSHAKE_SECONDS - 3:
            drip.sendall(first[sent : sent + 1])
            sent += 1
            slowest = max(slowest, stage.prompt(known), stage.prompt())
            time.sleep(0.2)
        assert slowest < PROMPT
        deadline = time.monotonic() + HANDSHAKE_SECONDS + 5
        assert closed_by([*stalled, drip], deadline) == HALF_OPEN + 1
        assert stage.prompt(known) < PROMPT


def test_clients_that_vanish_in_the_handshake(stage: Stage) -> None:
    first = hello()
    reset = struct.pack("ii", 1, 0)
    with TlsWire(stage.tls, stage.authority.root) as known:
        for number in range(200):
            with socket.create_connection(stage.tls, timeout=5) as gone:
                gone.sendall(first[: 1 + number * len(first) // 200])
                gone.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, reset)
        assert stage.prompt(known) < PROMPT
        assert stage.prompt() < PROMPT


@pytest.mark.parametrize(
    "sent",
    [
        b"REGISTER sip:example.com SIP/2.0\r\nVia: SIP/2.0/TLS a;branch=z9hG4bKa\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: example.com\r\n\r\n",
        b"\x16\x03\x03\xff\xff" + b"\x01" * 0x4000,
        b"\r\n\r\n" * 50,
    ],
    ids=["plain SIP", "HTTP", "a lying record", "keep-alives"],
)
def test_something_else_on_the_tls_port(stage: Stage, sent: bytes) -> None:
    with socket.create_connection(stage.tls, timeout=5) as odd:
        with contextlib.suppress(OSError):
            odd.sendall(sent)
        assert closed_by([odd], time.monotonic() + 5) == 1
    assert stage.prompt() < PROMPT


def test_tls_on_the_tcp_port(stage: Stage) -> None:
    """A client that has mixed up its ports; the others on that port are not disturbed."""
    with Wire(stage.exchange.endpoint.address("tcp"), "tcp") as known:
        with socket.create_connection(stage.exchange.endpoint.address("tcp"), timeout=5) as odd:
            context = ssl.create_default_context(cafile=str(stage.authority.root))
            start = time.monotonic()
            with pytest.raises((ssl.SSLError, ConnectionResetError)):  # ended by the server
                context.wrap_socket(odd, server_hostname=DOMAIN)
            assert time.monotonic() - start < PROMPT
        assert stage.prompt(known) < PROMPT


@pytest.mark.interop("openssl")
def test_renegotiation_is_refused(stage: Stage) -> None:
    command: list[str | Path] = ["openssl", "s_client", "-tls1_2", "-CAfile", stage.authority.root]
    command += ["-connect", f"{LOOPBACK}:{stage.tls[1]}"]
    client = Program("openssl", command, folder=stage.folder)
    try:
        client.wait_for("Verify return code: 0")
        client.write_line("R")
        client.wait_for("RENEGOTIATING")
        client.wait_for("no renegotiation|No renegotiation")
    finally:
        client.stop()
    assert stage.prompt() < PROMPT


@pytest.mark.interop("openssl")
@pytest.mark.parametrize("version", ["-tls1", "-tls1_1"])
def test_old_versions_are_refused(stage: Stage, version: str) -> None:
    place = f"{LOOPBACK}:{stage.tls[1]}"
    done = subprocess.run(
        ["openssl", "s_client", version, "-cipher", "ALL@SECLEVEL=0", "-connect", place],
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=20,
        check=False,
    )
    assert done.returncode != 0
    assert "Cipher is (NONE)" in done.stdout
    assert stage.prompt() < PROMPT


def test_an_endless_chain_of_certificates(stage: Stage) -> None:
    """More than OpenSSL takes (100 kB); the next client is taken."""
    own = stage.authority.issue("chain", ["chain.test"], [])
    chain = own.certificate.read_bytes()
    long = stage.folder / "long.pem"
    filler = stage.authority.issue("filler", ["filler.test"], [])
    long.write_bytes(chain + filler.certificate.read_bytes() * 300)
    shown = Certificate(long, own.key, own.authority)
    try:
        with TlsWire(stage.tls, stage.authority.root, shown=shown) as odd:
            odd.send(Draft("OPTIONS", f"sip:{DOMAIN}").write(odd))
            ended = odd.receive(3.0) is None and odd.closed
    except (ssl.SSLError, ConnectionResetError, BrokenPipeError):  # no server at all is another one
        ended = True
    assert ended
    with TlsWire(stage.tls, stage.authority.root, shown=own) as good:
        assert stage.prompt(good) < PROMPT
