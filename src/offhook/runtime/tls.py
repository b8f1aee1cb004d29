"""TLS as it is now: contexts that are replaced whole on reload, while connections that stand keep
theirs.

Listeners and connections ask at every handshake, so what was loaded last counts from the next one
on.
"""

from __future__ import annotations

import ssl
from collections.abc import Sequence

from offhook.errors import StartError
from offhook.runtime.own_certificates import OwnCertificate
from offhook.runtime.tls_contexts import TlsContexts
from offhook.runtime.tls_files import ProfileTls, TlsFiles
from offhook.transport.certificate_names import proves

__all__ = ["Tls"]


class Tls:
    """The contexts of the moment. StartError, one line, if a file cannot be used."""

    def __init__(self, files: TlsFiles | None = None) -> None:
        self._contexts = TlsContexts(files or TlsFiles())

    @property
    def files(self) -> TlsFiles:
        """What the contexts were made of."""
        return self._contexts.files

    @property
    def certificates(self) -> Sequence[OwnCertificate]:
        """Our certificates as they are in use."""
        return list(self._contexts.certificates.values())

    def server(self, profile: str) -> ssl.SSLContext | None:
        """For peers that connect to a listener of this profile; None without a certificate."""
        return self._contexts.server(profile)

    def policy(self, profile: str) -> ProfileTls:
        """What a profile asks of peers that connect to it."""
        return self._contexts.policy(profile)

    def shown(self, profile: str, name: str) -> str:
        """The name of the certificate that we show to a server that must prove `name`."""
        return self._contexts.shown(profile, name)

    def vouches(self, shown: str, host: str) -> bool:
        """True if the certificate of that name can be shown to a server and proves `host`."""
        own = self._contexts.certificates.get(shown)
        return own is not None and own.for_clients and proves(own.names, host)

    def client(self, profile: str, name: str) -> ssl.SSLContext:
        """For a connection of ours to a server that must prove `name`."""
        return self._contexts.client(profile, name)

    def reload(self, unix: float) -> None:
        """Read all files again, in any thread. StartError, and nothing changed, if one of them
        cannot be used or a certificate has expired (`unix`: now)."""
        contexts = TlsContexts(self.files)
        for own in contexts.certificates.values():
            if own.days_left(unix) <= 0:
                raise StartError(f"{own.name}: {own.path} has expired - renew it")
        self._contexts = contexts
