"""Whose connections are used in the other direction (RFC 5923)."""

from __future__ import annotations

import pytest

from offhook.engine.actions import Open
from offhook.engine.aliases import MAX_PLACES, Aliases
from offhook.message import parse
from offhook.proxy.target import Target
from offhook.testing.builders import build_request
from offhook.transport.flow import Flow, Listener
from tests.unit.engine.rig import TCP, TLS, Rig

PEER = "198.51.100.7"
NAMES = frozenset({"peer.test", PEER})


def flow(
    names: frozenset[str] = NAMES, *, listener: Listener = TLS, connection: str = "c1"
) -> Flow:
    made = Flow(listener, (listener.host, listener.port), (PEER, 40_001), connection)
    made.identities = names
    return made


def taught(made: Flow, *sent_by: str, aliases: Aliases | None = None) -> Aliases:
    """After requests with these sent-by values and `alias`."""
    book = aliases or Aliases()
    for number, each in enumerate(sent_by):
        via = f"SIP/2.0/{made.transport} {each};branch=z9hG4bK{number};rport"
        message = parse(build_request("OPTIONS", "sip:example.com"))
        message.set("Via", via)
        book.learn(made, message, message.core())
    return book


def to(port: int = 5061, name: str = "peer.test", *, local: str = "") -> Open:
    return Open(0, TLS.profile, "TLS", (PEER, port), local, name)


@pytest.mark.rfc("5923", "8.2")
@pytest.mark.parametrize(
    ("sent_by", "port"),
    [
        ("peer.test;alias", 5061),
        ("peer.test:5071;alias", 5071),
        ("PEER.test:5071;ALIAS", 5071),
        (f"{PEER}:5061;alias", 5061),
    ],
)
def test_the_address_in_the_via_is_reached_by_the_connection(sent_by: str, port: int) -> None:
    made = flow()
    book = taught(made, sent_by)
    assert book.find(to(port)) is made
    assert book.find(to(port, "")) is made  # the address itself, which the certificate lists
    assert book.find(to(port, local=TLS.host)) is made
    assert book.find(to(port, local="192.0.2.99")) is None
    assert book.find(to(port + 1)) is None


@pytest.mark.rfc("5923", "9.2")
@pytest.mark.parametrize(
    ("made", "sent_by"),
    [
        (flow(frozenset()), "peer.test;alias"),  # no certificate
        (flow(frozenset({"other.test"})), "peer.test;alias"),  # of somebody else
        (flow(), "victim.test;alias"),  # a sent-by that it does not prove
        (flow(), "198.51.100.8:5061;alias"),
        (flow(), "peer.test"),  # it does not ask
        (flow(), "peer.test;xalias;aliasing=1"),
        (flow(), "peer.test;alias;branch=z9hG4bKx, SIP/2.0/?"),  # not worth a fault
        (flow(listener=TCP), "peer.test;alias"),  # RFC 5923 9.3: TLS alone
    ],
)
def test_nobody_is_believed_without_proof(made: Flow, sent_by: str) -> None:
    book = taught(made, sent_by)
    for name in ("peer.test", "victim.test", "other.test", ""):
        assert book.find(to(name=name)) is None
    assert not book._flows


@pytest.mark.rfc("5923", "9.3")
def test_each_use_needs_the_name() -> None:
    """One address may serve two domains; a connection serves those that its certificate has."""
    first, second = flow(), flow(frozenset({"other.test"}), connection="c2")
    book = taught(second, "other.test:5061;alias", aliases=taught(first, "peer.test;alias"))
    assert book.find(to(name="peer.test")) is first
    assert book.find(to(name="other.test")) is second
    assert book.find(to(name="third.test")) is None


def test_the_newest_counts_and_the_dead_are_forgotten() -> None:
    old, new = flow(), flow(connection="c2")
    book = taught(new, "peer.test;alias", aliases=taught(old, "peer.test;alias"))
    assert book.find(to()) is new
    book.lose(new)
    assert book.find(to()) is old
    book.lose(old)
    book.lose(old)
    assert book.find(to()) is None
    assert not book._flows
    assert not book._places


def test_a_connection_stands_for_few_addresses() -> None:
    made = flow()
    book = taught(made, *[f"peer.test:{port};alias" for port in range(6000, 6100)])
    assert len(book._flows) == MAX_PLACES
    assert book.find(to(6000)) is made
    assert book.find(to(6099)) is None


@pytest.mark.rfc("5923", "8.2")
def test_a_request_takes_the_connection_that_its_peer_made() -> None:
    """And another one once that is gone."""
    rig = Rig()
    peer = rig.accept(TLS, (PEER, 40_001))
    peer.identities = NAMES
    options = build_request("OPTIONS", "sip:example.com", source=(PEER, 5061), transport="TLS")
    rig.receive(options.replace(b";branch=", b";alias;branch="), peer)
    rig.events.clear()
    call = Target(f"sips:bob@{PEER}")
    caller = rig.accept(TLS, ("198.51.100.9", 9))

    def called() -> Flow:
        count = len(rig.raw)
        data = build_request(
            "INVITE", "sips:bob@example.com", transport="TLS", branch=f"z9hG4bK{count}"
        )
        rig.fork(rig.request(data, caller), call)
        return next(to for to, sent in rig.raw[count:] if sent.startswith(b"INVITE"))

    assert called() is peer
    assert not rig.opened
    rig.lose(peer)
    assert called() is not peer
    assert [each.destination for each in rig.opened] == [(PEER, 5061)]
