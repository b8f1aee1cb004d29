"""What our own certificates say, found by a handshake in memory."""

from __future__ import annotations

import datetime
import ssl
import time

import pytest
from cryptography import x509
from cryptography.x509.oid import ExtendedKeyUsageOID

from offhook.runtime.own_certificates import DAY, OwnCertificate, examine
from tests.interop.harness.certificates import Authority, Certificate


def examined(certificate: Certificate) -> OwnCertificate:
    server = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    client = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    for context in (server, client):
        context.load_cert_chain(certificate.certificate, certificate.key)
    return examine("tls", str(certificate.certificate), server, client)


def test_names_and_validity(certificate: Certificate) -> None:
    own = examined(certificate)
    assert own.names == {"sip.example.com", "127.0.0.1"}
    assert own.for_servers
    assert own.for_clients
    assert own.days_left(own.expires - 3 * DAY) == 3
    assert own.days_left(own.expires + DAY) == -1
    assert own.begins < time.time() < own.expires


def test_one_that_has_expired_can_be_read(authority: Authority) -> None:
    own = examined(authority.issue("past", ["past.test"], [], lifetime=datetime.timedelta(days=-3)))
    assert own.expires < time.time() - 2 * DAY
    assert own.names == {"past.test"}


def test_wildcards_are_names_of_ours(authority: Authority) -> None:
    wild = authority.issue(
        "wild", ["*.example.com"], [], alternatives=[x509.DNSName("*.example.com")]
    )
    assert examined(wild).names == {"*.example.com"}


@pytest.mark.parametrize(
    ("usage", "uses"),
    [
        (ExtendedKeyUsageOID.SERVER_AUTH, (True, False)),
        (ExtendedKeyUsageOID.CLIENT_AUTH, (False, True)),
        (ExtendedKeyUsageOID.ANY_EXTENDED_KEY_USAGE, (False, False)),
    ],
)
def test_what_it_may_be_used_for(
    authority: Authority, usage: x509.ObjectIdentifier, uses: tuple[bool, bool]
) -> None:
    certificate = authority.issue("use", ["use.test"], [], usages=[usage])
    if uses == (False, False):
        with pytest.raises(ssl.SSLError, match="neither as a server nor as a client"):
            examined(certificate)
        return
    own = examined(certificate)
    assert (own.for_servers, own.for_clients) == uses
    assert own.names == {"use.test"}
