"""Requests relayed without a transaction, and the way back of their responses (RFC 3261 16.11)."""

from __future__ import annotations

import random

import pytest

from offhook.engine.events import RequestReceived
from offhook.errors import UsageError
from offhook.message import Message
from offhook.proxy.target import Target
from offhook.testing.builders import build_request, build_response
from offhook.transport.flow import Address, Flow
from tests.unit.engine.rig import CALLEE, CALLER, TARGET, TCP, Rig, ack_of, cancel_of, datagram

INVITE = build_request("INVITE", "sip:bob@example.com", source=CALLER)
BOTH = frozenset({"ACK", "CANCEL"})


class Edge(Rig):
    """An engine whose application sends everything to TARGET without state."""

    def __init__(self, target: Target | None = None) -> None:
        super().__init__()
        self.target = target or Target(TARGET)
        self.engine.show_unmatched(BOTH)

    def run(self) -> None:
        super().run()
        while self.events:
            event = self.events.pop(0)
            if isinstance(event, RequestReceived):
                self.engine.relay_stateless(event.incoming, self.target, self.now)
            super().run()

    def pass_on(self, data: bytes, flow: Flow | None = None, to: Address = CALLEE) -> Message:
        """Send something and see it leave."""
        count = len(self.to(to))
        self.receive(data, flow)
        assert len(self.to(to)) == count + 1
        assert self.idle()
        return self.to(to)[-1]

    def back(self, response: bytes, source: Address = CALLEE) -> Message:
        """A response arrives from the other side: what the caller gets."""
        count = len(self.sent)
        self.receive(response, datagram(source))
        assert len(self.sent) == count + 1
        assert self.idle()
        return self.sent[-1][1]

    def idle(self) -> bool:
        """True if nothing is kept."""
        counts = self.engine.transactions.counts()
        kept = counts.servers + counts.clients + counts.cancels
        return not kept and not self.engine.pending


def top_branch(message: Message) -> str:
    return message.core().branch


def test_the_way_may_be_another_than_the_request_uri() -> None:
    rig = Edge(Target("sip:bob@far.example", next_hop=TARGET))
    assert rig.pass_on(INVITE).uri == "sip:bob@far.example"


@pytest.mark.rfc("3261", "16.11")
def test_copies_cancel_and_the_ack_of_a_refusal_get_the_branch_of_the_invite() -> None:
    rig = Edge()
    invite = rig.pass_on(INVITE)
    assert invite.get("max-forwards") == "69"
    assert rig.pass_on(INVITE).to_bytes() == invite.to_bytes()
    assert rig.statuses() == []  # RFC 3261 16.11: no 100 of our own
    cancel = rig.pass_on(cancel_of(INVITE))
    ack = rig.pass_on(ack_of(INVITE, "callee"))
    assert (cancel.method, ack.method) == ("CANCEL", "ACK")
    assert {top_branch(each) for each in (cancel, ack)} == {top_branch(invite)}
    assert rig.engine.counters.stateless == 4
    other = rig.pass_on(build_request("INVITE", "sip:bob@example.com", branch="z9hG4bKother"))
    assert top_branch(other) != top_branch(invite)


def test_the_branch_is_the_same_after_a_restart() -> None:
    assert top_branch(Edge().pass_on(INVITE)) == top_branch(Edge().pass_on(INVITE))


@pytest.mark.rfc("3261", "16.11")
def test_responses_go_back_by_the_next_via_a_100_too() -> None:
    rig = Edge()
    invite = rig.pass_on(INVITE).to_bytes()
    for status in (100, 180, 200, 200, 486):
        response = rig.back(build_response(invite, status))
        assert response.status == status
        assert len(response.get_all("via")) == 1
        assert rig.sent[-1][0] == CALLER
    assert rig.engine.counters.stray_responses == 0


