"""Reports of the kernel's error queue: which of them end a transaction."""

from __future__ import annotations

import struct

import pytest

from offhook.runtime.icmp import undeliverable


def report(origin: int, kind: int, code: int) -> bytes:
    return struct.pack("=IBBBBII", 111, origin, kind, code, 0, 0, 0) + bytes(16)


@pytest.mark.rfc("3261", "18.4")
@pytest.mark.parametrize(
    ("origin", "kind", "code", "expected"),
    [
        (2, 3, 0, True),  # network unreachable
        (2, 3, 1, True),  # host unreachable
        (2, 3, 2, True),  # protocol unreachable
        (2, 3, 3, True),  # port unreachable
        (2, 3, 4, False),  # fragmentation needed: the next copy is fragmented
        (2, 12, 0, True),  # parameter problem
        (2, 4, 0, False),  # source quench
        (2, 11, 0, False),  # time exceeded
        (3, 1, 4, True),  # IPv6: port unreachable
        (3, 4, 0, True),  # IPv6: parameter problem
        (3, 2, 0, False),  # IPv6: packet too big
        (3, 3, 0, False),  # IPv6: time exceeded
        (1, 3, 3, False),  # of our own kernel, not of the network
    ],
)
def test_what_is_fatal(origin: int, kind: int, code: int, expected: bool) -> None:
    assert undeliverable(report(origin, kind, code)) is expected


@pytest.mark.parametrize("control", [b"", b"\x6f\x00\x00\x00\x02\x03"])
def test_a_cut_report_is_no_report(control: bytes) -> None:
    assert not undeliverable(control)
