"""The sips scheme as text and on flows."""

from __future__ import annotations

import pytest

from offhook.transport.flow import Flow, Listener
from offhook.transport.secure import (
    as_sip,
    as_sips,
    carries,
    downgraded,
    is_sips,
    keeps_promise,
)


@pytest.mark.parametrize(
    ("uri", "secure", "sip", "sips"),
    [
        ("sips:a@b", True, "sip:a@b", "sips:a@b"),
        ("SIPS:a@b", True, "sip:a@b", "SIPS:a@b"),
        ("sip:a@b", False, "sip:a@b", "sips:a@b"),
        ("Sip:a@b;x", False, "Sip:a@b;x", "sips:a@b;x"),
        ("tel:+33", False, "tel:+33", "tel:+33"),
        ("", False, "", ""),
    ],
)
def test_schemes(uri: str, secure: bool, sip: str, sips: str) -> None:
    assert is_sips(uri) is secure
    assert as_sip(uri) == sip
    assert as_sips(uri) == sips


@pytest.mark.rfc("3261", "26.2.2")
@pytest.mark.parametrize(
    ("transport", "encrypted"),
    [("UDP", False), ("TCP", False), ("WS", False), ("TLS", True), ("WSS", True)],
)
def test_only_encrypted_flows_carry_sips(transport: str, encrypted: bool) -> None:
    listener = Listener("p", transport, "192.0.2.1", 5061)
    flow = Flow(listener, ("192.0.2.1", 5061), ("198.51.100.1", 9), "c")
    assert carries(flow, b"INVITE sips:a@b SIP/2.0\r\n") is encrypted
    assert carries(flow, b"INVITE SIPS:a@b SIP/2.0\r\n") is encrypted
    assert carries(flow, b"INVITE sip:a@b SIP/2.0\r\n")


@pytest.mark.rfc("5630", "5.3")
def test_what_came_by_sips_leaves_by_sips() -> None:
    assert downgraded("sips:a@b", b"BYE sip:c@d SIP/2.0\r\n")
    assert not downgraded("sips:a@b", b"BYE sips:c@d SIP/2.0\r\n")
    assert not downgraded("sip:a@b", b"BYE sip:c@d SIP/2.0\r\n")


@pytest.mark.rfc("5630", "5.3")
@pytest.mark.parametrize("transport", ["UDP", "TLS"])
@pytest.mark.parametrize("uri", ["sip:a@b", "sips:a@b", "SIPS:a@b", "tel:+33", "", "xxxs:a"])
@pytest.mark.parametrize("target", [b"sip:c@d", b"sips:c@d", b"SIPS:c@d", b"tel:+33", b"urns:x"])
def test_a_promise_is_kept_by_the_flow_and_by_the_scheme(
    transport: str, uri: str, target: bytes
) -> None:
    listener = Listener("p", transport, "192.0.2.1", 5061)
    flow = Flow(listener, ("192.0.2.1", 5061), ("198.51.100.1", 9), "c")
    data = b"BYE " + target + b" SIP/2.0\r\n"
    kept = carries(flow, data) and not downgraded(uri, data)
    assert keeps_promise(uri, flow, data) is kept
