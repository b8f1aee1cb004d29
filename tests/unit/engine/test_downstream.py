"""The client side of forks: what is sent, CANCEL, credentials, ends of dialogs, failed ways."""

from __future__ import annotations

import pytest

from offhook.engine.downstream import callee_end, caller_end
from offhook.message import Message
from offhook.proxy.branch import SILENCE
from offhook.proxy.route_token import End
from offhook.proxy.target import ForkRequest, Target
from offhook.testing.builders import build_request, build_response
from offhook.transport.flow import Listener
from tests.unit.engine.rig import CALLEE, CALLER, TARGET, TCP, TLS, Rig, cancel_of, datagram

INVITE = build_request("INVITE", "sip:bob@example.com", source=CALLER)
OTHER = ("198.51.100.3", 5060)


@pytest.mark.rfc("3261", "16.6")
def test_what_leaves_on_a_branch() -> None:
    rig = Rig()
    rig.fork(rig.request(INVITE))
    (sent,) = rig.to(CALLEE)
    assert sent.uri == TARGET
    assert sent.get("max-forwards") == "69"
    top, below = sent.get_all("via")
    assert top.startswith("SIP/2.0/UDP 192.0.2.1:5060;")
    assert "z9hG4bKbuilt" in below
    assert (sent.get("record-route") or "").endswith("@192.0.2.1:5060;lr>")


def test_only_requests_that_make_dialogs_are_record_routed() -> None:
    rig = Rig()
    rig.fork(rig.request(build_request("MESSAGE", "sip:bob@example.com", source=CALLER)))
    assert rig.to(CALLEE)[-1].get("record-route") is None


def test_each_branch_has_its_own_branch_parameter() -> None:
    rig = Rig()
    rig.fork(rig.request(INVITE), Target(TARGET), Target("sip:b@198.51.100.3:5060"))
    assert rig.to(CALLEE)[0].core().branch != rig.to(OTHER)[0].core().branch


@pytest.mark.rfc("3261", "9.1")
def test_cancel_has_the_branch_of_its_invite_and_is_sent_once() -> None:
    rig = Rig()
    incoming = rig.request(INVITE)
    fork = rig.fork(incoming)
    rig.answer(180)
    rig.engine.abandon(fork, rig.now)
    rig.run()
    rig.answer(183)
    invite, *cancels = rig.to(CALLEE)
    assert [each.method for each in cancels] == ["CANCEL"]
    assert cancels[0].core().branch == invite.core().branch


@pytest.mark.rfc("3261", "9.1")
def test_a_cancelled_invite_without_an_end_is_forgotten_after_64_t1() -> None:
    rig = Rig()
    rig.fork(rig.request(INVITE))
    rig.answer(180)
    rig.receive(cancel_of(INVITE))
    rig.advance(SILENCE + 0.1)
    counts = rig.engine.transactions.counts()
    assert (counts.clients, counts.cancels) == (0, 0)
    assert rig.statuses()[-1] == 487
    rig.advance(100)
    assert rig.engine.pending == 0


def test_a_try_that_was_given_up_and_rings_is_cancelled() -> None:
    rig = Rig()
    rig.names = {"desk.test": ["198.51.100.2", "198.51.100.3"]}
    rig.fork(rig.request(INVITE), Target("sip:x@desk.test"))
    rig.advance(4.1)
    assert rig.to(OTHER)
    first = rig.to(CALLEE)[0].to_bytes()
    rig.receive(build_response(first, 180), datagram(CALLEE))
    assert rig.to(CALLEE)[-1].method == "CANCEL"
    assert rig.statuses() == [100]
    rig.receive(build_response(first, 200), datagram(CALLEE))
    assert rig.statuses() == [100, 200]


@pytest.mark.rfc("3261", "17.1.1.3")
def test_a_refusal_is_acknowledged_here() -> None:
    rig = Rig()
    rig.fork(rig.request(INVITE))
    for _ in range(2):
        rig.answer(486) if rig.to(CALLEE)[-1].method == "INVITE" else _again(rig)
    acks = [each for each in rig.to(CALLEE) if each.method == "ACK"]
    assert len(acks) == 2
    assert acks[0].core().to_tag == "callee"


def _again(rig: Rig) -> None:
    invite = next(each for each in rig.to(CALLEE) if each.method == "INVITE").to_bytes()
    rig.receive(build_response(invite, 486, to_tag="callee"), datagram(CALLEE))


