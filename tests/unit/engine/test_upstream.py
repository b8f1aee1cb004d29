"""Responses on their way to the client: where they go, what is in them (RFC 3261 16.7, 18.2.2)."""

from __future__ import annotations

import pytest

from offhook.proxy.target import Outcome, Target
from offhook.testing.builders import build_request, build_response
from tests.unit.engine.rig import CALLEE, CALLER, TCP, WSS, Rig, datagram

BARE = build_request("OPTIONS", "sip:example.com", source=CALLER).replace(b";rport", b"")


@pytest.mark.rfc("3261", "18.2.2")
def test_without_rport_the_port_of_the_sent_by_counts() -> None:
    rig = Rig()
    source = (CALLER[0], 40_000)
    rig.engine.respond(rig.request(BARE, datagram(source)), 200, rig.now)
    rig.run()
    assert [to for to, _ in rig.sent] == [CALLER]
    rig.receive(BARE, datagram(source))
    assert [to for to, _ in rig.sent] == [CALLER, CALLER]


@pytest.mark.rfc("3581", "4")
def test_with_rport_the_source_counts() -> None:
    rig = Rig()
    source = (CALLER[0], 40_000)
    data = BARE.replace(b";branch", b";rport;branch")
    rig.engine.respond(rig.request(data, datagram(source)), 404, rig.now)
    rig.run()
    assert [to for to, _ in rig.sent] == [source]


@pytest.mark.rfc("3261", "18.2.2")
def test_a_connection_that_is_gone_is_replaced_by_one_to_the_sent_by() -> None:
    rig = Rig()
    flow = rig.accept(TCP, (CALLER[0], 40_000))
    data = build_request("OPTIONS", "sip:example.com", source=CALLER, transport="TCP")
    incoming = rig.request(data, flow)
    rig.engine.accept(incoming, rig.now)
    rig.lose(flow)
    rig.engine.respond(incoming, 200, rig.now)
    rig.run()
    assert rig.opened[-1].destination == CALLER
    assert rig.sent[-1][1].status == 200


@pytest.mark.rfc("7118", "5.3")
def test_nobody_connects_to_a_websocket_client() -> None:
    rig = Rig()
    flow = rig.accept(WSS, (CALLER[0], 40_000))
    data = build_request("OPTIONS", "sip:example.com", source=CALLER, transport="WSS")
    incoming = rig.request(data, flow)
    rig.engine.accept(incoming, rig.now)
    rig.lose(flow)
    rig.engine.respond(incoming, 200, rig.now)
    rig.run()
    assert (rig.opened, rig.sent) == ([], [])


def test_nobody_there_is_no_fault() -> None:
    rig = Rig()
    flow = rig.accept(TCP, (CALLER[0], 40_000))
    data = build_request("OPTIONS", "sip:example.com", source=CALLER, transport="TCP")
    incoming = rig.request(data, flow)
    rig.engine.accept(incoming, rig.now)
    rig.lose(flow)
    rig.dead = {CALLER[0]}
    rig.engine.respond(incoming, 200, rig.now)
    rig.run()
    assert rig.sent == []
    rig.advance(100)
    assert rig.engine.pending == 0


@pytest.mark.rfc("3261", "8.2.6.2")
def test_responses_of_our_own_have_one_tag_and_100_has_none() -> None:
    rig = Rig()
    incoming = rig.invite()
    rig.engine.accept(incoming, rig.now)
    rig.engine.trying(incoming, rig.now)
    rig.engine.respond(incoming, 183, rig.now)
    rig.engine.respond(incoming, 486, rig.now, body=b"x", headers=[("Content-Type", "a/b")])
    rig.run()
    trying, progress, final = [message for _, message in rig.sent]
    assert trying.core().to_tag == ""
    assert progress.core().to_tag == final.core().to_tag != ""
    assert (final.body, final.get("content-type")) == (b"x", "a/b")


@pytest.mark.rfc("3261", "16.7")
def test_a_relayed_response_loses_our_via_and_nothing_else() -> None:
    rig = Rig()
    rig.fork(rig.invite())
    rig.answer(200)
    message = rig.sent[-1][1]
    assert rig.sent[-1][0] == CALLER
    assert len(message.get_all("via")) == 1
    assert message.core().branch == "z9hG4bKbuilt"
    assert message.core().to_tag == "callee"
    assert message.get("record-route") is not None


@pytest.mark.rfc("3261", "16.7")
@pytest.mark.parametrize(("given", "sent"), [(503, 500), (480, 480), (408, 408)])
def test_a_503_of_the_next_hop_is_not_ours(given: int, sent: int) -> None:
    rig = Rig()
    incoming = rig.invite()
    fork = rig.fork(incoming)
    rig.answer(given)
    assert fork.outcome is not None
    rig.engine.answer(incoming, fork.outcome, rig.now)
    rig.run()
    assert rig.statuses() == [sent]


@pytest.mark.rfc("4320", "4.2")
def test_no_408_is_sent_to_a_non_invite() -> None:
    rig = Rig()
    incoming = rig.request(build_request("MESSAGE", "sip:bob@example.com", source=CALLER))
    rig.fork(incoming)
    rig.advance(33)
    rig.engine.answer(incoming, Outcome(408), rig.now)
    rig.run()
    assert [status for status in rig.statuses() if status >= 200] == []


@pytest.mark.rfc("3261", "16.7")
def test_challenges_of_all_branches_are_in_the_answer() -> None:
    rig = Rig()
    incoming = rig.invite()
    other = ("198.51.100.3", 5060)
    fork = rig.fork(incoming, Target("sip:b@198.51.100.2:5060"), Target("sip:b@198.51.100.3:5060"))
    for address, realm in ((CALLEE, "one"), (other, "two")):
        request = rig.to(address)[-1].to_bytes()
        challenge = [("Proxy-Authenticate", f'Digest realm="{realm}"')]
        rig.receive(build_response(request, 407, headers=challenge), datagram(address))
    assert fork.outcome is not None
    rig.engine.answer(incoming, fork.outcome, rig.now)
    rig.run()
    assert len(rig.sent[-1][1].get_all("proxy-authenticate")) == 2


def test_a_late_2xx_still_goes_up_after_the_transaction_ended() -> None:
    rig = Rig()
    fork = rig.fork(rig.invite())
    rig.answer(200)
    rig.advance(20)
    rig.answer(200)
    assert rig.statuses() == [200, 200]
    assert fork.outcome is not None


def test_an_own_reply_is_held_and_a_2xx_wins() -> None:
    rig = Rig()
    incoming = rig.invite()
    fork = rig.fork(incoming)
    rig.answer(180)
    rig.engine.abandon(fork, rig.now)
    assert rig.engine.respond(incoming, 480, rig.now, reason="Nobody")
    rig.run()
    assert rig.statuses() == [180]
    invite = next(each for each in rig.to(CALLEE) if each.method == "INVITE").to_bytes()
    rig.receive(build_response(invite, 200), datagram(CALLEE))
    assert rig.statuses() == [180, 200]
    assert not rig.engine.respond(incoming, 500, rig.now)
