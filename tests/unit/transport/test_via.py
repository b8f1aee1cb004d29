"""received, rport, and where responses go."""

from __future__ import annotations

import pytest

from offhook.message import Message, parse
from offhook.testing.builders import build_request
from offhook.transport.flow import Flow, Listener
from offhook.transport.via import default_port, response_address, same_host, stamp


def arrived(
    sent_by: str, source: tuple[str, int], *, rport: bool = False, transport: str = "UDP"
) -> tuple[Message, Flow]:
    """A request with that sent-by, and the flow it came by."""
    data = build_request("OPTIONS", "sip:example.com", transport=transport).replace(
        b"198.51.100.99:5060;branch=z9hG4bKbuilt;rport",
        f"{sent_by};branch=z9hG4bKbuilt{';rport' if rport else ''}".encode(),
    )
    connection = "" if transport == "UDP" else "c1"
    listener = Listener("p", transport, "192.0.2.1", 5060)
    return parse(data), Flow(listener, ("192.0.2.1", 5060), source, connection)


@pytest.mark.rfc("3581", "4")
def test_rport_is_filled_with_received() -> None:
    message, flow = arrived("198.51.100.7:5060", ("198.51.100.7", 5060), rport=True)
    stamp(message, message.core(), flow)
    via = message.get("via") or ""
    assert "received=198.51.100.7" in via
    assert "rport=5060" in via


@pytest.mark.rfc("3261", "18.2.1")
def test_received_is_added_where_the_source_differs() -> None:
    message, flow = arrived("10.0.0.5:5060", ("198.51.100.7", 40000))
    stamp(message, message.core(), flow)
    assert (message.get("via") or "").endswith(";received=198.51.100.7")
    message, flow = arrived("198.51.100.7:5060", ("198.51.100.7", 40000))
    stamp(message, message.core(), flow)
    assert "received" not in (message.get("via") or "")


@pytest.mark.rfc("7118", "5.3")
def test_a_websocket_client_is_told_its_address_only_if_it_asks() -> None:
    message, flow = arrived("df7jal23ls0d.invalid", ("198.51.100.7", 40000), transport="WSS")
    stamp(message, message.core(), flow)
    assert message.get("via") == "SIP/2.0/WSS df7jal23ls0d.invalid;branch=z9hG4bKbuilt"
    asked = arrived("df7jal23ls0d.invalid", ("198.51.100.7", 40000), rport=True, transport="WSS")
    stamp(asked[0], asked[0].core(), asked[1])
    via = asked[0].get("via") or ""
    assert "received=198.51.100.7" in via
    assert "rport=40000" in via


@pytest.mark.rfc("3261", "18.2.2")
@pytest.mark.parametrize(
    ("sent_by", "source", "rport", "transport", "address"),
    [
        ("198.51.100.7:5062", ("198.51.100.7", 40000), False, "UDP", ("198.51.100.7", 5062)),
        ("198.51.100.7", ("198.51.100.7", 40000), False, "UDP", ("198.51.100.7", 5060)),
        ("198.51.100.7:5062", ("198.51.100.7", 5062), False, "UDP", None),
        ("198.51.100.7:5062", ("198.51.100.7", 40000), True, "UDP", None),
        ("10.0.0.5:5062", ("198.51.100.7", 40000), False, "UDP", None),
        ("198.51.100.7:5062", ("198.51.100.7", 40000), False, "TCP", None),
    ],
)
def test_where_responses_go(
    sent_by: str,
    source: tuple[str, int],
    rport: bool,
    transport: str,
    address: tuple[str, int] | None,
) -> None:
    message, flow = arrived(sent_by, source, rport=rport, transport=transport)
    assert response_address(message.core(), flow) == address


def test_hosts_and_ports() -> None:
    assert default_port("UDP") == default_port("TCP") == 5060
    assert default_port("TLS") == 5061
    assert (default_port("WS"), default_port("WSS")) == (80, 443)
    assert same_host("2001:db8::1", "2001:DB8:0::1")
    assert same_host("a", "a")
    assert not same_host("a", "b")
    assert not same_host("::zz", "::1")
