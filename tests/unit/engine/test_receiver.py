"""What arrives: told apart, checked, answered or handed on; nothing a peer sends raises."""

from __future__ import annotations

import random

import pytest

from offhook.engine.events import AckReceived, RequestReceived
from offhook.proxy.target import Target
from offhook.testing.builders import build_request, build_response
from tests.unit.engine.rig import CALLEE, CALLER, TARGET, Rig, ack_of, cancel_of, datagram

INVITE = build_request("INVITE", "sip:bob@example.com", source=CALLER)


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"\r\n\r\n",
        b"\0" * 30,
        b"x" * 70_000,
        b"INVITE sip:bob@example.com SIP/2.0\r\n\r\n",
        b"SIP/2.0 200 OK\r\n\r\n" + b" " * 30,
        INVITE.replace(b"CSeq: 1 INVITE", b"CSeq: 1 BYE"),
        INVITE.replace(b"SIP/2.0\r\n", b"SIP/3.0\r\n", 1),
    ],
)
def test_noise_never_reaches_the_application(data: bytes) -> None:
    rig = Rig()
    rig.receive(data)
    assert rig.events == []
    assert rig.engine.pending == 0


def test_no_mutilated_message_raises() -> None:
    rng = random.Random(5)
    rig = Rig()
    answer = build_response(INVITE, 200)
    for _ in range(500):
        data = bytearray(rng.choice([INVITE, cancel_of(INVITE), ack_of(INVITE, "x"), answer]))
        for _ in range(rng.randint(1, 6)):
            data[rng.randrange(len(data))] = rng.randrange(256)
        rig.receive(bytes(data))
    assert rig.engine.counters.requests > 0


@pytest.mark.parametrize(
    ("change", "status"),
    [
        ((b"Max-Forwards: 70", b"Max-Forwards: 0"), 483),
        ((b"Call-ID: built", b"Call-ID: \x01built"), 400),
        ((b"CSeq: 1 INVITE", b"CSeq: 1 BYE"), 400),
        ((b"SIP/2.0\r\nVia", b"SIP/3.0\r\nVia"), 505),
        ((b"sip:bob@example.com SIP", b"sip:bob@exa^mple.com SIP"), 400),
    ],
)
def test_faults_get_their_status(change: tuple[bytes, bytes], status: int) -> None:
    rig = Rig()
    rig.receive(INVITE.replace(*change, 1))
    assert rig.statuses() == [status]
    assert rig.events == []
    assert rig.engine.transactions.counts().servers == 0


@pytest.mark.rfc("5626", "8")
def test_a_stun_request_on_a_sip_port_is_answered_with_the_address_of_its_sender() -> None:
    rig = Rig()
    request = bytes.fromhex("000100002112a442000102030405060708090a0b")
    rig.receive(request)
    (flow, data) = rig.raw.pop()
    assert flow.remote == CALLER
    assert data[:2] == b"\x01\x01"
    assert data[4:20] == request[4:]
    assert data[20:].hex() == "00200008" + "0001" + "32d6" + "e721c043"  # 198.51.100.1:5060
    rig.receive(bytes.fromhex("000100042112a442000102030405060708090a0b") + b"\0\3\0\0")
    assert rig.raw.pop()[1][:2] == b"\x01\x11"
    rig.receive(bytes.fromhex("001100002112a442000102030405060708090a0b"))
    rig.receive(bytes.fromhex("000100992112a442000102030405060708090a0b"))
    assert rig.raw == []
    assert (rig.engine.counters.stun, rig.engine.counters.malformed) == (3, 1)
    assert rig.events == []


def test_a_message_behind_empty_lines_is_no_stun() -> None:
    rig = Rig()
    rig.receive(b"\r\n\r\n" + INVITE)
    assert isinstance(rig.events[0], RequestReceived)


def test_a_retransmission_is_absorbed_once_there_is_a_transaction() -> None:
    rig = Rig()
    incoming = rig.request(INVITE)
    rig.engine.accept(incoming, rig.now)
    rig.receive(INVITE)
    assert rig.events == []
    assert rig.engine.counters.retransmissions == 1


@pytest.mark.rfc("3261", "8.2.7")
def test_a_copy_of_what_was_refused_is_a_new_request() -> None:
    rig = Rig()
    rig.engine.respond(rig.request(INVITE), 407, rig.now)
    rig.receive(INVITE)
    assert isinstance(rig.events[0], RequestReceived)


@pytest.mark.rfc("3261", "8.2.7")
def test_the_ack_of_a_stateless_refusal_is_dropped() -> None:
    rig = Rig()
    rig.engine.respond(rig.request(INVITE), 407, rig.now)
    rig.run()
    rig.receive(ack_of(INVITE, rig.sent[-1][1].core().to_tag))
    assert rig.events == []
    assert rig.statuses() == [407]


