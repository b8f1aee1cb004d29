"""The request as it leaves on one branch (RFC 3261 16.6)."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from offhook.message import Message, parse
from offhook.proxy.forwarding import Forward, forward, record_routes
from offhook.proxy.route_token import End, unseal
from offhook.proxy.target import Edit, Target
from offhook.testing.builders import build_request
from offhook.transport.flow import Flow, Listener

KEY = b"k" * 32
VIA = "SIP/2.0/UDP 192.0.2.1:5060;branch=z9hG4bKnew"
OUR = "<sip:192.0.2.1;lr>"


def sent(
    target: Target,
    *,
    route: Sequence[str] = (),
    drop: int = 0,
    following: str = "",
    edit: Edit | None = None,
) -> Message:
    """What leaves for a target."""
    data = build_request(
        "INVITE", "sip:bob@example.com", headers=[("Route", value) for value in route]
    )
    shared = Forward(parse(data), 70, drop, following, edit)
    return parse(forward(shared, target, VIA, ["<sip:rr@192.0.2.1;lr>"]))


@pytest.mark.rfc("3261", "16.6")
def test_the_plain_way() -> None:
    message = sent(Target("sip:bob@192.0.2.9"), route=[OUR], drop=1)
    assert message.uri == "sip:bob@192.0.2.9"
    assert message.get("max-forwards") == "69"
    assert message.get_all("via")[0] == VIA
    assert len(message.get_all("via")) == 2
    assert message.get_all("record-route") == ["<sip:rr@192.0.2.1;lr>"]
    assert message.get("route") is None


@pytest.mark.rfc("7118", "5.2")
@pytest.mark.parametrize("transport", ["WS", "WSS"])
@pytest.mark.parametrize("scheme", ["sip", "sips"])
def test_a_route_says_ws_over_tls_too(transport: str, scheme: str) -> None:
    listener = Listener("p", transport, "192.0.2.1", 7443)
    inside = Flow(listener, ("192.0.2.1", 7443), ("198.51.100.1", 40_000), "c1")
    message = parse(build_request("INVITE", f"{scheme}:bob@example.com"))
    ends = (End("p", inside.name), End("p"))
    (value,) = record_routes(message, inside, inside, ends=ends, key=KEY)
    assert value.startswith(f"<{scheme}:")
    assert value.endswith("@192.0.2.1:7443;transport=ws;lr>")


@pytest.mark.rfc("3327", "5.3")
def test_a_path_comes_before_the_rest_of_the_route() -> None:
    target = Target("sip:bob@10.0.0.5", path=("<sip:edge;lr>",))
    message = sent(target, route=[OUR, "<sip:next;lr>"], drop=1, following="sip:next;lr")
    assert message.get_all("route") == ["<sip:edge;lr>", "<sip:next;lr>"]


@pytest.mark.rfc("3261", "16.6")
def test_a_strict_router_gets_its_own_form() -> None:
    message = sent(Target("sip:bob@10.0.0.5"), route=["<sip:strict>"], following="sip:strict")
    assert message.uri == "sip:strict"
    assert message.get_all("route") == ["<sip:bob@10.0.0.5>"]


def test_an_edit_touches_its_branch_alone() -> None:
    original = parse(build_request("INVITE", "sip:bob@example.com"))
    shared = Forward(original, 70, 0, "", lambda message: message.set("Subject", "edited"))
    data = forward(shared, Target("sip:bob@192.0.2.9"), VIA, ())
    assert parse(data).get("subject") == "edited"
    assert original.get("subject") is None
    assert original.uri == "sip:bob@example.com"


def test_an_edit_of_the_request_uri_counts() -> None:
    def edit(message: Message) -> None:
        message.uri = "sip:changed@192.0.2.9"

    assert sent(Target("sip:bob@192.0.2.9"), edit=edit).uri == "sip:changed@192.0.2.9"


def flow(transport: str, host: str, profile: str = "p") -> Flow:
    """A flow of a listener there."""
    port = 5061 if transport == "TLS" else 5060
    connection = "" if transport == "UDP" else "c1"
    listener = Listener(profile, transport, host, port)
    return Flow(listener, (host, port), ("198.51.100.7", 5060), connection)


def routes(inside: Flow, outside: Flow, uri: str = "sip:bob@example.com") -> list[str]:
    """The Record-Route values of an INVITE."""
    message = parse(build_request("INVITE", uri))
    ends = (End(inside.profile), End(outside.profile))
    return record_routes(message, inside, outside, ends=ends, key=KEY)


@pytest.mark.rfc("3261", "16.6")
def test_one_record_route_where_both_sides_see_the_same_address() -> None:
    (value,) = routes(flow("UDP", "192.0.2.1"), flow("UDP", "192.0.2.1"))
    assert value.startswith("<sip:")
    assert value.endswith("@192.0.2.1:5060;lr>")
    token = unseal(value[5:].partition("@")[0], "built@198.51.100.99", KEY)
    assert token is not None
    assert token.caller == token.callee == End("p")


def test_two_where_transport_or_address_differ() -> None:
    first, second = routes(flow("UDP", "192.0.2.1"), flow("TLS", "203.0.113.9", "q"))
    assert first.endswith("@203.0.113.9:5061;transport=tls;lr>")  # what the callee reaches
    assert second.endswith("@192.0.2.1:5060;lr>")
    assert len(routes(flow("UDP", "192.0.2.1"), flow("TCP", "192.0.2.1"))) == 2


def test_sips_stays_sips() -> None:
    for value in routes(flow("TLS", "192.0.2.1"), flow("TLS", "192.0.2.2"), "sips:bob@example.com"):
        assert value.startswith("<sips:")
        assert "transport" not in value
