"""A route token lets a dialog go on, and lends nobody a gateway (bytes in, bytes out)."""

from __future__ import annotations

import re

import pytest

from offhook.engine.actions import Open, Resolve, Send
from offhook.engine.engine import Engine
from offhook.engine.events import RequestReceived
from offhook.engine.settings import EngineSettings
from offhook.message.message import Message
from offhook.message.parse import parse
from offhook.proxy.target import ForkRequest, Target
from offhook.transport.flow import Flow, Listener
from tests.unit.names import from_names

LISTENER = Listener("internal", "UDP", "192.0.2.1", 5060)
ALICE = Flow(LISTENER, ("192.0.2.1", 5060), ("192.0.2.10", 5060))
CARRIER = "carrier.example"
PROXY = "Via: SIP/2.0/UDP 10.0.0.9;branch=z9hG4bKx\r\n"


class _Bench:
    """One engine; what it sends is kept, every way opens."""

    def __init__(self) -> None:
        self.engine = Engine(
            EngineSettings(
                key=b"k" * 16,
                boot="b",
                domains=frozenset({"example.com"}),
                guarded=lambda host, port: host in (CARRIER, "203.0.113.5") and port in (0, 5060),
            )
        )
        self.engine.add_listener(LISTENER)

    def receive(self, data: bytes, target: str, flow: Flow = ALICE) -> list[Message]:
        engine = self.engine
        sent: list[Message] = []
        engine.receive(flow, data, 0.0)
        while engine.has_events or engine.has_actions:
            for event in engine.events():
                if isinstance(event, RequestReceived):
                    request = ForkRequest(((Target(target),),), decides=True)
                    engine.fork(event.incoming, request, 0.0)
            for action in engine.actions():
                if isinstance(action, Open):
                    flow = Flow(LISTENER, ("192.0.2.1", 5060), action.destination)
                    engine.flow_opened(action.ticket, flow, 0.0)
                elif isinstance(action, Resolve):
                    names = {"innocent.example": ["203.0.113.5"], "far.example": ["192.0.2.30"]}
                    engine.resolved(action.ticket, from_names(names, action.questions), 0.0)
                elif isinstance(action, Send):
                    sent.append(parse(action.data))
        return sent

    def token(self, target: str) -> str:
        """The Record-Route of a call that is routed to `target`."""
        (invite,) = self.receive(_request("INVITE", "sip:bob@example.com", "a1"), target)
        return invite.get_all("record-route")[0]


def _request(
    method: str, uri: str, branch: str, *, route: str = "", cseq: int = 1, more: str = ""
) -> bytes:
    tag = ";tag=b" if route else ""
    return (
        f"{method} {uri} SIP/2.0\r\nVia: SIP/2.0/UDP 192.0.2.10;branch=z9hG4bK{branch}\r\n"
        f"From: <sip:alice@example.com>;tag=a\r\nTo: <sip:bob@example.com>{tag}\r\n"
        f"Call-ID: c1\r\nCSeq: {cseq} {method}\r\nContact: <sip:alice@192.0.2.10>\r\n"
        + (f"Route: {route}\r\n" if route else "")
        + more
        + "Max-Forwards: 70\r\nContent-Length: 0\r\n\r\n"
    ).encode()


def test_a_token_of_another_call_opens_no_gateway() -> None:
    bench = _Bench()
    route = bench.token("sip:bob@192.0.2.20")
    for number, uri in enumerate(
        ("sip:+331@carrier.example", "sip:+331@203.0.113.5", "sip:+331@192.0.2.9;maddr=203.0.113.5")
    ):
        data = _request("INVITE", uri, f"g{number}", route=route, cseq=number + 2)
        (answer,) = bench.receive(data, "sip:nobody@192.0.2.99")
        assert (answer.status, answer.reason) == (403, "Not of This Dialog")


def test_neither_does_a_name_that_leads_there() -> None:
    bench = _Bench()
    route = bench.token("sip:bob@192.0.2.20")
    data = _request("INVITE", "sip:+331@innocent.example", "n", route=route, cseq=2)
    assert [each.status for each in bench.receive(data, "") if not each.is_request] == [403]
    data = _request("BYE", "sip:bob@far.example", "f", route=route, cseq=3)
    assert [each.uri for each in bench.receive(data, "") if each.is_request] == [
        "sip:bob@far.example"
    ]


def test_neither_does_its_ack() -> None:
    bench = _Bench()
    route = bench.token("sip:bob@192.0.2.20")
    data = _request("ACK", "sip:+331@203.0.113.5", "k", route=route)
    assert bench.receive(data, "sip:nobody@192.0.2.99") == []
    assert bench.engine.counters.stray_acks == 1


def test_the_dialog_itself_goes_on() -> None:
    bench = _Bench()
    route = bench.token("sip:bob@192.0.2.20")
    (bye,) = bench.receive(_request("BYE", "sip:bob@192.0.2.20", "y", route=route, cseq=2), "")
    assert re.match(r"BYE sip:bob@192\.0\.2\.20 ", bye.to_bytes().decode())


def test_a_dialog_with_a_gateway_goes_on_with_it() -> None:
    bench = _Bench()
    route = bench.token("sip:+331@203.0.113.5")
    (bye,) = bench.receive(_request("BYE", "sip:+331@203.0.113.5", "y", route=route, cseq=2), "")
    assert (bye.is_request, bye.method) == (True, "BYE")


@pytest.mark.parametrize("method", ["BYE", "ACK"])
def test_credentials_for_us_do_not_travel_on(method: str) -> None:
    bench = _Bench()
    route = bench.token("sip:bob@192.0.2.20")
    ours = 'Digest username="a", realm="example.com", nonce="n", uri="sip:b", response="0"'
    theirs = ours.replace("example.com", "elsewhere.example")
    more = f"Proxy-Authorization: {ours}\r\nProxy-Authorization: {theirs}\r\n"
    data = _request(method, "sip:bob@192.0.2.20", "p", route=route, more=more)
    (sent,) = bench.receive(data, "")
    assert sent.get_all("proxy-authorization") == [theirs]


@pytest.mark.parametrize(
    ("proxies", "host"),  # of a first hop the flow is known, and the name is asked by nobody
    [("", CARRIER), (PROXY, CARRIER), (PROXY, "innocent.example")],
)
def test_a_path_value_of_ours_opens_no_gateway(proxies: str, host: str) -> None:
    bench = _Bench()
    behind = f"<sip:{host};lr>"
    register = _request(
        "REGISTER", "sip:example.com", "r1", more=f"{proxies}Path: {behind}\r\nSupported: path\r\n"
    )
    (passed,) = bench.receive(register, "sip:192.0.2.30")
    ours = passed.get_all("path")[0]
    invite = _request("INVITE", f"sip:+331@{CARRIER}", "i1", more=f"Route: {ours}, {behind}\r\n")
    other = Flow(LISTENER, ("192.0.2.1", 5060), ("192.0.2.66", 5060))  # not the phone itself
    answers = bench.receive(invite, "sip:192.0.2.30", other)
    assert [each.status for each in answers if not each.is_request] == [403]
    assert not any(each.is_request for each in answers)