@pytest.mark.rfc("6026", "8.9")
@pytest.mark.parametrize(
    "change",
    [
        (b"branch=z9hG4bK0s", b"branch=z9hG4bK0t"),
        (b"branch=z9hG4bK0s", b"branch=z9hG4bK0s0"),
        (b"Call-ID: built", b"Call-ID: forged"),
        (b"CSeq: 1 ", b"CSeq: 2 "),
        (b";tag=tester", b";tag=somebody"),
        (b"From: <sip:tester@example.com>;tag=tester", b"From: <"),
    ],
)
def test_a_response_that_is_not_of_a_request_of_ours_goes_nowhere(
    change: tuple[bytes, bytes],
) -> None:
    rig = Edge()
    response = build_response(rig.pass_on(INVITE).to_bytes(), 200)
    assert change[0] in response
    count = len(rig.sent)
    rig.receive(response.replace(*change), datagram(CALLEE))
    assert len(rig.sent) == count
    assert rig.engine.counters.stray_responses == 1


def test_a_foreign_key_is_no_key() -> None:
    rig = Edge()
    branch = top_branch(rig.pass_on(INVITE))
    name, place, seal, loop = branch.split(".")
    forged = build_response(
        rig.to(CALLEE)[-1]
        .to_bytes()
        .replace(branch.encode(), f"{name}.{place}.{seal[::-1]}.{loop}".encode()),
        200,
    )
    count = len(rig.sent)
    rig.receive(forged, datagram(CALLEE))
    assert len(rig.sent) == count


def test_the_way_back_is_where_the_request_came_from() -> None:
    """A caller behind a NAT, and one that does not ask for rport (RFC 3261 18.2.2)."""
    behind = ("203.0.113.7", 40_123)
    rig = Edge()
    invite = rig.pass_on(INVITE, datagram(behind))
    rig.back(build_response(invite.to_bytes(), 180))
    assert rig.sent[-1][0] == behind
    old = INVITE.replace(b";rport", b"").replace(b"z9hG4bKbuilt", b"z9hG4bKold")
    invite = rig.pass_on(old, datagram((CALLER[0], 40_000)))
    rig.back(build_response(invite.to_bytes(), 180))
    assert rig.sent[-1][0] == CALLER


def test_a_connection_is_used_while_it_lives_and_then_the_sent_by() -> None:
    rig = Edge()
    flow = rig.accept(TCP, (CALLER[0], 41_000))
    over_tcp = build_request("INVITE", "sip:bob@example.com", source=CALLER, transport="TCP")
    invite = rig.pass_on(over_tcp, flow).to_bytes()
    rig.back(build_response(invite, 180))
    assert rig.raw[-1][0] is flow
    rig.lose(flow)
    rig.back(build_response(invite, 200))
    assert rig.opened[-1].destination == CALLER
    assert rig.raw[-1][0].transport == "TCP"


def test_a_request_that_came_by_a_connection_of_ours_is_answered_there() -> None:
    rig = Edge(Target(f"{TARGET};transport=tcp"))
    rig.pass_on(INVITE)
    ours = rig.raw[-1][0]
    assert ours.connection
    assert ours.local != (TCP.host, TCP.port)  # no listener of a profile has that port
    rig.target = Target("sip:alice@198.51.100.1:5060")
    back = build_request("INFO", "sip:alice@example.com", source=CALLEE, transport="TCP")
    info = rig.pass_on(back, ours, CALLER)
    rig.back(build_response(info.to_bytes(), 200), CALLER)
    assert rig.raw[-1][0] is ours


