"""TLS contexts, made once and replaced whole on reload: connections that stand keep theirs (RFC
3261 26.3.1, RFC 5922).

Names are compared in `connect` by the rules of SIP (`certificate_names`), not by those of HTTPS
that `ssl` knows.
"""

from __future__ import annotations

import ssl
from dataclasses import dataclass
from typing import NoReturn

from offhook.errors import StartError

__all__ = ["TlsContexts", "TlsFiles", "client_context", "server_context"]


@dataclass(frozen=True, slots=True)
class TlsFiles:
    """Paths of PEM files."""

    certificate: str = ""  # our chain, our own certificate first
    key: str = ""  # its private key, not encrypted
    authority: str = ""  # whom we trust; "" = the system's list
    # ask peers that connect for a certificate: one that is given must be valid (trunks, RFC 5923)
    ask_client: bool = False


class TlsContexts:
    """`server` for peers that connect to us (None without a certificate), `client` for our own.

    StartError, one line, if a file cannot be used. Without any files the client's context is made
    when it is first needed: reading the system's authorities takes 20 ms, and most never need it.
    """

    def __init__(self, files: TlsFiles) -> None:
        self.server = server_context(files) if files.certificate else None
        self._client = client_context(files) if files != TlsFiles() else None

    @property
    def client(self) -> ssl.SSLContext:
        """The chain is verified here, the name by the caller."""
        if self._client is None:
            self._client = client_context(TlsFiles())
        return self._client


def server_context(files: TlsFiles) -> ssl.SSLContext:
    """For accepted connections."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    _harden(context)
    _load_chain(context, files)
    if files.ask_client:
        context.verify_mode = ssl.CERT_OPTIONAL
        _load_authority(context, files, ssl.Purpose.CLIENT_AUTH)
    return context


def client_context(files: TlsFiles) -> ssl.SSLContext:
    """For our connections: the chain is verified here, the name by the caller. We show our
    certificate if asked.
    """
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    _harden(context)
    context.check_hostname = False  # RFC 5922 7.2 forbids what RFC 2818 allows: wildcards
    context.verify_mode = ssl.CERT_REQUIRED
    _load_authority(context, files, ssl.Purpose.SERVER_AUTH)
    if files.certificate:
        _load_chain(context, files)
    return context


def _harden(context: ssl.SSLContext) -> None:
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.options |= ssl.OP_NO_RENEGOTIATION | ssl.OP_NO_COMPRESSION


def _load_authority(context: ssl.SSLContext, files: TlsFiles, purpose: ssl.Purpose) -> None:
    if not files.authority:
        context.load_default_certs(purpose)
        return
    try:
        context.load_verify_locations(cafile=files.authority)
    except ssl.SSLError as error:
        raise StartError(
            f"tls: {files.authority} holds no certificate - correct tls.authority"
        ) from error
    except OSError as error:
        raise _unreadable(files.authority, "tls.authority", error) from error


def _load_chain(context: ssl.SSLContext, files: TlsFiles) -> None:
    certificate, key = files.certificate, files.key or files.certificate
    _check_readable(certificate, "tls.certificate")
    _check_readable(key, "tls.key")

    def refuse() -> NoReturn:  # instead of asking on the terminal
        raise StartError(f"tls: the key {key} is encrypted - write it without a passphrase")

    try:
        context.load_cert_chain(certificate, key, password=refuse)
    except ssl.SSLError as error:
        raise StartError(_chain_fault(certificate, key, error)) from error
    except OSError as error:
        raise _unreadable(certificate, "tls.certificate", error) from error


def _chain_fault(certificate: str, key: str, error: ssl.SSLError) -> str:
    if error.reason == "KEY_VALUES_MISMATCH":
        return (
            f"tls: the key {key} does not belong to the certificate {certificate} - correct tls.key"
        )
    problem = (error.reason or "not PEM").lower().replace("_", " ")
    return f"tls: cannot use certificate {certificate} with key {key}: {problem} - give PEM files"


def _check_readable(path: str, option: str) -> None:
    try:
        with open(path, "rb"):
            pass
    except OSError as error:
        raise _unreadable(path, option, error) from error


def _unreadable(path: str, option: str, error: OSError) -> StartError:
    return StartError(
        f"tls: cannot read {path}: {(error.strerror or str(error)).lower()} - correct {option}"
    )
