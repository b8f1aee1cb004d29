"""Contacts at gateways."""

from __future__ import annotations

from ipaddress import ip_network
from typing import cast

import pytest

from offhook.exchange import Decision, Exchange, Request
from offhook.exchange.contact_policy import forbidden_contact
from offhook.exchange.gateway_guard import guard_of
from offhook.exchange.profile import Gateway
from offhook.exchange.serving import Serving
from offhook.registrar.registration import ContactRequest
from tests.unit.exchange.bench import ALICE, BOB, Bench, Setting


class _WithGateways:
    def __init__(self, *gateways: Gateway) -> None:
        self.guarded = guard_of({gateway.name: gateway for gateway in gateways})


CARRIER = Gateway(
    "carrier", "sip:SIP.carrier.example", "external", peers=(ip_network("198.51.100.0/24"),)
)


@pytest.mark.parametrize(
    ("contact", "forbidden"),
    [
        ("sip:alice@192.0.2.1:5060", False),
        ("sip:+331@sip.carrier.example", True),
        ("sip:+331@SIP.CARRIER.EXAMPLE;transport=tcp", True),
        ("sip:+331@198.51.100.7", True),
        ("sip:+331@198.51.100.7:5061;transport=tls", True),
        ("sip:phone@198.51.100.7:49152", False),  # where a gateway takes no calls
        ("sip:+331@192.0.2.1;maddr=198.51.100.7", True),
        ("sip:+331@192.0.2.1;maddr=sip.carrier.example", True),
        ("tel:+331", False),  # reached by nobody: look-ups leave it out
        ("mailto:alice@sip.carrier.example", False),
    ],
)
def test_contacts(contact: str, forbidden: bool) -> None:
    serving = cast("Serving", _WithGateways(CARRIER))
    assert forbidden_contact(serving, [ContactRequest(contact, 3600)]) is forbidden


def test_without_gateways_every_contact_goes() -> None:
    serving = cast("Serving", _WithGateways())
    assert not forbidden_contact(serving, [ContactRequest("sip:a@198.51.100.7", 60)])


NAMED = Gateway(
    "carrier", "sip:sip.carrier.example", "internal", peers=(ip_network("203.0.113.0/24"),)
)
AT_CARRIER = "203.0.113.9"


def _register_by(bench: Bench, path: str, source: tuple[str, int]) -> int:
    return bench.ask_as(
        "alice",
        "REGISTER",
        "sip:example.com",
        source=source,
        without=["contact"],
        headers=[("m", "<sip:alice@198.51.100.7>"), ("Path", path), ("Supported", "path")],
    )[-1].status


@pytest.mark.parametrize(
    ("path", "status"),
    [
        ("<sip:sip.carrier.example;lr>", 403),
        ("<sip:203.0.113.9:5060;lr>, <sip:edge.example;lr>", 403),
        ("<sip:edge.example;lr;maddr=203.0.113.9>", 403),
        ("<sip:edge.example;lr>, <sip:sip.carrier.example;lr>", 200),  # the edge's business
    ],
)
def test_a_path_lends_nobody_a_gateway(path: str, status: int) -> None:
    with Bench(setting=Setting(gateways=(NAMED,))) as bench:
        assert _register_by(bench, path, ALICE) == status


def test_a_gateway_may_put_itself_into_a_path() -> None:
    with Bench(setting=Setting(gateways=(NAMED,))) as bench:
        assert _register_by(bench, "<sip:203.0.113.9;lr>", (AT_CARRIER, 5060)) == 200


@pytest.mark.parametrize("address", [AT_CARRIER, "198.51.100.9"])
def test_a_name_in_a_contact_leads_to_no_gateway(address: str) -> None:
    setting = Setting(authenticate=False, gateways=(NAMED,))
    with Bench(setting=setting) as bench:
        bench.network.names = {"innocent.example": [address]}
        bench.bind("bob", BOB[0], contact="sip:+900123@innocent.example:5060")
        sent = bench.ask("INVITE", "sip:bob@example.com")
        went = [each.uri for each in sent if each.is_request]
        if address == AT_CARRIER:
            assert went == []
            assert sent[-1].status == 403
        else:
            assert went == ["sip:+900123@innocent.example:5060"]


@pytest.mark.parametrize("route", ["sip.carrier.example", "203.0.113.5"])
def test_a_route_of_the_caller_leads_to_no_gateway(route: str) -> None:
    """Not even where a program forks to phones without a look at it."""
    exchange = Exchange()

    @exchange.request("INVITE")
    async def invite(request: Request) -> Decision:
        return await request.fork(await exchange.location.lookup(request.uri))

    with Bench(exchange, Setting(authenticate=False, gateways=(NAMED,))) as bench:
        bench.network.names = {"sip.carrier.example": ["203.0.113.5"]}
        bench.bind("bob", BOB[0])
        headers = [("Route", f"<sip:{route};lr>")]
        sent = bench.ask("INVITE", "sip:bob@example.com", headers=headers)
        assert [each.uri for each in sent if each.is_request] == []
        assert sent[-1].status == 403
