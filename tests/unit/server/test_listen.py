"""Listener texts of the configuration, good and bad."""

from __future__ import annotations

from ipaddress import ip_network

import pytest

from offhook.server.listen import (
    listener_text,
    parse_address,
    parse_destination,
    parse_listener,
    parse_name_server,
)
from offhook.transport import Listener


@pytest.mark.parametrize(
    ("text", "transport", "host", "port"),
    [
        ("udp:0.0.0.0:5060", "UDP", "0.0.0.0", 5060),
        ("TCP:127.0.0.1:5070", "TCP", "127.0.0.1", 5070),
        ("tls:[::1]:5061", "TLS", "::1", 5061),
        ("udp:[::]:0", "UDP", "::", 0),
        ("udp:[2001:0DB8::0:1]:5060", "UDP", "2001:db8::1", 5060),
    ],
)
def test_reads_transport_host_and_port(text: str, transport: str, host: str, port: int) -> None:
    assert parse_listener("p", text) == Listener("p", transport, host, port)


@pytest.mark.rfc("3261", "19.1.2")
@pytest.mark.rfc("7118", "5.5")
@pytest.mark.parametrize(
    ("scheme", "port"), [("udp", 5060), ("tcp", 5060), ("tls", 5061), ("ws", 80), ("wss", 443)]
)
def test_a_missing_port_is_the_default_of_the_scheme(scheme: str, port: int) -> None:
    assert parse_listener("p", f"{scheme}:127.0.0.1").port == port
    assert parse_listener("p", f"{scheme}:[::1]").port == port


def test_what_is_shown_by_destination() -> None:
    listener = parse_listener("p", "udp:0.0.0.0", "203.0.113.7", {"10.0.0.0/8": "10.0.0.5"})
    assert listener.advertise_to == ((ip_network("10.0.0.0/8"), "10.0.0.5"),)
    private = parse_listener("p", "udp:0.0.0.0", "203.0.113.7", {"private": ""})
    assert [private.shown_to(host) for host in ("192.168.1.1", "9.9.9.9")] == ["", "203.0.113.7"]


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("10.0.0.1/8", 'did you mean "10.0.0.0/8"'),
        ("office", "is not a network"),
        ("", "is not a network"),
    ],
)
def test_a_destination_that_is_none(text: str, says: str) -> None:
    with pytest.raises(ValueError, match=says):
        parse_destination(text)


def test_keeps_what_to_advertise() -> None:
    assert parse_listener("p", "udp:0.0.0.0", "203.0.113.7").advertise == "203.0.113.7"


@pytest.mark.parametrize(
    ("text", "hint"),
    [
        ("", "write udp:HOST:PORT"),
        ("udp", "write udp:HOST:PORT"),
        ("sip:127.0.0.1:5060", "write udp:HOST:PORT"),
        ("127.0.0.1:5060", "write udp:HOST:PORT"),
        ("sctp:0.0.0.0:5060", "not available"),
        ("udp://0.0.0.0:5060", "without slashes"),
        ("udp:", "not an IP address"),
        ("udp:localhost:5060", "not an IP address"),
        ("udp:*:5060", "0.0.0.0 for all"),
        ("udp:256.0.0.1:5060", "not an IP address"),
        ("udp:::1:5060", "needs brackets"),
        ("udp:[127.0.0.1]:5060", "brackets are for IPv6"),
        ("udp:[::1", "needs brackets"),
        ("udp:127.0.0.1:", "not a number"),
        ("udp:127.0.0.1:sip", "not a number"),
        ("udp:127.0.0.1:-1", "not a number"),
        ("udp:127.0.0.1:+5", "not a number"),
        ("udp:127.0.0.1:٥٠٦٠", "not a number"),
        ("udp:127.0.0.1:65536", "above 65535"),
        ("udp:127.0.0.1:99999999999", "not a number"),
    ],
)
def test_faults_say_what_to_write(text: str, hint: str) -> None:
    with pytest.raises(ValueError, match=hint):
        parse_listener("p", text)


@pytest.mark.parametrize("text", ["udp:127.0.0.1:5060", "tls:[::1]:5061", "tcp:0.0.0.0:1"])
def test_writes_a_listener_as_it_was_read(text: str) -> None:
    assert listener_text(parse_listener("p", text)) == text


def test_reads_addresses() -> None:
    assert parse_address("127.0.0.1:8060") == ("127.0.0.1", 8060)
    assert parse_address("[::1]:0") == ("::1", 0)


@pytest.mark.parametrize("text", ["127.0.0.1", "8060", "localhost:1", "", "[::1]", "1.2.3.4:70000"])
def test_refuses_what_is_no_address(text: str) -> None:
    with pytest.raises(ValueError, match=r"HOST:PORT|address|above"):
        parse_address(text)


@pytest.mark.parametrize(
    ("text", "address"),
    [
        ("192.0.2.53", ("192.0.2.53", 53)),
        ("127.0.0.1:5353", ("127.0.0.1", 5353)),
        ("[::1]", ("::1", 53)),
        ("[2001:db8::53]:5353", ("2001:db8::53", 5353)),
    ],
)
def test_name_servers(text: str, address: tuple[str, int]) -> None:
    assert parse_name_server(text) == address


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("::1", "needs brackets"),
        ("dns.example", "is not an IP address"),
        ("", "is not an IP address"),
        ("127.0.0.1:0", "port from 1"),
        ("127.0.0.1:99999", "above 65535"),
        ("127.0.0.1:x", "not a number"),
    ],
)
def test_texts_that_are_no_name_server(text: str, says: str) -> None:
    with pytest.raises(ValueError, match=says):
        parse_name_server(text)
