"""Requests too large for a datagram: TCP where it may be chosen, what is remembered of peers."""

from __future__ import annotations

import pytest

from offhook.engine import large as subject
from offhook.engine.actions import Open
from offhook.engine.incoming import Incoming
from offhook.engine.large import CONNECT, LARGEST_DATAGRAM, REMEMBERED, StreamPeers
from offhook.proxy.target import Target
from offhook.testing.builders import build_request, build_response
from tests.unit.engine.rig import CALLEE, CALLER, Rig, datagram

PLAIN = Target("sip:bob@198.51.100.2")
FILLER = "x" * 1200


class Slow(Rig):
    """Connections are answered when the test says so."""

    def _open(self, action: Open) -> None:
        if action.transport == "UDP":
            super()._open(action)
        else:
            self.opened.append(action)

    def connect(self) -> None:
        """The connection that is waited for is open."""
        super()._open(self.opened.pop())
        self.run()

    def refuse(self) -> None:
        """Or refused."""
        self.engine.open_failed(self.opened.pop().ticket, self.now)
        self.run()


def large(rig: Rig, *, branch: str = "z9hG4bKlarge", method: str = "INVITE") -> Incoming:
    """A request of which 1200 octets are one header."""
    headers = [("Subject", FILLER)]
    data = build_request(
        method, "sip:bob@example.com", source=CALLER, branch=branch, headers=headers
    )
    return rig.request(data)


def transports(rig: Rig) -> list[str]:
    """Those of the requests that were sent to the callee, by their Via and by their flow."""
    found = []
    for flow, data in rig.raw:
        if flow.remote == CALLEE and data[:7] == b"INVITE ":
            assert data.split(b"Via: SIP/2.0/")[1][:3].decode() == flow.transport
            found.append(flow.transport)
    return found


@pytest.mark.rfc("3261", "18.1.1")
def test_a_large_request_goes_by_tcp() -> None:
    rig = Slow()
    rig.fork(large(rig), PLAIN)
    assert transports(rig) == []
    assert rig.opened[0].destination == CALLEE
    rig.connect()
    assert transports(rig) == ["TCP"]
    rig.advance(CONNECT)
    assert transports(rig) == ["TCP"]


def test_a_small_one_goes_by_udp_whatever_is_open() -> None:
    rig = Rig()
    rig.fork(large(rig), PLAIN)
    small = build_request("INVITE", "sip:bob@example.com", source=CALLER, branch="z9hG4bKsmall")
    rig.fork(rig.request(small), PLAIN)
    assert transports(rig) == ["TCP", "UDP"]
    rig.fork(large(rig, branch="z9hG4bKother"), PLAIN)
    assert transports(rig) == ["TCP", "UDP", "TCP"]
    assert len([each for each in rig.opened if each.transport == "TCP"]) == 1


@pytest.mark.rfc("3261", "18.1.1")
def test_a_peer_that_refuses_tcp_gets_the_datagram_at_once_and_for_ten_minutes() -> None:
    rig = Slow()
    rig.fork(large(rig), PLAIN)
    rig.refuse()
    assert transports(rig) == ["UDP"]
    rig.fork(large(rig, branch="z9hG4bKother"), PLAIN)
    assert transports(rig) == ["UDP", "UDP"]
    assert rig.engine.counters.large_datagrams == 2
    rig.advance(REMEMBERED + 1)
    rig.fork(large(rig, branch="z9hG4bKthird"), PLAIN)
    assert rig.opened


def test_a_peer_that_says_nothing_costs_one_second() -> None:
    rig = Slow()
    rig.fork(large(rig), PLAIN)
    rig.advance(CONNECT)
    assert transports(rig) == ["UDP"]
    rig.connect()  # too late for this one, but it is known now
    assert transports(rig) == ["UDP"]
    rig.fork(large(rig, branch="z9hG4bKother"), PLAIN)
    assert transports(rig) == ["UDP", "TCP"]


@pytest.mark.rfc("3261", "18.1.1")
def test_a_connection_that_is_reset_leads_back_to_udp() -> None:
    rig = Rig()
    rig.fork(large(rig), PLAIN)
    (flow,) = rig.engine.connections()
    rig.lose(flow)
    assert transports(rig) == ["TCP", "UDP"]
    rig.answer(200)
    assert 200 in rig.statuses()


@pytest.mark.parametrize(
    "target",
    [
        Target("sip:bob@198.51.100.2;transport=udp"),
        Target("sip:bob@198.51.100.2", origin="udp/192.0.2.1:5060/198.51.100.2:5060"),
        Target("sip:bob@10.0.0.1", flow="udp/192.0.2.1:5060/198.51.100.2:5060"),
        Target("sip:bob@10.0.0.1", path=("<sip:198.51.100.2;lr>",)),
    ],
)
def test_where_the_transport_is_not_ours_to_choose(target: Target) -> None:
    rig = Rig()
    rig.fork(large(rig), target)
    assert transports(rig) == ["UDP"]
    assert rig.engine.counters.large_datagrams == 1


def test_the_size_is_that_of_what_leaves() -> None:
    """Via and Record-Route of ours count."""
    rig = Rig()
    size = len(large(rig).message.to_bytes())
    headers = [("Subject", "x" * (1200 - size + LARGEST_DATAGRAM - 20))]
    request = build_request("INVITE", "sip:bob@example.com", source=CALLER, headers=headers)
    assert len(request) < LARGEST_DATAGRAM
    rig.fork(rig.request(request), PLAIN)
    assert transports(rig) == ["TCP"]


def test_a_caller_who_leaves_meanwhile() -> None:
    rig = Slow()
    incoming = large(rig)
    rig.fork(incoming, PLAIN)
    cancel = build_request("CANCEL", "sip:bob@example.com", source=CALLER, branch="z9hG4bKlarge")
    rig.receive(cancel, datagram(CALLER))
    rig.connect()
    assert transports(rig) == []
    assert 487 in rig.statuses()
    rig.advance(100)
    assert rig.engine.pending == 0


def test_an_answer_by_tcp_is_an_answer() -> None:
    rig = Rig()
    rig.fork(large(rig), PLAIN)
    flow, data = rig.raw[-1]
    rig.receive(build_response(data, 200, to_tag="callee"), flow)
    assert 200 in rig.statuses()


def test_memory_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(subject, "MOST", 2)
    peers = StreamPeers()
    for port in (1, 2, 3):
        peers.note(("192.0.2.1", port), takes=False, now=0.0)
    assert [peers.refuses(("192.0.2.1", port), 1.0) for port in (1, 2, 3)] == [False, True, True]
    peers.note(("192.0.2.1", 3), takes=True, now=1.0)
    assert not peers.refuses(("192.0.2.1", 3), 2.0)
