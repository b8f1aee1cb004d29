"""The real network as the tools use it: no listeners of their own but a UDP socket, TLS and name
servers as the configuration and `--ca` say."""

from __future__ import annotations

from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, field
from pathlib import Path

from offhook.cli.link import Link, link_over
from offhook.errors import UsageError
from offhook.runtime.sockets import SocketNetwork
from offhook.runtime.tls import Tls
from offhook.runtime.tls_files import TlsFiles
from offhook.server.schema import Config, Dns
from offhook.transport.flow import Address

__all__ = ["Means", "means", "real_link", "tls_files"]


@dataclass(frozen=True, slots=True)
class Means:
    """What a tool reaches others with: whom it trusts, whom it asks for names."""

    files: TlsFiles = field(default_factory=TlsFiles)
    dns: Dns = field(default_factory=Dns)


def real_link(with_: Means, *, local: Address | None = None) -> AbstractAsyncContextManager[Link]:
    """A link over real sockets; on a running loop. Raises StartError for unusable TLS files."""
    network = SocketNetwork(
        tls=Tls(with_.files),
        name_servers=with_.dns.addresses(),
        dns_deadline=with_.dns.deadline,
    )
    return link_over(network, local=local)


def means(config: Config, authority: Path | None) -> Means:
    """As the configuration says, with the authority of `--ca`. Raises UsageError."""
    return Means(tls_files(config, authority), config.dns)


def tls_files(config: Config, authority: Path | None) -> TlsFiles:
    """Whom to trust: `--ca` before the configuration before the system. Our own certificate is the
    server's, not that of a tool."""
    if authority is not None and not authority.is_file():
        raise UsageError(f"--ca: no such file: {authority}")
    return TlsFiles(authority=str(authority or config.tls.ca or ""))
