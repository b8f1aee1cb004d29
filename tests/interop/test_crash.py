"""A crash under load: what was acknowledged over a second before it outlives the restart."""

from __future__ import annotations

import socket
import time
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from tests.interop.harness.endpoint import DOMAIN
from tests.interop.harness.exchange import Profile, Setup, serving
from tests.interop.harness.process import LOOPBACK

pytestmark = [pytest.mark.interop(), pytest.mark.timeout(90)]

RATE = 200
LOAD_SECONDS = 5.0
LOST_SECONDS = 1.0
"""The interval that a crash may cost, as the documentation states it."""


@dataclass(slots=True)
class Registrations:
    """A steady stream of REGISTER, each for a user of its own, over one UDP socket."""

    address: tuple[str, int]
    acknowledged: dict[str, float] = field(default_factory=dict)
    sent: int = 0

    def run(self, seconds: float) -> None:
        """Send ``RATE`` a second for so long, noting when each 200 came."""
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as wire:
            wire.bind((LOOPBACK, 0))
            wire.setblocking(False)
            port = wire.getsockname()[1]
            start = time.monotonic()
            while (passed := time.monotonic() - start) < seconds:
                while self.sent < passed * RATE:
                    wire.sendto(self._request(self.sent, port), self.address)
                    self.sent += 1
                self._read(wire)
                time.sleep(0.002)

    def _request(self, number: int, port: int) -> bytes:
        user = f"crash{number:05}"
        return (
            f"REGISTER sip:{DOMAIN} SIP/2.0\r\n"
            f"Via: SIP/2.0/UDP {LOOPBACK}:{port};branch=z9hG4bK-{user};rport\r\n"
            f"From: <sip:{user}@{DOMAIN}>;tag={number}\r\nTo: <sip:{user}@{DOMAIN}>\r\n"
            f"Call-ID: {user}@tests.invalid\r\nCSeq: 1 REGISTER\r\n"
            f"Contact: <sip:{user}@{LOOPBACK}:{port}>;expires=600\r\n"
            "Max-Forwards: 70\r\nContent-Length: 0\r\n\r\n"
        ).encode()

    def _read(self, wire: socket.socket) -> None:
        while True:
            try:
                data = wire.recv(65535)
            except (BlockingIOError, ConnectionRefusedError):
                return
            if data.startswith(b"SIP/2.0 200 "):
                user = data.partition(b"\r\nCall-ID: ")[2].partition(b"@")[0].decode()
                self.acknowledged.setdefault(user, time.monotonic())


def test_a_crash_loses_no_registration_older_than_a_second(tmp_path: Path) -> None:
    profile = Profile("open", ("udp",), authenticate=False, registrar=True)
    with serving(tmp_path / "exchange", Setup((profile,))) as exchange:
        load = Registrations(exchange.endpoint.address("udp"))
        load.run(LOAD_SECONDS)
        crashed = time.monotonic()
        exchange.running.kill()
        assert len(load.acknowledged) > 0.95 * load.sent, "the load itself was not served"
        exchange.start()
        aors = {str(entry["aor"]) for entry in exchange.ctl("registrations")}
        contacts = {str(entry["contact"]) for entry in exchange.ctl("registrations")}
    owed = {user for user, when in load.acknowledged.items() if when < crashed - LOST_SECONDS}
    assert len(owed) > 0.6 * load.sent
    lost = {user for user in owed if f"sip:{user}@{DOMAIN}" not in aors}
    assert not lost, f"{len(lost)} of {len(owed)} lost, such as {sorted(lost)[:5]}"
    assert all(any(f"sip:{user}@" in contact for contact in contacts) for user in sorted(owed)[:5])
