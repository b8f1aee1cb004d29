"""Whether a source hides its sender."""

from __future__ import annotations

import pytest

from offhook.message import parse
from offhook.testing.builders import build_request
from offhook.transport.flow import Flow, Listener
from offhook.transport.private import behind_translation, halfway_rewritten, is_private


@pytest.mark.parametrize(
    ("host", "private"),
    [
        ("10.1.2.3", True),
        ("172.16.0.1", True),
        ("192.168.1.1", True),
        ("100.64.0.1", True),
        ("fd00::1", True),
        ("127.0.0.1", True),
        ("0.0.0.0", True),
        ("::1", True),
        ("169.254.7.7", True),
        ("198.51.100.9", False),
        ("2001:db8::9", False),
        ("8.8.8.8", False),
        ("2606:4700::1", False),
        ("example.com", False),
        ("", False),
    ],
)
def test_private_addresses(host: str, private: bool) -> None:
    assert is_private(host) is private


@pytest.mark.parametrize(
    ("sent_by", "source", "contact", "behind"),
    [
        (("8.8.8.8", 5060), ("8.8.8.8", 5060), "8.8.8.8", False),
        (("8.8.8.8", 5060), ("8.8.8.8", 5062), "8.8.8.8", True),
        (("10.0.0.5", 5060), ("8.8.8.8", 5060), "10.0.0.5", True),
        (("8.8.8.8", 5060), ("8.8.8.8", 5060), "10.0.0.5", True),
        (("10.0.0.5", 5060), ("10.0.0.5", 5060), "10.0.0.5", False),
        (("10.0.0.5", 5060), ("10.0.0.5", 5060), "", False),
    ],
)
def test_behind_translation(
    sent_by: tuple[str, int], source: tuple[str, int], contact: str, behind: bool
) -> None:
    core = parse(build_request("REGISTER", "sip:example.com", source=sent_by)).core()
    flow = Flow(Listener("p", "UDP", "192.0.2.1", 5060), ("192.0.2.1", 5060), source)
    assert behind_translation(core, flow, lambda: contact) is behind


@pytest.mark.parametrize(
    ("sent_by", "contact", "behind"),
    [
        (("proxy.example.com", 5060), "198.51.100.7", False),
        (("10.0.0.5", 5080), "198.51.100.7", False),  # a Via of the proxy, not of the phone
        (("8.8.8.8", 5060), "10.0.0.5", True),  # nobody else could lead there
    ],
)
def test_what_another_proxy_passed_on_is_left_alone(
    sent_by: tuple[str, int], contact: str, behind: bool
) -> None:
    core = parse(build_request("REGISTER", "sip:example.com", source=sent_by)).core()
    flow = Flow(Listener("p", "UDP", "192.0.2.1", 5060), ("192.0.2.1", 5060), ("8.8.8.8", 5060))
    assert behind_translation(core, flow, lambda: contact, relayed=True) is behind


@pytest.mark.parametrize(
    ("source", "contact", "behind"),
    [("8.8.8.8", "10.0.0.5", True), ("8.8.8.8", "9.9.9.9", False), ("10.0.0.9", "10.0.0.5", False)],
)
def test_ports_and_vias_of_connections_say_nothing(source: str, contact: str, behind: bool) -> None:
    core = parse(build_request("REGISTER", "sip:x.test", source=("10.0.0.5", 5060))).core()
    flow = Flow(Listener("p", "TCP", "192.0.2.1", 5060), ("192.0.2.1", 5060), (source, 4711), "c1")
    assert behind_translation(core, flow, lambda: contact) is behind
    assert not halfway_rewritten(core, flow, lambda: contact)


@pytest.mark.parametrize(
    ("sent_by", "contact", "rewritten"),
    [
        ("8.8.8.8", "10.0.0.5", True),
        ("8.8.8.8", "8.8.8.8", False),
        ("10.0.0.5", "10.0.0.5", False),
        ("10.0.0.5", "8.8.8.8", False),  # a phone that has learned its address from a response
    ],
)
def test_what_a_gateway_has_rewritten_halfway(sent_by: str, contact: str, rewritten: bool) -> None:
    core = parse(build_request("REGISTER", "sip:x.test", source=(sent_by, 5060))).core()
    flow = Flow(Listener("p", "UDP", "192.0.2.1", 5060), ("192.0.2.1", 5060), ("8.8.8.8", 5060))
    assert halfway_rewritten(core, flow, lambda: contact) is rewritten