def test_a_gateways_challenge_is_answered_once() -> None:
    def authorize(sent: Message, response: Message) -> Message | None:
        again = sent.copy()
        again.add("Proxy-Authorization", f"Digest for={response.status}")
        return again

    rig = Rig()
    fork = rig.fork(rig.request(INVITE), Target(TARGET, authorize=authorize))
    first = rig.to(CALLEE)[-1]
    rig.answer(407)
    second = rig.to(CALLEE)[-1]
    assert second.get("proxy-authorization") == "Digest for=407"
    assert second.core().branch != first.core().branch
    assert len(second.get_all("via")) == 2
    rig.answer(407)
    assert fork.outcome is not None
    assert fork.outcome.status == 407


def test_a_challenge_without_an_answer_is_a_failure() -> None:
    rig = Rig()
    fork = rig.fork(rig.request(INVITE), Target(TARGET, authorize=lambda _sent, _response: None))
    rig.answer(407)
    assert fork.outcome is not None
    assert fork.outcome.status == 407


def test_timer_b_is_408() -> None:
    rig = Rig()
    fork = rig.fork(rig.request(INVITE))
    rig.advance(32.1)
    assert fork.outcome is not None
    assert (fork.outcome.status, fork.outcome.response) == (408, None)
    assert len(rig.to(CALLEE)) == 7


def test_a_phone_is_sent_to_by_the_profile_it_registered_with() -> None:
    rig = Rig()
    rig.engine.add_listener(_listener("other", "203.0.113.9"))
    rig.fork(rig.request(INVITE), Target(TARGET, origin="udp/203.0.113.9:5060/198.51.100.2:5060"))
    assert rig.opened[-1].profile == "other"
    rig.fork(
        rig.request(_another()), Target(TARGET, profile="said", origin="udp/203.0.113.9:5060/x")
    )
    assert rig.opened[-1].profile == "said"


def _listener(profile: str, host: str) -> Listener:
    return Listener(profile, "UDP", host, 5060)


def _another() -> bytes:
    return build_request(
        "INVITE", "sip:bob@example.com", source=CALLER, branch="z9hG4bKo", call_id="o"
    )


def test_a_dead_connection_before_any_response_ends_the_branch_at_once() -> None:
    rig = Rig()
    flow = rig.accept(TLS, CALLEE)
    fork = rig.fork(rig.request(INVITE), Target(TARGET, flow=flow.name, by_flow=True))
    rig.lose(flow)
    assert fork.outcome is not None
    assert fork.outcome.status == 480


def test_a_dead_connection_leads_to_the_next_way() -> None:
    rig = Rig()
    flow = rig.accept(TCP, CALLEE)
    target = Target(TARGET, flow=flow.name, alternatives=(Target("sip:b@198.51.100.3:5060"),))
    rig.fork(rig.request(INVITE), target)
    rig.lose(flow)
    assert rig.to(OTHER)


def test_a_ringing_phone_may_answer_by_another_connection() -> None:
    rig = Rig()
    flow = rig.accept(TLS, CALLEE)
    fork = rig.fork(rig.request(INVITE), Target(TARGET, flow=flow.name, by_flow=True))
    invite = rig.to(CALLEE)[-1].to_bytes()
    rig.receive(build_response(invite, 180), flow)
    rig.lose(flow)
    assert fork.outcome is None
    rig.receive(build_response(invite, 200), rig.accept(TLS, CALLEE))
    assert rig.statuses() == [180, 200]


def test_a_port_error_leads_to_the_next_way() -> None:
    rig = Rig()
    target = Target(TARGET, alternatives=(Target("sip:b@198.51.100.3:5060"),))
    rig.fork(rig.request(INVITE), target)
    rig.engine.send_failed(datagram(CALLEE), rig.now)
    rig.run()
    assert rig.to(OTHER)


def test_how_the_ends_of_a_dialog_are_reached_later() -> None:
    rig = Rig()
    incoming = rig.request(INVITE)
    assert caller_end(incoming) == End("p")
    source = datagram((CALLER[0], 40_000))  # not what its Via says
    incoming = rig.request(_another(), source)
    assert caller_end(incoming) == End("p", source.name)
    fork = rig.engine.fork(incoming, ForkRequest([[Target(TARGET)]]), rig.now)
    assert callee_end(fork.branches[0].target, datagram(CALLEE)) == End("p")
    flow = rig.accept(TLS, CALLEE)
    assert callee_end(fork.branches[0].target, flow) == End("p", flow.name)
