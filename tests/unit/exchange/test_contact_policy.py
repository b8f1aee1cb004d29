"""Contacts at gateways."""

from __future__ import annotations

from ipaddress import ip_network
from types import MappingProxyType
from typing import cast

import pytest

from offhook.exchange.contact_policy import forbidden_contact
from offhook.exchange.profile import Gateway
from offhook.exchange.serving import Serving
from offhook.registrar.registration import ContactRequest


class _WithGateways:
    def __init__(self, *gateways: Gateway) -> None:
        self.gateways = MappingProxyType({gateway.name: gateway for gateway in gateways})


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
