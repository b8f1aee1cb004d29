"""What a binding shows of the NAT in front of its phone."""

from __future__ import annotations

import pytest

from offhook.registrar.binding import Binding
from offhook.registrar.nat import nat_of


def bound(contact: str, flow: str, path: tuple[str, ...] = ()) -> Binding:
    """A binding with that Contact and flow."""
    return Binding("sip:a@x", contact, 0.0, 1000, "c", 1, "", path, flow, False, "", 0.0)


@pytest.mark.parametrize(
    ("contact", "flow", "nat"),
    [
        ("sip:a@203.0.113.9:5060", "udp/192.0.2.1:5060/203.0.113.9:5060", "none"),
        ("sip:a@203.0.113.9", "udp/192.0.2.1:5060/203.0.113.9:5060", "none"),
        ("sip:a@203.0.113.9:5062", "udp/192.0.2.1:5060/203.0.113.9:5060", "port"),
        ("sip:a@203.0.113.9:5062", "tcp/192.0.2.1:5060/203.0.113.9:31337/c1", "none"),
        ("sip:a@198.51.100.7:5060", "udp/192.0.2.1:5060/203.0.113.9:5060", "address"),
        ("sip:a@192.168.1.2:5060", "udp/192.0.2.1:5060/203.0.113.9:5060", "private contact"),
        ("sip:a@192.168.1.2:5060", "udp/10.0.0.1:5060/10.9.9.9:5060", "address"),
        ("sip:a@[2001:db8::9]:5060", "udp/[2001:db8::1]:5060/[2001:DB8:0::9]:5060", "none"),
        ("sip:a@k7h3.invalid;transport=ws", "wss/192.0.2.1:443/203.0.113.9:4000/c", "flow"),
        ("sip:a@phone.example.com", "udp/192.0.2.1:5060/203.0.113.9:5060", "name"),
        ("tel:+123", "udp/192.0.2.1:5060/203.0.113.9:5060", "unknown"),
        ("sip:a@203.0.113.9", "", "unknown"),
    ],
)
def test_what_a_binding_shows(contact: str, flow: str, nat: str) -> None:
    assert nat_of(bound(contact, flow)) == nat


def test_behind_an_edge_proxy_the_path_counts() -> None:
    flow = "udp/192.0.2.1:5060/203.0.113.9:5060"
    assert nat_of(bound("sip:a@10.0.0.1", flow, ("<sip:edge;lr>",))) == "path"
