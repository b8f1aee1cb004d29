"""Requests of our own: Via, transaction, ACK, answers as events."""

from __future__ import annotations

import pytest

from offhook.engine.events import Answered
from offhook.engine.outgoing import Outgoing
from offhook.errors import UriError
from offhook.message import make_request
from offhook.testing.builders import build_response
from tests.unit.engine.rig import CALLEE, TARGET, TCP, Rig, datagram


def ask(rig: Rig, method: str = "OPTIONS", uri: str = TARGET, next_uri: str = "") -> Outgoing:
    """Send a request."""
    message = make_request(
        method,
        uri,
        via=(),
        from_="<sip:us@example.com>;tag=u",
        to=f"<{uri}>",
        call_id="own",
        cseq=1,
    )
    outgoing = rig.engine.request(message, "p", rig.now, next_uri=next_uri)
    rig.run()
    return outgoing


def heard(rig: Rig) -> list[int]:
    """The statuses that were told; 0 for no response."""
    events = [event for event in rig.events if isinstance(event, Answered)]
    return [event.response.status if event.response is not None else 0 for event in events]


def test_a_request_and_its_answers() -> None:
    rig = Rig()
    outgoing = ask(rig)
    (sent,) = rig.to(CALLEE)
    assert (sent.get("via") or "").startswith("SIP/2.0/UDP 192.0.2.1:5060;")
    assert "rport" in (sent.get("via") or "")
    assert outgoing.flow is datagram(CALLEE)
    rig.answer(180)
    rig.answer(200)
    assert heard(rig) == [180, 200]
    rig.advance(60)
    assert rig.engine.pending == 0


@pytest.mark.rfc("3261", "17.1.1.3")
def test_a_refused_invite_is_acknowledged() -> None:
    rig = Rig()
    ask(rig, "INVITE")
    rig.answer(486)
    assert [each.method for each in rig.to(CALLEE)] == ["INVITE", "ACK"]
    assert heard(rig) == [486]


def test_another_next_hop_than_the_request_uri() -> None:
    rig = Rig()
    ask(rig, next_uri="sip:198.51.100.3:5070")
    assert rig.to(("198.51.100.3", 5070))[0].uri == TARGET


def test_a_uri_that_leads_nowhere_is_the_callers_fault() -> None:
    with pytest.raises(UriError):
        ask(Rig(), uri="tel:+331")


def test_names_are_looked_up_and_tried_in_order() -> None:
    rig = Rig()
    rig.names = {"desk.test": ["198.51.100.3", "198.51.100.2"]}
    rig.dead = {"198.51.100.3"}
    ask(rig, uri="sip:x@desk.test")
    assert rig.to(CALLEE)


@pytest.mark.parametrize("names", [{}, {"desk.test": ["198.51.100.3"]}])
def test_no_way_at_all_is_503(names: dict[str, list[str]]) -> None:
    rig = Rig()
    rig.names = dict(names)
    rig.dead = {"198.51.100.3"}
    outgoing = ask(rig, uri="sip:x@desk.test")
    assert (heard(rig), outgoing.status) == ([0], 503)


def test_silence_is_408() -> None:
    rig = Rig()
    outgoing = ask(rig)
    rig.advance(33)
    assert (heard(rig), outgoing.status) == ([0], 408)


def test_a_lost_connection_is_503_at_once() -> None:
    rig = Rig()
    outgoing = ask(rig, uri=f"{TARGET};transport=tcp")
    (flow,) = rig.engine.connections()
    rig.lose(flow)
    assert (heard(rig), outgoing.status) == ([0], 503)


def test_an_answer_by_another_flow_counts() -> None:
    rig = Rig()
    ask(rig, uri=f"{TARGET};transport=tcp")
    request = rig.to(CALLEE)[-1].to_bytes()
    rig.receive(build_response(request, 200), rig.accept(TCP, CALLEE))
    assert heard(rig) == [200]


@pytest.mark.rfc("5626", "5.3")
def test_a_named_flow_is_the_only_way() -> None:
    rig = Rig()
    natted = "udp/192.0.2.1:5060/203.0.113.9:31337"
    message = make_request(
        "OPTIONS",
        TARGET,
        via=(),
        from_="<sip:us@example.com>;tag=u",
        to=f"<{TARGET}>",
        call_id="own",
        cseq=1,
    )
    rig.engine.request(message, "p", rig.now, flow=natted)
    rig.run()
    assert [each.uri for each in rig.to(("203.0.113.9", 31337))] == [TARGET]
    assert not rig.to(CALLEE)
    gone = rig.engine.request(message, "p", rig.now, flow="tcp/192.0.2.1:5060/203.0.113.9:5/c9")
    rig.run()
    assert (heard(rig), gone.status) == ([0], 480)


def test_a_large_datagram_of_our_own_is_counted() -> None:
    rig = Rig()
    ask(rig, uri=f"{TARGET};user={'x' * 1300}")
    assert rig.engine.counters.large_datagrams == 1
    ask(rig, uri=f"{TARGET};transport=tcp;user={'x' * 1300}")
    assert rig.engine.counters.large_datagrams == 1
