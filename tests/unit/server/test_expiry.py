"""Certificates that come to their end."""

from __future__ import annotations

import pytest
import structlog

from offhook.runtime.own_certificates import DAY, OwnCertificate
from offhook.server.expiry import WARN_DAYS, tell_expiry

NOW = 1_700_000_000.0


@pytest.mark.parametrize(
    ("begins", "days", "told"),
    [
        (-1, WARN_DAYS + 1, []),
        (-1, WARN_DAYS - 1, [("warning", "certificate_expires_soon", 20.0)]),
        (-1, 0.04, [("warning", "certificate_expires_soon", 0.0)]),
        (-9, -2, [("error", "certificate_expired", -2.0)]),
        (1, 90, [("error", "certificate_not_valid_yet", 90.0)]),
    ],
)
def test_what_is_told(begins: float, days: float, told: list[tuple[str, str, float]]) -> None:
    own = OwnCertificate(
        "tls",
        "/x.pem",
        frozenset(),
        NOW + begins * DAY,
        NOW + days * DAY,
        for_servers=True,
        for_clients=True,
    )
    with structlog.testing.capture_logs() as lines:
        tell_expiry([own], NOW)
    assert [(line["log_level"], line["event"], line["days_left"]) for line in lines] == told
