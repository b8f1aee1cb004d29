"""Contexts from files: what they allow, and the one line for each file that cannot be used."""

from __future__ import annotations

import ssl
from pathlib import Path

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.x509.oid import ExtendedKeyUsageOID

from offhook.errors import StartError
from offhook.runtime.tls_contexts import TlsContexts
from offhook.runtime.tls_files import KeyPair, ProfileTls, TlsFiles
from tests.interop.harness.certificates import Authority, Certificate


def pair(certificate: Certificate) -> KeyPair:
    return KeyPair(str(certificate.certificate), str(certificate.key))


def test_contexts(certificate: Certificate) -> None:
    files = TlsFiles(str(certificate.certificate), str(certificate.key), str(certificate.authority))
    contexts = TlsContexts(files)
    server, client = contexts.server("internal"), contexts.client("internal", "sip.example.com")
    assert server is not None
    for context in (server, client):
        assert context.minimum_version is ssl.TLSVersion.TLSv1_2
        assert context.options & ssl.OP_NO_RENEGOTIATION
    assert server.verify_mode is ssl.CERT_NONE
    assert client.verify_mode is ssl.CERT_REQUIRED
    assert not client.check_hostname
    assert len(client.get_ca_certs()) == 1


@pytest.mark.parametrize(
    ("policy", "mode"),
    [
        (ProfileTls(), ssl.CERT_NONE),
        (ProfileTls(ask=True), ssl.CERT_OPTIONAL),
        (ProfileTls(insist=True), ssl.CERT_REQUIRED),
    ],
)
def test_a_profile_asks_for_a_certificate(
    certificate: Certificate, policy: ProfileTls, mode: ssl.VerifyMode
) -> None:
    contexts = TlsContexts(
        TlsFiles(
            str(certificate.certificate),
            str(certificate.key),
            client_authority=str(certificate.authority),
            profiles={"trunks": policy},
        )
    )
    server, other = contexts.server("trunks"), contexts.server("internal")
    assert server is not None
    assert other is not None
    assert server.verify_mode is mode
    assert other.verify_mode is ssl.CERT_NONE
    # a session that is resumed is not verified again, so there are none where it matters
    assert (server.num_tickets == 0) is (mode is not ssl.CERT_NONE)


def test_without_files_there_is_a_client_that_trusts_the_system() -> None:
    contexts = TlsContexts(TlsFiles())
    assert contexts.server("internal") is None
    client = contexts.client("internal", "sip.example.com")
    assert contexts.client("external", "") is client
    assert client.verify_mode is ssl.CERT_REQUIRED


def test_certificate_and_key_in_one_file(certificate: Certificate, tmp_path: Path) -> None:
    both = tmp_path / "both.pem"
    both.write_bytes(certificate.certificate.read_bytes() + certificate.key.read_bytes())
    assert TlsContexts(TlsFiles(str(both))).server("internal") is not None


def test_certificates_of_profiles_and_gateways(authority: Authority) -> None:
    names = ("main", "other", "trunk")
    main, other, trunk = (authority.issue(f"c-{name}", [f"{name}.test"], []) for name in names)
    contexts = TlsContexts(
        TlsFiles(
            str(main.certificate),
            str(main.key),
            others={"other": pair(other), "trunk": pair(trunk)},
            profiles={"second": ProfileTls("other")},
            shown={("second", "sip.carrier.test"): "trunk"},
        )
    )
    assert {own.name: set(own.names) for own in contexts.certificates.values()} == {
        "tls": {"main.test"},
        "certificates.other": {"other.test"},
        "certificates.trunk": {"trunk.test"},
    }
    assert contexts.shown("first", "sip.carrier.test") == ""
    assert contexts.shown("second", "SIP.carrier.test") == "trunk"
    assert contexts.shown("second", "elsewhere.test") == "other"
    carrier = contexts.client("second", "sip.carrier.test")
    assert carrier is not contexts.client("second", "elsewhere.test")
    assert contexts.server("first") is not contexts.server("second")


