"""TLS contexts made of files: hardened, verified, one for each use (RFC 3261 26.3.1, RFC 5922).

Names are compared by the rules of SIP (`certificate_names`), not by those of HTTPS that `ssl`
knows. A certificate of ours is chosen by the name that a peer asks for (SNI).
"""

from __future__ import annotations

import ssl
from collections.abc import Callable, Mapping, Sequence
from typing import NoReturn

from offhook.errors import StartError
from offhook.runtime.own_certificates import OwnCertificate, examine
from offhook.runtime.tls_files import KeyPair, ProfileTls, TlsFiles
from offhook.transport.certificate_names import proves, wanted_name

__all__ = ["TlsContexts"]

_DEFAULT = ""  # the name of the certificate that serves all
_NOBODY = ProfileTls()  # of a profile that says nothing of TLS


class TlsContexts:
    """Every context that a configuration needs, made at once. StartError, one line, if a file
    cannot be used.

    Without any files the client's context is made when it is first needed: reading the system's
    authorities takes 20 ms, and most never need it.
    """

    def __init__(self, files: TlsFiles) -> None:
        self.files = files
        self._pairs = _pairs(files)
        self.certificates: dict[str, OwnCertificate] = {
            name: _examined(name, pair) for name, pair in self._pairs.items()
        }
        self._check_uses()
        self._by_name = {
            name: _chain_context(ssl.PROTOCOL_TLS_SERVER, name, pair)
            for name, pair in self._pairs.items()
        }
        profiles = {_DEFAULT: _NOBODY, **files.profiles}
        self._servers = {
            profile: self._server_context(policy)
            for profile, policy in profiles.items()
            if (policy.certificate or _DEFAULT) in self._pairs
        }
        shown = {_DEFAULT, *files.shown.values(), *(p.certificate for p in profiles.values())}
        self._clients: dict[str, ssl.SSLContext] = {}
        if files != TlsFiles():
            self._clients = {name: self._client_context(name) for name in shown}

    def server(self, profile: str) -> ssl.SSLContext | None:
        """For peers that connect to a listener of this profile; None without a certificate."""
        return self._servers.get(profile) or self._servers.get(_DEFAULT)

    def policy(self, profile: str) -> ProfileTls:
        """What a profile asks of peers that connect to it."""
        return self.files.profiles.get(profile, _NOBODY)

    def shown(self, profile: str, name: str) -> str:
        """The name of the certificate that we show, if asked, to a server that must prove `name`;
        "" is the one that serves all."""
        chosen = self.files.shown.get((profile, wanted_name(name)))
        return chosen if chosen is not None else self.policy(profile).certificate

    def client(self, profile: str, name: str) -> ssl.SSLContext:
        """For a connection of ours to a server that must prove `name`. The chain is verified here,
        the name by the caller."""
        certificate = self.shown(profile, name)
        context = self._clients.get(certificate)
        if context is None:
            context = self._clients[certificate] = self._client_context(certificate)
        return context

    def _server_context(self, policy: ProfileTls) -> ssl.SSLContext:
        own = policy.certificate or _DEFAULT
        context = _chain_context(ssl.PROTOCOL_TLS_SERVER, own, self._pairs[own])
        if policy.ask or policy.insist:
            context.verify_mode = ssl.CERT_REQUIRED if policy.insist else ssl.CERT_OPTIONAL
            files = self.files
            if files.client_authority:
                _load_authority(context, files.client_authority, "tls.client_ca")
            else:
                _load_authorities(context, files, ssl.Purpose.CLIENT_AUTH)
            # a resumed session is not verified again: what was trusted then would count now
            context.options |= ssl.OP_NO_TICKET
            context.num_tickets = 0
        if len(self._pairs) > 1:
            context.sni_callback = _chooser(own, self.certificates, self._by_name)
        return context

    def _client_context(self, certificate: str) -> ssl.SSLContext:
        context = _hardened(ssl.PROTOCOL_TLS_CLIENT)
        context.verify_mode = ssl.CERT_REQUIRED
        _load_authorities(context, self.files, ssl.Purpose.SERVER_AUTH)
        pair = self._pairs.get(certificate)
        if pair is not None and self.certificates[certificate].for_clients:
            _load_chain(context, certificate, pair)
        return context

    def _check_uses(self) -> None:
        """A certificate must be allowed to do what it is named for."""
        for policy in self.files.profiles.values():
            own = self.certificates.get(policy.certificate)
            if policy.certificate and own is not None and not own.for_servers:
                raise StartError(_wrong_use(own, "a client", "serverAuth"))
        own = self.certificates.get(_DEFAULT)
        if own is not None and not own.for_servers:
            raise StartError(_wrong_use(own, "a client", "serverAuth"))
        for name in self.files.shown.values():
            own = self.certificates.get(name)
            if own is not None and not own.for_clients:
                raise StartError(_wrong_use(own, "a server", "clientAuth"))


