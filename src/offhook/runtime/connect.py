"""Connections that we make: one attempt for all who want the same one, a deadline, the peer's name
proven (RFC 5922 7.3).
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field, replace

from offhook.engine.actions import Open
from offhook.runtime.binding import stream_socket
from offhook.runtime.connections import Connections, server_name
from offhook.runtime.reasons import reason
from offhook.runtime.tcp import Stream
from offhook.runtime.tls import Tls
from offhook.transport.certificate_names import identities, proves, wanted_name
from offhook.transport.flow import Address, Listener

__all__ = ["Connector"]

AttemptKey = tuple[str, str, Address, str, str]


@dataclass(slots=True, eq=False)
class _Attempt:
    """One connection being made and the tickets that wait for it."""

    request: Open
    listener: Listener
    stream: Stream
    key: AttemptKey
    tickets: list[int] = field(default_factory=list)
    task: asyncio.Task[None] | None = None


class Connector:
    """Makes connections."""

    def __init__(self, connections: Connections, tls: Tls) -> None:
        self._connections = connections
        self._tls = tls
        self._loop = asyncio.get_running_loop()
        self._attempts: dict[AttemptKey, _Attempt] = {}

    def open(self, request: Open, listener: Listener) -> None:
        """Answer through the sink, at once or later. A `listener` with port 0 stands for the
        connection's own address.
        """
        connections = self._connections
        name = shown = ""
        if request.transport == "TLS":
            name = wanted_name(server_name(request))
            shown = self._tls.shown(request.profile, name)
        flow = connections.serving(request, shown)
        if flow is not None:
            connections.sink.flow_opened(request.ticket, flow)
            return
        if request.transport == "TLS" and not name:
            connections.sink.open_failed(request.ticket, "no certificate can prove that name")
            return
        key = (request.profile, request.transport, request.destination, request.local, name)
        attempt = self._attempts.get(key)
        if attempt is None:
            if connections.outgoing + len(self._attempts) >= connections.limits.connections:
                connections.counters.connections_refused += 1
                connections.sink.open_failed(request.ticket, "too many connections")
                return
            attempt = self._begin(_Attempt(request, listener, connections.stream(), key))
            attempt.stream.shown = shown
        attempt.tickets.append(request.ticket)

    async def close(self) -> None:
        """End all attempts; nobody is answered any more."""
        tasks = [attempt.task for attempt in self._attempts.values() if attempt.task is not None]
        self._attempts.clear()
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    def _begin(self, attempt: _Attempt) -> _Attempt:
        self._attempts[attempt.key] = attempt
        attempt.stream.watch(lambda _: self._established(attempt), self._connections.leave)
        attempt.task = self._loop.create_task(self._run(attempt))
        return attempt

    async def _run(self, attempt: _Attempt) -> None:
        why = ""
        try:
            await self._connect(attempt)
        except (OSError, ValueError) as error:  # all of ssl's; a name that ssl cannot encode
            why = reason(error)
        if self._attempts.get(attempt.key) is attempt:  # not established
            del self._attempts[attempt.key]
            self._fail(attempt, attempt.stream.ended or why or "connection lost")

    async def _connect(self, attempt: _Attempt) -> None:
        request = attempt.request
        limits = self._connections.limits
        encrypted = request.transport == "TLS"
        local = request.local or ("" if attempt.listener.wildcard else attempt.listener.host)
        outgoing = stream_socket(request.destination, local)
        try:
            try:
                async with asyncio.timeout(limits.connect_deadline):
                    await self._loop.sock_connect(outgoing, request.destination)
            except TimeoutError as error:
                raise OSError(f"no connection within {limits.connect_deadline:g} s") from error
            await self._loop.create_connection(
                lambda: attempt.stream,
                sock=outgoing,
                ssl=self._tls.client(request.profile, attempt.key[-1]) if encrypted else None,
                server_hostname=attempt.key[-1] if encrypted else None,
                ssl_handshake_timeout=limits.connect_deadline if encrypted else None,
            )
        finally:
            if attempt.stream.transport is None:  # else the transport owns it
                outgoing.close()

    def _established(self, attempt: _Attempt) -> None:
        stream, connections = attempt.stream, self._connections
        assert stream.transport is not None
        if attempt.request.transport == "TLS":
            stream.identities = identities(
                stream.transport.get_extra_info("peercert"), wildcards=self._tls.files.wildcards
            )
            if not proves(stream.identities, attempt.key[-1]):  # RFC 5922 7.3: close at once
                stream.abort(f"the certificate does not name {attempt.key[-1]}")
                return
        if self._attempts.pop(attempt.key, None) is None:  # the network is closing
            stream.abort("stopped")
            return
        listener = attempt.listener
        if not listener.port:
            host, port = stream.transport.get_extra_info("sockname")[:2]
            listener = replace(listener, host=host, port=port)
        flow = connections.enter(stream, listener, attempt.request.destination)
        if attempt.listener.port and self._tls.vouches(stream.shown, flow.sent_by()[0]):
            flow.offer_alias()  # RFC 5923 8.1: the peer can see that we are who the Via says
        connections.counters.connections_opened += 1
        for ticket in attempt.tickets:
            connections.sink.flow_opened(ticket, flow)
        connections.sink.flush()

    def _fail(self, attempt: _Attempt, why: str) -> None:
        self._connections.counters.connects_failed += 1
        request = attempt.request
        self._connections.complaints.tell(
            "connect_failed",
            profile=request.profile,
            transport=request.transport,
            destination=f"{request.destination[0]}:{request.destination[1]}",
            name=attempt.key[-1],
            reason=why,
        )
        for ticket in attempt.tickets:
            self._connections.sink.open_failed(ticket, why)
        self._connections.sink.flush()
