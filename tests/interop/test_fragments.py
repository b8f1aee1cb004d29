"""A peer whose firewall drops fragments still gets large requests (RFC 3261 18.1.1): two network
namespaces with an Ethernet of 1500 octets between them."""

from __future__ import annotations

import contextlib
import re
from collections.abc import Iterator
from dataclasses import dataclass

import pytest

from tests.interop.harness.exchange import Exchange, Profile, Setup, serving
from tests.interop.harness.namespaces import PROGRAMS, Namespace, Place, unavailable
from tests.interop.harness.process import until
from tests.interop.harness.sinks import Sink, sink
from tests.interop.harness.wire import Draft, Response, Wire

pytestmark = [pytest.mark.interop(*PROGRAMS), pytest.mark.timeout(60)]

OURS, PEER = "10.77.0.1", "10.77.0.2"
ROUTING = """
from offhook import Decision, Exchange, Request

exchange = Exchange()


@exchange.request("INVITE")
async def invite(request: Request) -> Decision:
    return await request.fork(request.headers("X-Target"))
"""
DESCRIPTION = "v=0\r\n" + "a=x-padding:" + "x" * 1700 + "\r\n"


@dataclass(slots=True)
class Stage:
    """An exchange, and a peer behind a firewall that drops fragments."""

    exchange: Exchange
    peer: Sink
    place: Place

    def target(self, suffix: str = "") -> str:
        """The peer's URI."""
        return f"sip:bob@{PEER}:{self.peer.port}{suffix}"

    def arrived(self, method: str) -> list[str]:
        """The transports by which requests of a method reached the peer."""
        return [used for used, data in self.peer.requests if data.startswith(method.encode())]


def connect(one: Namespace, near: str, other: Namespace, far: str, *, device: str) -> None:
    """An Ethernet between two namespaces."""
    ends = ("ip", "link", "add", device, "type", "veth", "peer", "name", device)
    one.run(*ends, "netns", other.path)
    for namespace, address in ((one, near), (other, far)):
        namespace.run("ip", "address", "add", f"{address}/24", "dev", device)
        namespace.run("ip", "link", "set", device, "mtu", "1500", "up")


@pytest.fixture
def stage(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stage]:
    """Both running."""
    if reason := unavailable():
        pytest.skip(reason)
    with contextlib.ExitStack() as stack:
        here, there = Namespace(), Namespace()
        stack.callback(here.close)
        stack.callback(there.close)
        connect(here, OURS, there, PEER, device="wan")
        there.run("iptables", "-t", "raw", "-A", "PREROUTING", "-f", "-j", "DROP")
        place = Place(OURS, here)
        setup = Setup(
            (Profile("open", ("udp", "tcp"), authenticate=False, registrar=True),),
            routing=ROUTING,
            place=place,
        )
        peer = stack.enter_context(sink(PEER, status=200, place=Place(PEER, there)))
        folder = tmp_path_factory.mktemp("fragments")
        exchange = stack.enter_context(serving(folder, setup))
        yield Stage(exchange, peer, place)


def dial(wire: Wire, target: str, *, body: str = DESCRIPTION, wait: float = 5.0) -> Response | None:
    """One INVITE for that target; its final response."""
    draft = Draft("INVITE", "sip:bob@example.com", body=body, call_id=f"c{wire.port}")
    data = draft.write(wire, {"X-Target": target})
    assert not body or len(data) > 2000
    return wire.final(data, timeout=wait)


def within(wire: Wire, answer: Response, method: str, cseq: int) -> bytes:
    """A small request inside the dialog of that answer."""
    routes = re.findall(rb"(?im)^Record-Route[ \t]*:[ \t]*(.*?)\r?$", answer.raw)
    contact = re.search(r"<([^>]+)>", answer.header("Contact"))
    assert contact is not None
    draft = Draft(
        method, contact[1], to=answer.header("To"), call_id=answer.header("Call-ID"), cseq=cseq
    )
    route = ", ".join(value.decode() for value in routes[::-1])
    return draft.write(wire, {"Route": route, "From": answer.header("From")})


@pytest.mark.rfc("3261", "18.1.1")
def test_a_large_invite_arrives_by_tcp_and_the_call_completes(stage: Stage) -> None:
    with Wire(stage.exchange.endpoint.address("udp"), place=stage.place) as wire:
        answer = dial(wire, stage.target())
        assert answer is not None
        assert answer.status == 200
        assert stage.arrived("INVITE") == ["tcp"]
        wire.send(within(wire, answer, "ACK", 1))
        ended = wire.final(within(wire, answer, "BYE", 2))
        assert ended is not None
        assert ended.status == 200
        until(lambda: bool(stage.arrived("ACK")), timeout=3.0, what="the ACK")
        assert len(stage.arrived("BYE")) == 1


def test_the_peer_does_drop_fragments(stage: Stage) -> None:
    """What the case above is worth: over UDP, where the URI insists, nothing arrives."""
    with Wire(stage.exchange.endpoint.address("udp"), place=stage.place) as wire:
        assert dial(wire, stage.target(";transport=udp"), wait=3.0) is None
        assert stage.arrived("INVITE") == []
        assert "datagram_fragmented" in stage.exchange.running.output


def test_small_requests_stay_on_udp_after_a_large_one(stage: Stage) -> None:
    for body, transport in ((DESCRIPTION, "tcp"), ("", "udp"), (DESCRIPTION, "tcp"), ("", "udp")):
        with Wire(stage.exchange.endpoint.address("udp"), place=stage.place) as wire:
            answer = dial(wire, stage.target(), body=body)
            assert answer is not None
            assert answer.status == 200
            assert stage.arrived("INVITE")[-1] == transport


def test_a_peer_without_tcp_is_tried_by_udp_at_once(stage: Stage) -> None:
    """Its fragments are lost all the same, but a peer that takes them gets the call."""
    assert stage.place.namespace is not None
    with contextlib.closing(Namespace()) as other:
        connect(stage.place.namespace, "10.78.0.1", other, "10.78.0.2", device="lan")
        other.run("ip", "route", "add", "default", "via", "10.78.0.1")
        other.run("iptables", "-A", "INPUT", "-p", "tcp", "-j", "DROP")
        place = Place("10.78.0.2", other)
        with sink(place.host, status=200, place=place) as peer:
            target = f"sip:bob@{place.host}:{peer.port}"
            with Wire(stage.exchange.endpoint.address("udp"), place=stage.place) as wire:
                answer = dial(wire, target)
                assert answer is not None
                assert answer.status == 200
                assert [used for used, data in peer.requests if data[:6] == b"INVITE"] == ["udp"]
