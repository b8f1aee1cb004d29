"""Next hops found by name, through a name server of the tests (RFC 3263): shares, silent and closed
servers, answers that loop, lie or never come."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.interop.harness.exchange import Exchange, Profile, Setup, serving
from tests.interop.harness.name_server import NameServer, name_server
from tests.interop.harness.sinks import sink
from tests.interop.harness.wire import Draft, Response, Wire

pytestmark = [pytest.mark.interop(), pytest.mark.timeout(120)]

OPEN = Profile("open", ("udp", "tcp"), authenticate=False, registrar=True)
ROUTING = """
from offhook import Decision, Exchange, Request

exchange = Exchange()


@exchange.request("INVITE", "MESSAGE")
async def by_name(request: Request) -> Decision:
    domain, _, transport = str(request.uri).partition(":")[2].partition("@")[0].partition("+")
    suffix = f";transport={transport}" if transport else ""
    return await request.fork(f"sip:{domain}{suffix}")
"""
HOSTS = {f"s{each}.test": f"127.0.0.{10 + each}" for each in range(1, 6)}
ADDRESSES = {(name, "A"): [address] for name, address in HOSTS.items()}


@dataclass(slots=True)
class Stage:
    """An exchange that sends calls for sip:DOMAIN+TRANSPORT@example.com to that domain."""

    exchange: Exchange
    names: NameServer

    def call(self, domain: str, *, method: str = "INVITE", wait: float = 20.0) -> Response | None:
        """The final response of one request."""
        with Wire(self.exchange.endpoint.address("udp")) as wire:
            draft = Draft(method, f"sip:{domain}@example.com")
            return wire.final(draft.write(wire), timeout=wait)

    def timed(self, domain: str) -> tuple[int, float]:
        """The status of one INVITE and the seconds that it took."""
        began = time.monotonic()
        response = self.call(domain)
        return (response.status if response is not None else 0), time.monotonic() - began


@contextlib.contextmanager
def stage(folder: Path, records: Mapping[tuple[str, str], list[str]]) -> Iterator[Stage]:
    """Running."""
    with name_server({**ADDRESSES, **records}) as names:
        setup = Setup((OPEN,), routing=ROUTING, extra=names.setting)
        with serving(folder, setup) as exchange:
            yield Stage(exchange, names)


def srv(domain: str, *records: str, transport: str = "udp") -> dict[tuple[str, str], list[str]]:
    """The SRV records of a domain."""
    return {(f"_sip._{transport}.{domain}", "SRV"): list(records)}


def test_a_server_found_by_srv_gets_the_call(tmp_path: Path) -> None:
    with sink(HOSTS["s1.test"]) as server:
        records = srv("carrier.test", f"1 1 {server.port} s1.test.")
        with stage(tmp_path, records) as play:
            status, _ = play.timed("carrier.test")
            assert status == 486
            assert server.count("INVITE") == 1
            assert ("carrier.test", "NAPTR") in play.names.asked
