"""Which requests belong to a dialog that we routed."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from offhook.engine.dialog_routes import VIA_MARKS, DialogRoutes, dialog_target, learn_own
from offhook.engine.incoming import Incoming
from offhook.engine.settings import EngineSettings
from offhook.message import parse
from offhook.proxy.path_token import path_value
from offhook.proxy.route_token import End, RouteToken, seal, tag_hash
from offhook.testing.builders import build_request
from offhook.transport.flow import Flow, Listener
from tests.unit.engine.rig import CALLER, datagram

KEY = b"k" * 32
CALL = "built@198.51.100.99"
TOKEN = RouteToken("0", End("p"), End("q", "tls/a:1/b:2/c1"), tag_hash("tester"))
OURS = f"<sip:{seal(TOKEN, CALL, KEY)}@192.0.2.1:5060;lr>"


def routes(*domains: str) -> DialogRoutes:
    """Those of a server at 192.0.2.1:5060."""
    made = DialogRoutes(EngineSettings(key=KEY, boot="b", domains=frozenset(domains)))
    made.add_own("192.0.2.1", 5060)
    return made


def arrived(
    *route: str,
    uri: str = "sip:bob@192.0.2.9",
    to_tag: str = "b",
    made: DialogRoutes | None = None,
    method: str = "BYE",
) -> Incoming:
    """A request with these Route values, read."""
    callee = f"<sip:bob@example.com>;tag={to_tag}" if to_tag else "<sip:bob@example.com>"
    headers: Sequence[tuple[str, str]] = [("Route", value) for value in route]
    message = parse(build_request(method, uri, callee=callee, headers=headers))
    incoming = Incoming(message, message.core(), datagram(CALLER), "key")
    (made or routes()).read(incoming)
    return incoming


def test_our_token_is_found() -> None:
    incoming = arrived(OURS, "<sip:next;lr>")
    assert incoming.token == TOKEN
    assert (incoming.drop_routes, incoming.next_route) == (1, "sip:next;lr")


def test_a_page_means_our_secure_port_by_a_route_without_one() -> None:
    made = routes()
    made.add_own("sip.example.com", 443)
    assert arrived("<sip:sip.example.com;transport=ws;lr>", made=made).drop_routes == 1
    assert arrived("<sip:sip.example.com:443;transport=ws;lr>", made=made).drop_routes == 1
    assert arrived("<sip:other.example.com;transport=ws;lr>", made=made).drop_routes == 0


def test_both_of_a_double_record_route_are_dropped() -> None:
    made = routes()
    made.add_own("203.0.113.9", 5080)
    incoming = arrived(OURS, OURS.replace("192.0.2.1:5060", "203.0.113.9:5080"), made=made)
    assert (incoming.drop_routes, incoming.next_route) == (2, "")
    assert incoming.token == TOKEN


def test_a_route_spelled_as_an_earlier_one_is_read_like_it() -> None:
    made = routes()
    for _ in range(2):
        incoming = arrived(OURS, made=made)
        assert (incoming.token, incoming.drop_routes, incoming.next_route) == (TOKEN, 1, "")
    forged = OURS.replace("sip:0", "sip:1")
    assert arrived(forged, made=made).token is None
    secure = arrived(OURS.replace("<sip:", "<sips:"), made=made)
    assert (secure.token, secure.drop_routes) == (TOKEN, 1)
    further = arrived(OURS, "<sip:next;lr>", made=made)
    assert (further.token, further.next_route) == (TOKEN, "sip:next;lr")


@pytest.mark.rfc("5626", "5.3")
def test_a_path_of_ours_is_known_as_such_whatever_was_read_before() -> None:
    phone = datagram(("198.51.100.7", 5060))
    value = path_value(phone, datagram(CALLER), behind="", first_hop=False, key=KEY)
    made = routes()
    for _ in range(2):
        incoming = arrived(value, made=made, to_tag="", method="INVITE")
        assert incoming.edge is not None
        assert incoming.edge.flow == phone.name
        arrived(f"{OURS.partition('@')[0]}@{value.partition('@')[2]}", made=made)  # a dialog's


def test_what_stands_behind_an_at_sign_in_a_parameter_is_no_place_of_ours() -> None:
    made = routes()
    assert arrived("<sip:192.0.2.1:5060;lr;x=a@evil.example>", made=made).drop_routes == 1
    foreign = arrived("<sip:x@evil.example>", made=made)
    assert (foreign.drop_routes, foreign.next_route) == (0, "sip:x@evil.example")


@pytest.mark.parametrize(
    "route",
    [
        "<sip:192.0.2.1:5060;lr>",
        f"<sip:{seal(TOKEN, 'other call', KEY)}@192.0.2.1:5060;lr>",
        f"<sip:{seal(TOKEN, CALL, b'x' * 32)}@192.0.2.1:5060;lr>",
    ],
)
def test_a_route_of_ours_without_our_token_proves_nothing(route: str) -> None:
    incoming = arrived(route)
    assert incoming.token is None
    assert incoming.drop_routes == 1


def test_an_initial_request_has_no_use_for_a_token() -> None:
    assert arrived(OURS, to_tag="", method="INVITE").token is None


@pytest.mark.rfc("3261", "12.1.1")
@pytest.mark.parametrize("method", ["BYE", "ACK", "INFO", "CANCEL"])
def test_peers_of_rfc_2543_send_no_to_tag_in_a_dialog(method: str) -> None:
    assert arrived(OURS, to_tag="", method=method).token == TOKEN
    assert arrived(OURS, to_tag="", method=method, made=routes("example.com")).token == TOKEN
    forged = OURS.replace(".", ".0", 1)
    assert arrived(forged, to_tag="", method=method).token is None


def test_a_token_behind_a_foreign_route_does_not_count() -> None:
    incoming = arrived("<sip:elsewhere;lr>", OURS)
    assert (incoming.token, incoming.drop_routes) == (None, 0)
    assert incoming.next_route == "sip:elsewhere;lr"


@pytest.mark.rfc("3261", "16.4")
def test_what_a_strict_router_did_is_undone() -> None:
    incoming = arrived("<sip:after;lr>", "<sip:bob@192.0.2.9>", uri=OURS.strip("<>"))
    assert incoming.message.uri == "sip:bob@192.0.2.9"
    assert incoming.token == TOKEN
    assert incoming.message.get_all("route") == ["<sip:after;lr>"]


@pytest.mark.parametrize("uri", ["sip:a~b@192.0.2.1:5060", "sip:a~b@elsewhere", "tel:~1"])
def test_other_uris_with_a_tilde_stay(uri: str) -> None:
    assert arrived("<sip:x;lr>", uri=uri).message.uri == uri


@pytest.mark.parametrize(
    ("first", "last", "local"),
    [
        ("192.0.2.1:5060", "", "192.0.2.1"),  # one address for both sides: the one that was hit
        ("192.0.2.1:5060", "192.0.2.3:5060", "192.0.2.3"),
        ("192.0.2.1:5060", "203.0.113.9:5060", ""),  # advertised, and not bound
    ],
)
def test_a_request_goes_on_from_the_address_that_its_end_knows(
    first: str, last: str, local: str
) -> None:
    made = routes()
    made.add_local("192.0.2.1", 5060)
    made.add_local("192.0.2.3", 5060)
    made.add_own("203.0.113.9", 5060)
    values = [OURS.replace("192.0.2.1:5060", place) for place in (first, last) if place]
    assert dialog_target(arrived(*values, made=made)).local == local


def test_the_other_end_is_the_target() -> None:
    target = dialog_target(arrived(OURS))
    assert (target.profile, target.flow, target.by_flow) == ("q", "tls/a:1/b:2/c1", True)
    assert not dialog_target(arrived(OURS, "<sip:next;lr>")).by_flow
    assert dialog_target(arrived()).uri == "sip:bob@192.0.2.9"


@pytest.mark.parametrize(
    ("uri", "at_us"),
    [
        ("sip:bob@example.com", True),
        ("sip:bob@192.0.2.1", True),
        ("sip:bob@192.0.2.1:5060;ob?x=y", True),
        ("sip:bob@192.0.2.1:5070", False),
        ("sip:bob@192.0.2.9", False),
        ("tel:+331", False),
    ],
)
def test_requests_to_names_of_ours_are_the_applications(uri: str, at_us: bool) -> None:
    made = routes("example.com")
    incoming = arrived(uri=uri)
    assert made.at_us(incoming) is at_us
    incoming.next_route = "sip:next;lr"
    assert not made.at_us(incoming)


def test_a_domain_that_is_an_address_counts_with_our_ports_only() -> None:
    made = routes("192.0.2.1")
    assert not made.at_us(arrived(uri="sip:bob@192.0.2.1:5062"))


def test_what_was_decided_is_forgotten_when_an_address_is_learned() -> None:
    made = routes()
    incoming = arrived(uri="sip:bob@10.0.0.1:5060")
    assert not made.at_us(incoming)
    listener = Listener("p", "UDP", "0.0.0.0", 5060)
    learn_own(made, Flow(listener, ("10.0.0.1", 5060), CALLER))
    assert made.at_us(incoming)
    assert made.is_own("10.0.0.1", 5060)
    (mark,) = made.via_marks
    assert mark.startswith("SIP/2.0/UDP 10.0.0.1:5060;")


def test_via_marks_are_bounded() -> None:
    made = routes()
    listener = Listener("p", "UDP", "0.0.0.0", 5060)
    for number in range(VIA_MARKS + 10):
        learn_own(made, Flow(listener, (f"10.0.1.{number}", 5060), CALLER))
    assert len(made.via_marks) == VIA_MARKS
