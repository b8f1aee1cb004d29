"""What our own certificates say: names, validity, and what they may be used for.

`ssl` decodes no certificate that is not a peer's. So each pair is tried once in a handshake between
two contexts in memory, in both roles: that it works is known before a peer finds out.
"""

from __future__ import annotations

import ssl
from collections.abc import Mapping
from dataclasses import dataclass

from offhook.transport.certificate_names import identities

__all__ = ["DAY", "OwnCertificate", "examine"]

DAY = 86_400.0  # seconds
ROUNDS = 10  # turns of each side; TLS 1.2 and 1.3 need four
NO_CHECK_TIME = 0x200000  # X509_V_FLAG_NO_CHECK_TIME, which `ssl` does not name


@dataclass(frozen=True, slots=True)
class OwnCertificate:
    """One certificate of ours as it is in use."""

    name: str  # "tls" or "certificates.NAME", as the configuration calls it
    path: str
    names: frozenset[str]  # SIP domains that it proves (RFC 5922 7.1), wildcards included
    begins: float  # Unix seconds
    expires: float  # Unix seconds
    for_servers: bool  # its extended key usage lets us accept with it,
    for_clients: bool  # and connect with it

    def days_left(self, unix: float) -> float:
        """Days until it expires, negative when it has."""
        return (self.expires - unix) / DAY


def examine(name: str, path: str, server: ssl.SSLContext, client: ssl.SSLContext) -> OwnCertificate:
    """Try a pair that is loaded into both contexts, which are used for nothing else.

    Raises ssl.SSLError if it works in neither role.
    """
    for context in (server, client):
        context.load_verify_locations(cafile=path)
        context.check_hostname = False
        # the certificate vouches for itself, now or not: who trusts it is the peer's affair
        context.verify_flags |= ssl.VerifyFlags.VERIFY_X509_PARTIAL_CHAIN | NO_CHECK_TIME
    server.verify_mode, client.verify_mode = ssl.CERT_NONE, ssl.CERT_REQUIRED
    served = _peer_certificate(server, client, of_server=True)
    server.verify_mode, client.verify_mode = ssl.CERT_REQUIRED, ssl.CERT_NONE
    shown = _peer_certificate(server, client, of_server=False)
    told = served or shown
    if told is None:
        raise ssl.SSLError("it can be used neither as a server nor as a client")
    return OwnCertificate(
        name,
        path,
        identities(told, wildcards=True),
        ssl.cert_time_to_seconds(str(told["notBefore"])),
        ssl.cert_time_to_seconds(str(told["notAfter"])),
        served is not None,
        shown is not None,
    )


def _peer_certificate(
    server: ssl.SSLContext, client: ssl.SSLContext, *, of_server: bool
) -> Mapping[str, object] | None:
    """What one side learns of the other's certificate; None if it does not accept it."""
    up, down = ssl.MemoryBIO(), ssl.MemoryBIO()
    near = client.wrap_bio(down, up, server_side=False)
    far = server.wrap_bio(up, down, server_side=True)
    waiting = [near, far]
    for _ in range(ROUNDS):
        for side in waiting[:]:
            try:
                side.do_handshake()
            except ssl.SSLWantReadError:
                continue
            except ssl.SSLError:
                return None
            waiting.remove(side)
        if not waiting:
            return (near if of_server else far).getpeercert()
    return None
