"""A certificate authority for one session and server certificates that it signs (RFC 5922)."""

from __future__ import annotations

import datetime
import ipaddress
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

LIFETIME = datetime.timedelta(days=2)
BOTH_SIDES = (ExtendedKeyUsageOID.SERVER_AUTH, ExtendedKeyUsageOID.CLIENT_AUTH)


@dataclass(frozen=True, slots=True)
class Certificate:
    """Paths of a server's certificate and key, and of the authority that signed it (PEM)."""

    certificate: Path
    key: Path
    authority: Path


_SIGNS_CERTIFICATES = x509.KeyUsage(
    digital_signature=True,
    content_commitment=False,
    key_encipherment=False,
    data_encipherment=False,
    key_agreement=False,
    key_cert_sign=True,
    crl_sign=True,
    encipher_only=False,
    decipher_only=False,
)


class Authority:
    """A private certificate authority whose root is written to ``folder``."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._key = ec.generate_private_key(ec.SECP256R1())
        self._name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "offhook test authority")])
        unsigned = (
            _builder(self._name, self._name, self._key.public_key())
            .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
            .add_extension(_SIGNS_CERTIFICATES, critical=True)
        )
        self.root = folder / "authority.pem"
        self.root.write_bytes(
            unsigned.sign(self._key, hashes.SHA256()).public_bytes(serialization.Encoding.PEM)
        )

    def issue(
        self,
        stem: str,
        names: Sequence[str],
        addresses: Sequence[str],
        *,
        alternatives: Sequence[x509.GeneralName] | None = None,
        lifetime: datetime.timedelta = LIFETIME,
        usages: Sequence[x509.ObjectIdentifier] = BOTH_SIDES,
    ) -> Certificate:
        """A certificate for these DNS names, SIP domains and addresses, or exactly these
        ``alternatives``. One with a negative ``lifetime`` has expired."""
        key = ec.generate_private_key(ec.SECP256R1())
        subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, names[0])])
        if alternatives is None:
            alternatives = _alternatives(names, addresses)
        builder = _builder(subject, self._name, key.public_key(), lifetime).add_extension(
            x509.BasicConstraints(ca=False, path_length=None), critical=True
        )
        if alternatives:
            builder = builder.add_extension(
                x509.SubjectAlternativeName(alternatives), critical=False
            )
        signed = (
            builder.add_extension(  # Python 3.13 insists on it
                x509.AuthorityKeyIdentifier.from_issuer_public_key(self._key.public_key()),
                critical=False,
            )
            .add_extension(x509.ExtendedKeyUsage(usages), critical=False)
            .sign(self._key, hashes.SHA256())
        )
        issued = Certificate(self._folder / f"{stem}.pem", self._folder / f"{stem}.key", self.root)
        issued.certificate.write_bytes(signed.public_bytes(serialization.Encoding.PEM))
        issued.key.write_bytes(
            key.private_bytes(
                serialization.Encoding.PEM,
                serialization.PrivateFormat.PKCS8,
                serialization.NoEncryption(),
            )
        )
        return issued


def _alternatives(names: Sequence[str], addresses: Sequence[str]) -> list[x509.GeneralName]:
    found: list[x509.GeneralName] = [x509.DNSName(name) for name in names]
    found += [x509.UniformResourceIdentifier(f"sip:{name}") for name in names]
    # Linphone's TLS library compares what it dialled, even an address, with DNS names only.
    found += [x509.DNSName(address) for address in addresses]
    found += [x509.IPAddress(ipaddress.ip_address(address)) for address in addresses]
    return found


def _builder(
    subject: x509.Name,
    issuer: x509.Name,
    key: ec.EllipticCurvePublicKey,
    lifetime: datetime.timedelta = LIFETIME,
) -> x509.CertificateBuilder:
    now = datetime.datetime.now(datetime.UTC)
    begins = now - datetime.timedelta(hours=1) + min(lifetime, datetime.timedelta())
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(key)
        .serial_number(x509.random_serial_number())
        .not_valid_before(begins)
        .not_valid_after(now + lifetime)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key), critical=False)
    )
