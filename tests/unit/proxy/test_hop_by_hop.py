"""ACK of a refusal and CANCEL copy what was sent on the same hop."""

from __future__ import annotations

import pytest

from offhook.message import parse
from offhook.proxy.hop_by_hop import make_ack, make_cancel
from offhook.testing.builders import build_request, build_response

SENT = build_request(
    "INVITE",
    "sip:bob@192.0.2.9",
    branch="z9hG4bKours",
    cseq=7,
    headers=[
        ("Route", "<sip:192.0.2.8;lr>"),
        ("Route", "<sip:192.0.2.7;lr>"),
        ("Authorization", "Digest x=y"),
    ],
    body=b"v=0",
)


@pytest.mark.rfc("3261", "17.1.1.3")
def test_the_ack_of_a_refusal() -> None:
    sent = parse(SENT)
    ack = parse(make_ack(sent, parse(build_response(SENT, 486, to_tag="busy"))))
    assert (ack.method, ack.uri) == ("ACK", "sip:bob@192.0.2.9")
    assert ack.get_all("via") == sent.get_all("via")
    assert ack.get_all("route") == sent.get_all("route")
    assert ack.get("cseq") == "7 ACK"
    assert ack.core().to_tag == "busy"
    assert ack.body == b""


@pytest.mark.rfc("3261", "9.1")
def test_the_cancel_of_an_invite() -> None:
    sent = parse(SENT)
    cancel = parse(make_cancel(sent, 'SIP;cause=200;text="Call completed elsewhere"'))
    assert cancel.get("cseq") == "7 CANCEL"
    assert cancel.get_all("via") == sent.get_all("via")
    assert cancel.get("to") == sent.get("to")
    assert cancel.get("reason") == 'SIP;cause=200;text="Call completed elsewhere"'
    assert cancel.get("authorization") is None
    assert parse(make_cancel(sent)).get("reason") is None


def test_only_our_own_via_is_copied() -> None:
    two = SENT.replace(
        b"Max-Forwards", b"Via: SIP/2.0/UDP 192.0.2.99;branch=z9hG4bKx\r\nMax-Forwards"
    )
    cancel = parse(make_cancel(parse(two)))
    assert len(cancel.get_all("via")) == 1
    assert cancel.core().branch == "z9hG4bKours"
