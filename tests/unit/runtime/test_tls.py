"""TLS files: what works, and the one line for each way in which they do not. The wire is in
test_accept and test_connect.
"""

from __future__ import annotations

import ssl
from pathlib import Path

import pytest
from cryptography.hazmat.primitives import serialization

from offhook.errors import StartError
from offhook.runtime.tls import TlsContexts, TlsFiles
from tests.interop.harness.certificates import Certificate


def test_contexts(certificate: Certificate) -> None:
    files = TlsFiles(str(certificate.certificate), str(certificate.key), str(certificate.authority))
    contexts = TlsContexts(files)
    assert contexts.server is not None
    for context in (contexts.server, contexts.client):
        assert context.minimum_version is ssl.TLSVersion.TLSv1_2
        assert context.options & ssl.OP_NO_RENEGOTIATION
    assert contexts.server.verify_mode is ssl.CERT_NONE
    assert contexts.client.verify_mode is ssl.CERT_REQUIRED
    assert not contexts.client.check_hostname
    assert len(contexts.client.get_ca_certs()) == 1


def test_clients_may_be_asked_for_a_certificate(certificate: Certificate) -> None:
    files = TlsFiles(
        str(certificate.certificate),
        str(certificate.key),
        str(certificate.authority),
        ask_client=True,
    )
    server = TlsContexts(files).server
    assert server is not None
    assert server.verify_mode is ssl.CERT_OPTIONAL


def test_without_files_there_is_a_client_that_trusts_the_system() -> None:
    contexts = TlsContexts(TlsFiles())
    assert contexts.server is None
    assert contexts.client is contexts.client
    assert contexts.client.verify_mode is ssl.CERT_REQUIRED


def test_certificate_and_key_in_one_file(certificate: Certificate, tmp_path: Path) -> None:
    both = tmp_path / "both.pem"
    both.write_bytes(certificate.certificate.read_bytes() + certificate.key.read_bytes())
    assert TlsContexts(TlsFiles(str(both))).server is not None


def test_a_missing_file(certificate: Certificate, tmp_path: Path) -> None:
    missing = str(tmp_path / "none.pem")
    known = str(certificate.certificate)
    for files, option in (
        (TlsFiles(missing, str(certificate.key)), "tls.certificate"),
        (TlsFiles(known, missing), "tls.key"),
        (TlsFiles(known, str(certificate.key), missing), "tls.authority"),
    ):
        assert fault(files) == (
            f"tls: cannot read {missing}: no such file or directory - correct {option}"
        )


def test_a_key_of_another_certificate(certificate: Certificate, stranger: Certificate) -> None:
    line = fault(TlsFiles(str(certificate.certificate), str(stranger.key)))
    assert line == (
        f"tls: the key {stranger.key} does not belong to the certificate"
        f" {certificate.certificate} - correct tls.key"
    )


def test_a_file_that_is_no_certificate(certificate: Certificate, tmp_path: Path) -> None:
    odd = tmp_path / "odd.pem"
    odd.write_text("hello")
    assert fault(TlsFiles(str(odd), str(certificate.key))).startswith(
        f"tls: cannot use certificate {odd} with key {certificate.key}: "
    )
    line = fault(TlsFiles(authority=str(odd)))
    assert line == f"tls: {odd} holds no certificate - correct tls.authority"


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
    assert line == f"tls: the key {encrypted} is encrypted - write it without a passphrase"


def fault(files: TlsFiles) -> str:
    with pytest.raises(StartError) as caught:
        TlsContexts(files)
    line = str(caught.value)
    assert "\n" not in line
    return line