def test_a_dialog_that_began_without_state_goes_on_so() -> None:
    rig = Edge()
    invite = rig.pass_on(INVITE)
    answer = rig.back(build_response(invite.to_bytes(), 200))
    routes = [("Route", value) for value in answer.get_all("record-route")]
    assert routes
    rig.engine.show_unmatched(frozenset())  # the program is not asked any more

    def inside(method: str, branch: str, cseq: int) -> bytes:
        to = answer.get("to") or ""
        return build_request(
            method, TARGET, source=CALLER, branch=branch, callee=to, cseq=cseq, headers=routes
        )

    assert rig.pass_on(inside("ACK", "z9hG4bKack", 1)).get("route") is None
    again = rig.pass_on(inside("INVITE", "z9hG4bKre", 2))
    assert again.get("record-route") is None
    cancel = rig.pass_on(inside("CANCEL", "z9hG4bKre", 2))
    refused = rig.pass_on(inside("ACK", "z9hG4bKre", 2))
    assert {top_branch(each) for each in (cancel, refused)} == {top_branch(again)}
    bye = rig.pass_on(inside("BYE", "z9hG4bKbye", 3))
    assert rig.back(build_response(bye.to_bytes(), 200)).status == 200


@pytest.mark.rfc("3261", "16.3")
def test_hops_and_loops_are_checked() -> None:
    rig = Edge()
    rig.receive(INVITE.replace(b"Max-Forwards: 70", b"Max-Forwards: 0"))
    assert rig.statuses() == [483]
    rig.receive(cancel_of(INVITE).replace(b"Max-Forwards: 70", b"Max-Forwards: 0"))
    assert rig.statuses() == [483, 483]
    looped = rig.pass_on(INVITE).to_bytes().replace(b"bob@198.51.100.2:5060", b"bob@example.com")
    rig.receive(looped, datagram(CALLEE))
    assert rig.statuses(("192.0.2.1", 5060)) == []
    assert rig.statuses(CALLEE) == [482]


@pytest.mark.rfc("3261", "16.11")
def test_clients_older_than_the_cookie() -> None:
    """RFC 2543: no branch at all, or one that names nothing; no tags."""
    rig = Edge()
    for old in (
        INVITE.replace(b";branch=z9hG4bKbuilt", b"").replace(b";tag=tester", b""),
        INVITE.replace(b"z9hG4bKbuilt", b"1"),
    ):
        invite = rig.pass_on(old)
        assert rig.pass_on(old).to_bytes() == invite.to_bytes()
        assert top_branch(rig.pass_on(cancel_of(old))) == top_branch(invite)
        assert top_branch(rig.pass_on(ack_of(old, "x"))) == top_branch(invite)
        assert rig.back(build_response(invite.to_bytes(), 200)).status == 200
        elsewhere = rig.pass_on(old.replace(b"sip:bob@example.com SIP", b"sip:carol@x.example SIP"))
        assert top_branch(elsewhere) != top_branch(invite)


def test_nobody_asks_for_it_nothing_changes() -> None:
    rig = Rig()
    rig.receive(cancel_of(INVITE))
    assert rig.statuses() == [481]
    rig.receive(ack_of(INVITE, "x").replace(b"bob@example.com SIP", b"bob@far.example SIP"))
    assert rig.engine.counters.stray_acks == 1
    assert rig.events == []


def test_a_request_that_has_a_transaction_is_not_relayed_without_one() -> None:
    rig = Rig()
    incoming = rig.invite()
    rig.engine.accept(incoming, rig.now)
    with pytest.raises(UsageError, match="fork it"):
        rig.engine.relay_stateless(incoming, Target(TARGET), rig.now)


def test_no_message_that_was_mangled_raises_or_leaves_anything() -> None:
    rig = Edge()
    draw = random.Random(5393)
    invite = rig.pass_on(INVITE).to_bytes()
    seeds = [INVITE, cancel_of(INVITE), ack_of(INVITE, "x"), build_response(invite, 200)]
    for _ in range(3000):
        data = bytearray(draw.choice(seeds))
        for _ in range(draw.randint(1, 6)):
            place = draw.randrange(len(data))
            data[place : place + draw.randint(0, 3)] = draw.randbytes(draw.randint(0, 3))
        rig.receive(bytes(data), datagram(draw.choice((CALLER, CALLEE))))
        assert rig.idle()
