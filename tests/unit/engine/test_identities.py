"""Asserted identities: believed from gateways alone, hidden where their owner wants it (3325)."""

from __future__ import annotations

import pytest

from offhook.engine.engine import Engine
from offhook.engine.identities import asserts
from offhook.engine.settings import EngineSettings
from offhook.message import Message, parse
from offhook.proxy.target import ForkRequest, Target
from offhook.testing.builders import build_request, build_response
from offhook.transport.flow import Address, Flow
from tests.unit.engine.rig import CALLEE, CALLER, TARGET, TCP, TLS, UDP, Rig, datagram

GATEWAY: Address = ("203.0.113.5", 5060)
CLAIMS = (
    ("P-Asserted-Identity", '"President" <sip:president@example.com>'),
    ("P-Asserted-Identity", "<tel:+331>"),
    ("Remote-Party-ID", "<sip:president@example.com>;party=calling"),
    ("P-Preferred-Identity", "<sip:president@example.com>"),
)
PRIVATE = ("Privacy", "id; critical")


class Trunked(Rig):
    """An exchange with one gateway."""

    def __init__(self) -> None:
        super().__init__()
        self.engine = Engine(
            EngineSettings(
                key=b"k" * 32,
                boot="b",
                domains=frozenset({"example.com"}),
                guarded=lambda host, _port: host == GATEWAY[0],
            )
        )
        for listener in (UDP, TCP, TLS):
            self.engine.add_listener(listener)

    def call(self, source: Address, to: Address, *more: tuple[str, str]) -> Message:
        """An INVITE with claims: what leaves of it."""
        data = build_request(
            "INVITE", "sip:bob@example.com", source=source, headers=[*CLAIMS, *more]
        )
        incoming = self.request(data, datagram(source))
        self.fork(incoming, Target(f"sip:bob@{to[0]}:{to[1]}"))
        return self.to(to)[-1]

    def answer_with(self, invite: Message, source: Address, *more: tuple[str, str]) -> Message:
        """A 180 with claims: what the other side gets."""
        data = build_response(invite.to_bytes(), 180, headers=[*CLAIMS, *more])
        self.receive(data, datagram(source))
        return self.sent[-1][1]


def claims(message: Message) -> list[str]:
    return [name for name in message.names() if name in {each.lower() for each, _ in CLAIMS}]


@pytest.mark.rfc("3325", "5")
def test_what_a_stranger_asserts_is_taken_out_of_requests_and_responses() -> None:
    rig = Trunked()
    invite = rig.call(CALLER, CALLEE)
    assert claims(invite) == []
    assert claims(rig.answer_with(invite, CALLEE)) == []


def test_what_stands_beside_it_stays() -> None:
    rig = Trunked()
    invite = rig.call(CALLER, CALLEE, ("P-Charging-Vector", "x"), ("Privacy", "id"))
    assert (invite.get("p-charging-vector"), invite.get("privacy")) == ("x", "id")


@pytest.mark.rfc("3325", "5")
def test_what_a_gateway_asserts_goes_on() -> None:
    rig = Trunked()
    invite = rig.call(GATEWAY, CALLEE)
    assert len(claims(invite)) == len(CLAIMS)
    out = Trunked()
    outgoing = out.call(CALLER, GATEWAY)
    assert claims(outgoing) == []
    assert len(claims(out.answer_with(outgoing, GATEWAY))) == len(CLAIMS)


@pytest.mark.rfc("3325", "7")
def test_who_wants_privacy_has_it_towards_phones() -> None:
    rig = Trunked()
    assert claims(rig.call(GATEWAY, CALLEE, PRIVATE)) == ["p-preferred-identity"]
    assert len(claims(Trunked().call(GATEWAY, GATEWAY, PRIVATE))) == len(CLAIMS)
    out = Trunked()
    outgoing = out.call(CALLER, GATEWAY)
    assert claims(out.answer_with(outgoing, GATEWAY, PRIVATE)) == ["p-preferred-identity"]


def test_a_gateway_is_believed_by_its_certificate_wherever_it_is() -> None:
    rig = Trunked()
    for names, believed in ((("phone.example",), 0), (("203.0.113.5",), len(CLAIMS))):
        flow = Flow(TLS, ("192.0.2.1", 5061), CALLER, f"c{believed}")
        flow.identities = frozenset(names)
        rig.engine.flow_accepted(flow, 0.0)
        data = build_request(
            "INVITE",
            "sip:bob@example.com",
            source=CALLER,
            transport="TLS",
            branch=f"z9hG4bK{believed}",
            headers=CLAIMS,
        )
        assert len(claims(rig.request(data, flow).message)) == believed


def test_without_gateways_nobody_is_believed() -> None:
    rig = Rig()
    data = build_request("INVITE", "sip:bob@example.com", source=CALLER, headers=CLAIMS)
    incoming = rig.request(data)
    assert not asserts(incoming.message)
    rig.fork(incoming, Target(TARGET))
    assert claims(rig.to(CALLEE)[-1]) == []


def test_inside_a_dialog_too() -> None:
    rig = Trunked()
    invite = rig.call(CALLER, CALLEE)
    rig.receive(build_response(invite.to_bytes(), 200, to_tag="callee"), datagram(CALLEE))
    answer = rig.sent[-1][1]
    again = build_request(
        "INVITE",
        TARGET,
        source=CALLER,
        branch="z9hG4bKagain",
        callee=answer.get("to") or "",
        cseq=2,
        headers=[*(("Route", value) for value in answer.get_all("record-route")), *CLAIMS],
    )
    rig.receive(again)
    sent = rig.to(CALLEE)[-1]
    assert sent.core().cseq == 2
    assert claims(sent) == []


def test_a_program_that_edits_branches_still_does() -> None:
    rig = Trunked()
    data = build_request(
        "MESSAGE", "sip:bob@example.com", source=GATEWAY, headers=[*CLAIMS, PRIVATE]
    )
    incoming = rig.request(data, datagram(GATEWAY))
    request = ForkRequest([[Target(TARGET)]], branch=lambda copy: copy.set("Subject", "edited"))
    rig.engine.fork(incoming, request, rig.now)
    rig.run()
    sent = rig.to(CALLEE)[-1]
    assert sent.get("subject") == "edited"
    assert "p-asserted-identity" not in sent.names()


def test_only_claims_are_looked_at() -> None:
    assert not asserts(parse(build_request("INVITE", "sip:bob@example.com")))
