"""Accepts connections: limits first, then the handshakes of TLS and WebSocket, each connection
alone under its deadline (RFC 3261 18.2.1).
"""

from __future__ import annotations

import asyncio
import errno
import socket
import ssl
import time
from collections.abc import Callable

from offhook.runtime.binding import prepare_stream
from offhook.runtime.connections import Connections
from offhook.runtime.reasons import reason
from offhook.runtime.tcp import Stream
from offhook.runtime.tls import Tls
from offhook.transport.certificate_names import identities, proves
from offhook.transport.flow import Listener

__all__ = ["Acceptor"]

ACCEPT_BATCH = 64  # connections taken in one wake-up
EXHAUSTED = frozenset({errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM})
LONGEST_NAMES = 200  # characters of a stranger's certificate that are logged
EXHAUSTED_PAUSE = 1.0  # seconds until accepting is tried again without descriptors or memory


class Acceptor:
    """One listening socket; `tls` for encrypted ones, None for plain TCP. `make` makes the streams,
    plain ones by default.
    """

    def __init__(
        self,
        bound: socket.socket,
        listener: Listener,
        connections: Connections,
        *,
        tls: Tls | None = None,
        make: Callable[[], Stream] | None = None,
    ) -> None:
        self.listener = listener
        self._socket = bound
        self._connections = connections
        self._tls = tls
        self._make = make or connections.stream
        self._loop = asyncio.get_running_loop()
        self._serving: dict[Stream, asyncio.Task[None]] = {}
        self._shaking: dict[Stream, None] = {}  # not established yet
        self._pause: asyncio.TimerHandle | None = None
        self._resume()

    async def close(self) -> None:
        """Accept no more; handshakes in progress end. Established connections stay."""
        if self._socket.fileno() < 0:
            return
        self._loop.remove_reader(self._socket.fileno())
        if self._pause is not None:
            self._pause.cancel()
        self._socket.close()
        serving = dict(self._serving)
        for stream, task in serving.items():
            # uvloop never reports the end of one cancelled later; a plain one has nothing to wait
            # for and stands in a turn or two
            if self._tls is not None and stream.transport is None:
                task.cancel()
        await asyncio.gather(*serving.values(), return_exceptions=True)
        for stream in list(self._shaking):
            stream.abort("stopped")

    def _resume(self) -> None:
        self._pause = None
        self._loop.add_reader(self._socket.fileno(), self._acceptable)

    def _acceptable(self) -> None:
        for _ in range(ACCEPT_BATCH):
            try:
                peer, address = self._socket.accept()
            except BlockingIOError:
                return
            except OSError as error:
                if error.errno in EXHAUSTED:
                    self._loop.remove_reader(self._socket.fileno())
                    self._pause = self._loop.call_later(EXHAUSTED_PAUSE, self._resume)
                    return
                continue  # that connection broke before it was taken
            self._take(peer, address[0])

    def _take(self, peer: socket.socket, host: str) -> None:
        if not self._connections.admit(host):
            peer.close()
            return
        stream = self._make()
        self._shaking[stream] = None
        stream.host = host
        stream.watch(self._established, self._ended)
        task = self._loop.create_task(self._serve(peer, stream))
        self._serving[stream] = task
        task.add_done_callback(lambda _: self._served(peer, stream))

    async def _serve(self, peer: socket.socket, stream: Stream) -> None:
        tls = self._tls
        context = tls.server(self.listener.profile) if tls is not None else None
        deadline = self._connections.limits.handshake_deadline if context else None
        try:
            peer.setblocking(False)
            prepare_stream(peer)
            await self._loop.connect_accepted_socket(
                lambda: stream, peer, ssl=context, ssl_handshake_timeout=deadline
            )
        except OSError as error:  # all of ssl's errors and the deadline are
            if context is not None:
                self._connections.counters.handshake_failures += 1
                self._refuse(stream, reason(error), by_certificate=_of_certificate(error))

    def _served(self, peer: socket.socket, stream: Stream) -> None:
        """The handshake is over, or the listener was closed before it began."""
        self._serving.pop(stream, None)
        if stream.transport is None:  # else `_ended` will be told
            self._shaking.pop(stream, None)
            self._connections.release(stream.host)
            peer.close()

    def _established(self, stream: Stream) -> None:
        assert stream.transport is not None
        self._shaking.pop(stream, None)
        remote = stream.transport.get_extra_info("peername")
        if not remote:  # gone already
            stream.abort("closed by the peer")
            return
        if self._tls is not None:
            why = self._identify(stream, self._tls)
            if why:
                self._refuse(stream, why, by_certificate=True)
                stream.abort(why)
                return
        connections = self._connections
        connections.counters.connections_accepted += 1
        connections.sink.flow_accepted(connections.enter(stream, self.listener, remote[:2]))
        connections.sink.flush()

    def _identify(self, stream: Stream, tls: Tls) -> str:
        """Note what the peer's certificate proves; why it may not come in, "" if it may (RFC 5922
        7.4)."""
        assert stream.transport is not None
        shown = stream.transport.get_extra_info("peercert")
        if not shown:
            return ""
        if ssl.cert_time_to_seconds(shown["notAfter"]) <= time.time():
            return "certificate refused: it has expired since the session began"  # resumed
        stream.identities = identities(shown, wildcards=tls.files.wildcards)
        allowed = tls.policy(self.listener.profile).names
        if allowed is None or any(proves(stream.identities, name) for name in allowed):
            return ""
        names = ", ".join(sorted(stream.identities)) or "nobody"
        return f"the certificate names {names[:LONGEST_NAMES]}, which is no gateway here"

    def _refuse(self, stream: Stream, why: str, *, by_certificate: bool) -> None:
        connections = self._connections
        connections.counters.certificates_refused += by_certificate
        connections.complaints.tell(
            "client_certificate_refused" if by_certificate else "handshake_failed",
            profile=self.listener.profile,
            transport=self.listener.transport,
            source=stream.host,
            reason=why,
        )

    def _ended(self, stream: Stream) -> None:
        self._shaking.pop(stream, None)
        self._connections.release(stream.host)
        self._connections.leave(stream)


def _of_certificate(error: OSError) -> bool:
    """True if the handshake failed for the peer's certificate, or for want of one."""
    if isinstance(error, ssl.SSLCertVerificationError):
        return True
    return getattr(error, "reason", None) == "PEER_DID_NOT_RETURN_A_CERTIFICATE"
