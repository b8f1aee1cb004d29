"""The running side: the network seam, the real sockets behind it, the driver that feeds the engine.
Moves bytes, decides nothing.

`SocketNetwork` is in `offhook.runtime.sockets`; it is not imported here, so that a simulation loads
no sockets, TLS or DNS.
"""

from offhook.runtime.network import Network, Sink

__all__ = ["Network", "Sink"]
