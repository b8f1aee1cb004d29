"""Whether a source hides its sender."""

from __future__ import annotations

import pytest

from offhook.message import parse
from offhook.testing.builders import build_request
from offhook.transport.flow import Flow, Listener
from offhook.transport.private import behind_translation, is_private


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
