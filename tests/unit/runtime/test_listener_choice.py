"""A new flow uses the listener that its route leads through."""

from __future__ import annotations

from dataclasses import dataclass

import pytest

from offhook.runtime.listener_choice import choose
from offhook.transport.flow import Listener


@dataclass
class Socket:
    listener: Listener


def sockets(*hosts: str) -> list[Socket]:
    return [Socket(Listener("internal", "UDP", host, 5060)) for host in hosts]


@pytest.mark.parametrize(
    ("hosts", "local", "routed", "expected"),
    [
        (["10.0.0.1"], "", "192.168.0.1", "10.0.0.1"),  # there is no choice
        (["10.0.0.1", "192.168.0.1"], "", "192.168.0.1", "192.168.0.1"),
        (["10.0.0.1", "192.168.0.1"], "", "172.16.0.1", "10.0.0.1"),
        (["10.0.0.1", "0.0.0.0"], "", "172.16.0.1", "0.0.0.0"),
        (["0.0.0.0", "10.0.0.1"], "", "10.0.0.1", "10.0.0.1"),
        (["10.0.0.1", "192.168.0.1"], "192.168.0.1", "10.0.0.1", "192.168.0.1"),
        (["10.0.0.1"], "192.168.0.1", "10.0.0.1", None),
        (["0.0.0.0"], "192.168.0.1", "10.0.0.1", "0.0.0.0"),
        ([], "", "10.0.0.1", None),
        ([], "10.0.0.1", "10.0.0.1", None),
    ],
)
def test_choice(hosts: list[str], local: str, routed: str, expected: str | None) -> None:
    chosen = choose(sockets(*hosts), local, lambda: routed)
    assert (chosen and chosen.listener.host) == expected


def test_the_system_is_asked_only_if_there_is_a_choice() -> None:
    def unasked() -> str:
        raise AssertionError

    assert choose(sockets("10.0.0.1"), "", unasked)
    assert choose(sockets("10.0.0.1", "10.0.0.2"), "10.0.0.2", unasked)
    assert choose(sockets(), "", unasked) is None
