"""The real network as the tools use it: no listeners of their own but a UDP socket, TLS as the
configuration and `--ca` say."""

from __future__ import annotations

from contextlib import AbstractAsyncContextManager
from pathlib import Path

from offhook.cli.link import Link, link_over
from offhook.errors import UsageError
from offhook.runtime.sockets import SocketNetwork
from offhook.runtime.tls import Tls
from offhook.runtime.tls_files import TlsFiles
from offhook.server.schema import Config
from offhook.transport.flow import Address

__all__ = ["real_link", "tls_files"]


def real_link(
    files: TlsFiles, *, local: Address | None = None
) -> AbstractAsyncContextManager[Link]:
    """A link over real sockets; on a running loop. Raises StartError for unusable TLS files."""
    return link_over(SocketNetwork(tls=Tls(files)), local=local)


def tls_files(config: Config, authority: Path | None) -> TlsFiles:
    """Whom to trust: `--ca` before the configuration before the system. Our own certificate is the
    server's, not that of a tool."""
    if authority is not None and not authority.is_file():
        raise UsageError(f"--ca: no such file: {authority}")
    return TlsFiles(authority=str(authority or config.tls.ca or ""))
