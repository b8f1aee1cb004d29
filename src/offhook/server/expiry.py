"""Says in the log that a certificate of ours comes to its end, while there is time to renew it."""

from __future__ import annotations

from collections.abc import Sequence

import structlog

from offhook.runtime.own_certificates import OwnCertificate

__all__ = ["PERIOD", "WARN_DAYS", "tell_expiry"]

WARN_DAYS = 21  # certificates for 90 days are renewed with 30 left: by now that did not happen
PERIOD = 12 * 3600.0  # seconds between looks

log = structlog.get_logger()


def tell_expiry(certificates: Sequence[OwnCertificate], unix: float) -> None:
    """One line for each certificate that has expired, ends soon, or is not valid yet."""
    for own in certificates:
        left = own.days_left(unix)
        told = {"certificate": own.name, "file": own.path, "days_left": round(left, 1)}
        if left <= 0:
            log.error("certificate_expired", **told)
        elif own.begins > unix:
            log.error("certificate_not_valid_yet", **told)
        elif left < WARN_DAYS:
            log.warning("certificate_expires_soon", **told)