def _wrong_use(own: OwnCertificate, role: str, usage: str) -> str:
    return (
        f"{own.name}: {own.path} may be shown by {role} only"
        f" - name one whose extended key usage has {usage}"
    )


def _pairs(files: TlsFiles) -> dict[str, KeyPair]:
    pairs = dict(files.others)
    if files.certificate:
        pairs[_DEFAULT] = KeyPair(files.certificate, files.key)
    return pairs


def _label(name: str) -> str:
    return f"certificates.{name}" if name else "tls"


def _chooser(
    own: str, certificates: Mapping[str, OwnCertificate], contexts: Mapping[str, ssl.SSLContext]
) -> Callable[[ssl.SSLObject, str | None, ssl.SSLContext], None]:
    """Answers SNI: the profile's own certificate if it proves the name or none does."""
    order: Sequence[str] = [own, *(name for name in certificates if name != own)]

    def choose(connection: ssl.SSLObject, asked: str | None, _context: ssl.SSLContext) -> None:
        if not asked:
            return
        for name in order:
            if proves(certificates[name].names, asked):
                if name != own:
                    connection.context = contexts[name]
                return

    return choose


# one context -------------------------------------------------------------------------------------
def _hardened(protocol: int) -> ssl.SSLContext:
    context = ssl.SSLContext(protocol)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.options |= ssl.OP_NO_RENEGOTIATION | ssl.OP_NO_COMPRESSION
    if protocol == ssl.PROTOCOL_TLS_CLIENT:
        context.check_hostname = False  # RFC 5922 7.2 forbids what RFC 2818 allows
    return context


def _chain_context(protocol: int, name: str, pair: KeyPair) -> ssl.SSLContext:
    context = _hardened(protocol)
    _load_chain(context, name, pair)
    return context


def _examined(name: str, pair: KeyPair) -> OwnCertificate:
    server = _chain_context(ssl.PROTOCOL_TLS_SERVER, name, pair)
    client = _chain_context(ssl.PROTOCOL_TLS_CLIENT, name, pair)
    try:
        return examine(_label(name), pair.certificate, server, client)
    except ssl.SSLError as error:
        raise StartError(
            f"{_label(name)}: cannot use {pair.certificate}: {error.reason or error}"
        ) from error


def _load_authorities(context: ssl.SSLContext, files: TlsFiles, purpose: ssl.Purpose) -> None:
    if files.authority:
        _load_authority(context, files.authority, "tls.ca")
    else:
        context.load_default_certs(purpose)


def _load_authority(context: ssl.SSLContext, path: str, option: str) -> None:
    try:
        context.load_verify_locations(cafile=path)
    except ssl.SSLError as error:
        raise StartError(f"{option}: {path} holds no certificate - correct {option}") from error
    except OSError as error:
        raise _unreadable(path, option, error) from error


def _load_chain(context: ssl.SSLContext, name: str, pair: KeyPair) -> None:
    certificate, key = pair.certificate, pair.key or pair.certificate
    label = _label(name)
    _check_readable(certificate, f"{label}.certificate")
    _check_readable(key, f"{label}.key")

    def refuse() -> NoReturn:  # instead of asking on the terminal
        raise StartError(f"{label}.key: {key} is encrypted - write it without a passphrase")

    try:
        context.load_cert_chain(certificate, key, password=refuse)
    except ssl.SSLError as error:
        raise StartError(_chain_fault(label, certificate, key, error)) from error
    except OSError as error:
        raise _unreadable(certificate, f"{label}.certificate", error) from error


def _chain_fault(label: str, certificate: str, key: str, error: ssl.SSLError) -> str:
    if error.reason == "KEY_VALUES_MISMATCH":
        return f"{label}.key: {key} does not belong to {certificate} - correct {label}.key"
    problem = (error.reason or "not PEM").lower().replace("_", " ")
    return (
        f"{label}: cannot use certificate {certificate} with key {key}: {problem} - give PEM files"
    )


def _check_readable(path: str, option: str) -> None:
    try:
        with open(path, "rb"):
            pass
    except OSError as error:
        raise _unreadable(path, option, error) from error


def _unreadable(path: str, option: str, error: OSError) -> StartError:
    return StartError(
        f"{option}: cannot read {path}: {(error.strerror or str(error)).lower()} - correct {option}"
    )
