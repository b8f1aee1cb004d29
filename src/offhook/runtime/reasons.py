"""One short phrase for an error of a socket, the same on every event loop: for logs, journals and
`flow_lost`.
"""

from __future__ import annotations

import errno
import os
import ssl

__all__ = ["reason"]


def reason(error: Exception) -> str:
    """In lower case, without the numbers of the operating system."""
    if isinstance(error, ssl.SSLCertVerificationError):
        return f"certificate refused: {error.verify_message}"
    if isinstance(error, ssl.SSLError):
        problem = getattr(error, "reason", None) or "protocol error"
        return f"TLS failed: {problem.lower().replace('_', ' ')}"
    if isinstance(error, OSError) and error.errno:
        text = os.strerror(error.errno)  # asyncio writes its own text into `strerror`
    elif isinstance(error, ConnectionResetError):
        text = os.strerror(errno.ECONNRESET)  # both loops raise it bare at the end of a handshake
    else:
        text = str(error) or type(error).__name__
    return text[:1].lower() + text[1:]