@pytest.mark.rfc("3261", "17.2.1")
def test_the_ack_of_a_refusal_ends_its_retransmission() -> None:
    rig = Rig()
    incoming = rig.request(INVITE)
    rig.engine.accept(incoming, rig.now)
    rig.engine.respond(incoming, 486, rig.now)
    rig.run()
    rig.receive(ack_of(INVITE, rig.sent[-1][1].core().to_tag))
    rig.advance(60)
    assert rig.statuses() == [486]
    assert rig.engine.pending == 0


def test_an_ack_of_nothing_is_counted() -> None:
    rig = Rig()
    rig.receive(ack_of(INVITE, "x").replace(b"ACK sip:bob@example.com", b"ACK sip:x@192.0.2.77"))
    assert rig.events == []
    assert rig.engine.counters.stray_acks == 1


def test_an_ack_for_a_name_of_ours_is_the_applications() -> None:
    rig = Rig()
    rig.receive(ack_of(INVITE, "somebody"))
    assert [type(event) for event in rig.events] == [AckReceived]


@pytest.mark.rfc("3261", "9.2")
def test_a_cancel_of_nothing_is_481() -> None:
    rig = Rig()
    rig.receive(cancel_of(INVITE))
    assert rig.statuses() == [481]


@pytest.mark.rfc("3261", "9.2")
def test_a_cancel_before_the_fork_is_487_at_once() -> None:
    rig = Rig()
    incoming = rig.request(INVITE)
    rig.engine.accept(incoming, rig.now)
    rig.receive(cancel_of(INVITE))
    assert rig.statuses() == [200, 487]
    fork = rig.fork(incoming)
    assert fork.outcome is not None
    assert fork.outcome.status == 487
    assert rig.to(CALLEE) == []


def test_a_cancel_after_the_final_response_does_nothing() -> None:
    rig = Rig()
    incoming = rig.request(INVITE)
    rig.engine.accept(incoming, rig.now)
    rig.engine.respond(incoming, 486, rig.now)
    rig.receive(cancel_of(INVITE))
    assert rig.statuses() == [486, 200]
    assert not incoming.cancelled


def test_copies_of_a_cancel_get_the_same_answer() -> None:
    rig = Rig()
    rig.fork(rig.request(INVITE))
    rig.receive(cancel_of(INVITE))
    rig.receive(cancel_of(INVITE))
    one, other = [message for _, message in rig.sent if message.status]
    assert one.to_bytes() == other.to_bytes()
    assert len(rig.events) == 1


@pytest.mark.rfc("6026", "8.9")
def test_a_stray_response_is_never_forwarded() -> None:
    rig = Rig()
    rig.receive(build_response(INVITE, 200), datagram(CALLEE))
    assert rig.sent == []
    assert rig.engine.counters.stray_responses == 1


def test_too_many_transactions_are_503_with_retry_after() -> None:
    rig = Rig(max_transactions=1)
    rig.fork(rig.request(INVITE))
    other = build_request(
        "INVITE", "sip:bob@example.com", source=CALLER, branch="z9hG4bKo", call_id="o"
    )
    rig.receive(other)
    (message,) = [message for to, message in rig.sent if to == CALLER]
    assert (message.status, message.get("retry-after")) == (503, "5")
    assert rig.engine.counters.refused_overload == 1


@pytest.mark.rfc("3261", "16.3")
def test_a_request_that_comes_back_unchanged_is_a_loop() -> None:
    rig = Rig()
    rig.fork(rig.request(INVITE), *[_target("sip:bob@example.com", "sip:192.0.2.77")])
    sent = rig.to(("192.0.2.77", 5060))[-1].to_bytes()
    back = sent.replace(b"Via:", b"Via: SIP/2.0/UDP 192.0.2.77;branch=z9hG4bKt\r\nVia:", 1)
    rig.receive(back, datagram(("192.0.2.77", 5060)))
    assert rig.statuses(("192.0.2.77", 5060)) == [482]


def _target(uri: str, next_hop: str) -> Target:
    return Target(uri, next_hop=next_hop)


def test_in_dialog_requests_of_ours_need_no_application() -> None:
    rig = Rig()
    rig.fork(rig.request(INVITE))
    rig.answer(200)
    response = [message for to, message in rig.sent if to == CALLER][-1]
    bye = build_request(
        "BYE",
        TARGET,
        source=CALLER,
        branch="z9hG4bKbye",
        callee=response.get("to") or "",
        cseq=2,
        headers=[("Route", response.get("record-route") or "")],
    )
    rig.events.clear()
    rig.receive(bye)
    assert rig.events == []
    assert rig.to(CALLEE)[-1].method == "BYE"
    assert rig.to(CALLEE)[-1].get("route") is None
    rig.answer(200)
    assert rig.statuses()[-1] == 200
