"""One phrase for each error, the same on every event loop."""

from __future__ import annotations

import errno
import ssl

import pytest

from offhook.runtime.reasons import reason


@pytest.mark.parametrize(
    ("error", "expected"),
    [
        (
            ConnectionRefusedError(errno.ECONNREFUSED, "Connect call failed ('10.0.0.1', 5060)"),
            "connection refused",
        ),
        (OSError("no connection within 4 s"), "no connection within 4 s"),
        (TimeoutError(), "TimeoutError"),
        (ConnectionResetError(), "connection reset by peer"),
        (ValueError("Odd"), "odd"),
        (
            ssl.SSLError(1, "[SSL: WRONG_VERSION_NUMBER] wrong version number"),
            "TLS failed: protocol error",
        ),
    ],
)
def test_phrases(error: Exception, expected: str) -> None:
    assert reason(error).lower() == expected.lower()


def test_a_refused_certificate_says_why() -> None:
    error = ssl.SSLCertVerificationError(1, "long text of the library")
    error.verify_message = "certificate has expired"
    assert reason(error) == "certificate refused: certificate has expired"
