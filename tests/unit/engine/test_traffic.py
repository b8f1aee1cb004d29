"""Messages counted by way, method and code."""

from __future__ import annotations

from offhook.engine.traffic import Tally, Traffic
from offhook.transport.flow import Flow, Listener
from offhook.transport.stun import Binding, answer
from tests.unit.engine.rig import Rig

HOST = "192.0.2.1"


def flow(transport: str = "UDP", profile: str = "internal") -> Flow:
    listener = Listener(profile, transport, HOST, 5060)
    return Flow(listener, (HOST, 5060), ("198.51.100.1", 5060))


def only(traffic: Traffic) -> Tally:
    (tally,) = traffic.tallies.values()
    return tally


def seen(counts: dict[str, int]) -> dict[str, int]:
    return {key: count for key, count in counts.items() if count}


def test_requests_by_way_and_method() -> None:
    traffic = Traffic()
    for way in (flow(), flow(), flow("TCP"), flow(profile="external")):
        traffic.request_in(way, "INVITE")
    counted = {way: seen(tally.requests_in) for way, tally in traffic.tallies.items()}
    assert counted == {
        ("internal", "UDP"): {"INVITE": 2},
        ("internal", "TCP"): {"INVITE": 1},
        ("external", "UDP"): {"INVITE": 1},
    }


def test_made_up_methods_are_one() -> None:
    traffic = Traffic()
    for number in range(1000):
        traffic.request_in(flow(), f"METHOD{number}")
        traffic.reply_in(flow(), f"METHOD{number}", 200)
        traffic.sent(flow(), f"METHOD{number} sip:a@h SIP/2.0\r\n".encode())
    tally = only(traffic)
    assert seen(tally.requests_in) == {"other": 1000}
    assert seen(tally.requests_out) == {"other": 1000}
    assert tally.replies_in == {("other", 200): 1000}


def test_what_leaves_is_told_from_its_octets() -> None:
    traffic = Traffic()
    for data in (
        b"INVITE sip:a@h SIP/2.0\r\n",
        b"INVITE sip:a@h SIP/2.0\r\n",
        b"SUBSCRIBE sip:a@h SIP/2.0\r\n",
        b"ACKNOWLEDGEMENT sip:a@h SIP/2.0\r\n",
        b"SIP/2.0 200 OK\r\n",
        b"SIP/2.0 486 Busy Here\r\n",
        b"\r\n",
        b"\r\n\r\n",
    ):
        traffic.sent(flow(), data)
    tally = only(traffic)
    assert seen(tally.requests_out) == {"INVITE": 2, "SUBSCRIBE": 1, "other": 1}
    assert tally.replies_out == {b"200": 1, b"486": 1}


def test_a_response_counts_by_its_code_only_if_somebody_waits_for_it() -> None:
    rig = Rig()
    counters = rig.engine.counters
    for status in range(400, 500):
        rig.receive(_stray(status))
    assert counters.stray_responses == 100
    assert not counters.traffic.tallies


def _stray(status: int) -> bytes:
    return (
        f"SIP/2.0 {status} Made Up\r\nVia: SIP/2.0/UDP 192.0.2.1;branch=z9hG4bKnobody\r\n"
        "From: <sip:a@h>;tag=1\r\nTo: <sip:b@h>;tag=2\r\nCall-ID: 1\r\nCSeq: 1 INVITE\r\n\r\n"
    ).encode()


def test_answers_to_stun_are_no_requests() -> None:
    traffic = Traffic()
    question = Binding(b"\x21\x12\xa4\x42" + bytes(12), wants_answer=True)
    traffic.sent(flow(), answer(question, ("198.51.100.1", 5060)))
    assert seen(only(traffic).requests_out) == {}
