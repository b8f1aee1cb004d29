"""Route values: reading, recognising our own, rewriting."""

from __future__ import annotations

import pytest

from offhook.message import Message, parse
from offhook.testing.builders import build_request
from offhook.transport.route_set import (
    RouteUri,
    bare_uri,
    own_routes,
    replace_routes,
    route_values,
    split_route_uri,
)


def routed(*lines: str) -> Message:
    """A request with these Route lines."""
    headers = [("Route", line) for line in lines]
    return parse(build_request("BYE", "sip:bob@192.0.2.9", headers=headers))


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("sip:192.0.2.1;lr", ("", "192.0.2.1", 5060, True)),
        ("sip:tok~en@Proxy.Example.COM:5070;lr", ("tok~en", "proxy.example.com", 5070, True)),
        ("sips:proxy.example.com", ("", "proxy.example.com", 5061, False)),
        ("sip:a@[2001:DB8::1]:5062;transport=tcp", ("a", "2001:db8::1", 5062, False)),
        ("sip:host;transport=tls;lr", ("", "host", 5061, True)),
        ("sips:host;lr", ("", "host", 5061, True)),
        ("sip:host;transport=ws;lr", ("", "host", 80, True)),
        ("sips:host;transport=ws;lr", ("", "host", 443, True)),
    ],
)
def test_parts_of_a_route(text: str, expected: tuple[str, str, int, bool]) -> None:
    route = split_route_uri(text)
    assert route == RouteUri(text, *expected)


@pytest.mark.parametrize("text", ["tel:+331", "", "sip:", "sip:a@b@c", "sip:host:", "sip:ho st>"])
def test_what_is_no_sip_uri(text: str) -> None:
    route = split_route_uri(text)
    assert route is None or route.host not in ("a", "c")


def test_values_are_split_at_commas_outside_brackets() -> None:
    message = routed("<sip:a;lr>, <sip:b,c;lr>", '"x, y" <sip:d;lr>')
    assert list(route_values(message)) == ["<sip:a;lr>", "<sip:b,c;lr>", '"x, y" <sip:d;lr>']


@pytest.mark.parametrize(
    ("value", "uri"),
    [
        ("<sip:a;lr>;x=y", "sip:a;lr"),
        ("sip:a;lr", "sip:a"),
        ('"name" <sip:a>', "sip:a"),
        ("<sip:a", ""),
        ("", ""),
    ],
)
def test_the_uri_of_a_value(value: str, uri: str) -> None:
    assert bare_uri(value) == uri


@pytest.mark.rfc("3261", "16.4")
def test_leading_values_of_ours_are_taken_and_no_others() -> None:
    message = routed("<sip:x@us;lr>, <sip:us;lr>", "<sip:them;lr>, <sip:us;lr>")
    mine, following = own_routes(message, lambda route: route.host == "us")
    assert [route.user for route in mine] == ["x", ""]
    assert following == "sip:them;lr"


def test_a_value_that_cannot_be_read_is_not_ours() -> None:
    mine, following = own_routes(routed("<tel:+331>"), lambda _route: True)
    assert (mine, following) == ([], "tel:+331")


def test_the_route_set_is_replaced_as_a_whole() -> None:
    message = routed("<sip:a;lr>", "<sip:b;lr>")
    replace_routes(message, ["<sip:c;lr>", "<sip:d;lr>"])
    assert message.get_all("route") == ["<sip:c;lr>", "<sip:d;lr>"]
    replace_routes(message, [])
    assert message.get("route") is None
