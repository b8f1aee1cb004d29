"""Responses whose connection is gone: to the source, then to the hosts of the sent-by."""

from __future__ import annotations

import pytest

from offhook.engine.incoming import Incoming
from offhook.engine.way_back import sent_by
from offhook.testing.builders import build_request
from offhook.transport.flow import Flow
from tests.unit.engine.rig import TCP, TLS, Rig

SOURCE = ("8.8.8.1", 40_000)  # a public address; those of documentation count as private
SERVERS = ["8.8.4.4", "8.8.4.5"]


def waiting(rig: Rig, via: str, flow: Flow) -> Incoming:
    """A request by a connection that is lost before the answer."""
    data = build_request("OPTIONS", "sip:example.com", source=SOURCE, transport=flow.transport)
    line = b"\r\nVia: SIP/2.0/" + flow.transport.encode() + b" "
    head, _, rest = data.partition(line)
    data = head + line + via.encode() + b";" + rest.partition(b";")[2]
    incoming = rig.request(data, flow)
    rig.engine.accept(incoming, rig.now)
    rig.lose(flow)
    return incoming


def answered(rig: Rig, incoming: Incoming) -> list[tuple[str, int]]:
    """Where connections were tried, in order."""
    rig.engine.respond(incoming, 200, rig.now)
    rig.run()
    return [each.destination for each in rig.opened]


@pytest.mark.rfc("3263", "5")
def test_a_name_with_a_port_has_addresses() -> None:
    rig = Rig()
    rig.names["proxy.test"] = SERVERS
    rig.dead = {SOURCE[0], SERVERS[0]}
    incoming = waiting(rig, "proxy.test:5070", rig.accept(TCP, SOURCE))
    tried = answered(rig, incoming)
    assert tried == [(SOURCE[0], 5070), (SERVERS[0], 5070), (SERVERS[1], 5070)]
    assert rig.sent[-1][1].status == 200


@pytest.mark.rfc("3263", "5")
def test_over_tls_the_name_must_be_proven() -> None:
    rig = Rig()
    rig.names["proxy.test"] = SERVERS
    rig.dead = {SOURCE[0]}
    incoming = waiting(rig, "proxy.test", rig.accept(TLS, SOURCE))
    assert answered(rig, incoming) == [(SOURCE[0], 5061), (SERVERS[0], 5061)]
    assert rig.opened[-1].server_name == "proxy.test"


def test_a_stranger_leads_nobody_into_a_private_network() -> None:
    rig = Rig()
    rig.names["inside.test"] = ["10.0.0.1", "127.0.0.1"]
    rig.dead = {SOURCE[0]}
    incoming = waiting(rig, "inside.test:22", rig.accept(TCP, SOURCE))
    assert answered(rig, incoming) == [(SOURCE[0], 22)]


def test_an_address_in_the_sent_by_is_no_other_place() -> None:
    rig = Rig()
    rig.dead = {SOURCE[0]}
    incoming = waiting(rig, "8.8.4.4:5060", rig.accept(TCP, SOURCE))
    assert answered(rig, incoming) == [(SOURCE[0], 5060)]
    assert not rig.sent


@pytest.mark.parametrize(
    ("via", "expected"),
    [
        ("Via: SIP/2.0/TCP h.test:5070;branch=x", ("h.test", 5070)),
        ("v: SIP / 2.0 / TLS  H.Test ;branch=x", ("h.test", 0)),
        ("Via: SIP/2.0/TCP [2001:db8::1]:5060;branch=x", ("2001:db8::1", 5060)),
        ("Via: SIP/2.0/TCP [2001:db8::1];branch=x", ("2001:db8::1", 0)),
        ("Via: SIP/2.0/TCP one.test, SIP/2.0/TCP two.test", ("one.test", 0)),
        ("Via: SIP/2.0/TCP h.test:0;branch=x", ("", 0)),
        ("Via: SIP/2.0/TCP h.test:99999;branch=x", ("", 0)),
        ("Via: nonsense", ("", 0)),
        ("To: x", ("", 0)),
    ],
)
def test_reading_a_sent_by(via: str, expected: tuple[str, int]) -> None:
    data = f"SIP/2.0 200 OK\r\n{via}\r\nVia: SIP/2.0/TCP other.test\r\n\r\n"
    if expected == ("", 0):
        data = f"SIP/2.0 200 OK\r\n{via}\r\n\r\nVia: SIP/2.0/TCP body.test"
    assert sent_by(data.encode()) == expected
