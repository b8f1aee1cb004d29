"""Stamping: the fast way writes what the careful one would."""

from __future__ import annotations

import pytest

from offhook.message.stamping import stamped

TOP = "SIP/2.0/UDP 192.0.2.1:5060"


@pytest.mark.rfc("3581", "4")
@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (f"{TOP};rport;branch=z", f"{TOP};rport=9;branch=z;received=r"),
        (f"{TOP};branch=z;rport", f"{TOP};branch=z;rport=9;received=r"),
        (f"{TOP};branch=z", f"{TOP};branch=z;received=r"),
        (f"{TOP};branch=zrport", f"{TOP};branch=zrport;received=r"),
        (f"{TOP};rport=1;branch=z", f"{TOP};rport=9;branch=z;received=r"),
        (f"{TOP};received=x;rport", f"{TOP};rport=9;received=r"),
        (f"{TOP} ; RPORT ; Branch=z", f"{TOP};RPORT=9;Branch=z;received=r"),
        (f'{TOP};x="a;rport"', f'{TOP};x="a;rport";received=r'),
        ("SIP/2.0/UDP [::1];rport", "SIP/2.0/UDP [::1];rport=9;received=r"),
    ],
)
def test_stamped(value: str, expected: str) -> None:
    assert stamped(value, "r", 9) == expected


@pytest.mark.parametrize("value", ["", ",", '"', f"{TOP};;", f"{TOP};a;a;received=x"])
def test_malformed_values_stay(value: str) -> None:
    assert stamped(value, "", 0) == value