def test_only_a_named_profile_has_a_certificate(certificate: Certificate) -> None:
    contexts = TlsContexts(
        TlsFiles(
            others={"one": pair(certificate)},
            profiles={"with": ProfileTls("one"), "without": ProfileTls()},
        )
    )
    assert contexts.server("with") is not None
    assert contexts.server("without") is None


def test_a_missing_file(certificate: Certificate, tmp_path: Path) -> None:
    missing = str(tmp_path / "none.pem")
    known, key = str(certificate.certificate), str(certificate.key)
    asking = {"p": ProfileTls(ask=True)}
    for files, option in (
        (TlsFiles(missing, key), "tls.certificate"),
        (TlsFiles(known, missing), "tls.key"),
        (TlsFiles(known, key, missing), "tls.ca"),
        (TlsFiles(known, key, client_authority=missing, profiles=asking), "tls.client_ca"),
        (
            TlsFiles(known, key, others={"x": KeyPair(missing, key)}),
            "certificates.x.certificate",
        ),
    ):
        assert fault(files) == (
            f"{option}: cannot read {missing}: no such file or directory - correct {option}"
        )


def test_a_key_of_another_certificate(certificate: Certificate, stranger: Certificate) -> None:
    line = fault(TlsFiles(str(certificate.certificate), str(stranger.key)))
    assert line == (
        f"tls.key: {stranger.key} does not belong to {certificate.certificate} - correct tls.key"
    )


def test_a_file_that_is_no_certificate(certificate: Certificate, tmp_path: Path) -> None:
    odd = tmp_path / "odd.pem"
    odd.write_text("hello")
    assert fault(TlsFiles(str(odd), str(certificate.key))).startswith(
        f"tls: cannot use certificate {odd} with key {certificate.key}: "
    )
    line = fault(TlsFiles(authority=str(odd)))
    assert line == f"tls.ca: {odd} holds no certificate - correct tls.ca"


def test_an_encrypted_key_does_not_ask_on_the_terminal(
    certificate: Certificate, tmp_path: Path
) -> None:
    key = serialization.load_pem_private_key(certificate.key.read_bytes(), None)
    encrypted = tmp_path / "encrypted.key"
    encrypted.write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.BestAvailableEncryption(b"secret"),
        )
    )
    line = fault(TlsFiles(str(certificate.certificate), str(encrypted)))
    assert line == f"tls.key: {encrypted} is encrypted - write it without a passphrase"


def test_a_certificate_must_be_allowed_to_do_what_it_is_named_for(authority: Authority) -> None:
    server = authority.issue(
        "server-only", ["s.test"], [], usages=[ExtendedKeyUsageOID.SERVER_AUTH]
    )
    client = authority.issue(
        "client-only", ["c.test"], [], usages=[ExtendedKeyUsageOID.CLIENT_AUTH]
    )
    assert fault(TlsFiles(str(client.certificate), str(client.key))) == (
        f"tls: {client.certificate} may be shown by a client only"
        " - name one whose extended key usage has serverAuth"
    )
    both = {"s": pair(server), "c": pair(client)}
    assert fault(TlsFiles(others=both, shown={("p", "h"): "s"})) == (
        f"certificates.s: {server.certificate} may be shown by a server only"
        " - name one whose extended key usage has clientAuth"
    )
    assert fault(TlsFiles(others=both, profiles={"p": ProfileTls("c")})).startswith(
        f"certificates.c: {client.certificate} may be shown by a client only"
    )
    TlsContexts(TlsFiles(others=both, profiles={"p": ProfileTls("s")}, shown={("p", "h"): "c"}))


def fault(files: TlsFiles) -> str:
    with pytest.raises(StartError) as caught:
        TlsContexts(files)
    line = str(caught.value)
    assert "\n" not in line
    return line
