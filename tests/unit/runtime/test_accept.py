"""Accepting: limits before anything else, handshakes alone under their deadline. Loopback, below
half a second each.
"""

from __future__ import annotations

import asyncio
import errno
import socket
import ssl

import pytest

from offhook.runtime import accept
from offhook.runtime.connections import Connections
from offhook.runtime.counters import Counters
from offhook.runtime.limits import Limits
from offhook.runtime.tls import Tls
from offhook.runtime.tls_files import TlsFiles
from offhook.transport.flow import Listener
from tests.interop.harness.certificates import Certificate
from tests.unit.runtime.loopback import Recorder, Story, listener, network


def files(certificate: Certificate) -> TlsFiles:
    return TlsFiles(str(certificate.certificate), str(certificate.key), str(certificate.authority))


@pytest.mark.parametrize("bound", ["127.0.0.1", "0.0.0.0"])
def test_the_flow_has_the_address_that_was_hit(run: Story, bound: str) -> None:
    async def story() -> None:
        async with network() as (sockets, sink):
            real = await sockets.listen(listener("TCP", bound))
            with socket.create_connection(("127.0.0.1", real.port)) as peer:
                await sink.until(lambda: bool(sink.accepted))
                flow = sink.accepted[0]
                assert flow.local == ("127.0.0.1", real.port)
                assert flow.remote == peer.getsockname()
                assert flow.sent_by() == ("127.0.0.1", real.port)
                assert list(sockets.connections()) == [flow]

    run(story())


def test_one_too_many_is_refused_and_the_others_live(run: Story) -> None:
    async def story() -> None:
        async with network(limits=Limits(connections_per_host=2)) as (sockets, sink):
            real = await sockets.listen(listener("TCP"))
            there = ("127.0.0.1", real.port)
            with socket.create_connection(there), socket.create_connection(there) as second:
                await sink.until(lambda: len(sink.accepted) == 2)
                with socket.create_connection(there) as third:
                    third.settimeout(2)
                    assert await asyncio.to_thread(third.recv, 1) == b""
                assert sockets.counters.connections_refused == 1
                second.close()
                await sink.until(lambda: bool(sink.lost))
                with socket.create_connection(there):
                    await sink.until(lambda: len(sink.accepted) == 3)
            assert sockets.counters.connections_accepted == 3

    run(story())


def test_a_tls_peer_that_stalls_times_out_alone(run: Story, certificate: Certificate) -> None:
    async def story() -> None:
        limits = Limits(handshake_deadline=0.15, connections_per_host=2)
        async with network(limits=limits, tls=files(certificate)) as (sockets, sink):
            real = await sockets.listen(listener("TLS"))
            there = ("127.0.0.1", real.port)
            with socket.create_connection(there) as stalled:
                stalled.settimeout(2)
                context = ssl.create_default_context(cafile=str(certificate.authority))
                _, writer = await asyncio.open_connection(
                    *there, ssl=context, server_hostname="sip.example.com"
                )
                await sink.until(lambda: len(sink.accepted) == 1)
                assert sink.accepted[0].transport == "TLS"
                assert await asyncio.to_thread(stalled.recv, 1) == b""
                writer.close()
                await writer.wait_closed()
            assert sockets.counters.handshake_failures == 1
            for _ in range(2):  # what was counted has been given back
                with socket.create_connection(there) as again:
                    again.sendall(b"OPTIONS sip:x SIP/2.0\r\n\r\n")
                    again.settimeout(2)
                    await asyncio.to_thread(everything, again)
            assert sockets.counters.handshake_failures == 3
            assert sockets.counters.connections_refused == 0

    run(story())


def everything(peer: socket.socket) -> None:
    try:
        while peer.recv(4096):
            pass
    except ConnectionResetError:
        pass


class Exhausted(socket.socket):
    """A listening socket of a process that has no descriptor left, for once."""

    failures = 1

    def accept(self) -> tuple[socket.socket, tuple[str, int]]:
        if self.failures:
            self.failures -= 1
            raise OSError(errno.EMFILE, "Too many open files")
        return super().accept()


def test_without_descriptors_accepting_pauses(run: Story, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(accept, "EXHAUSTED_PAUSE", 0.02)

    async def story() -> None:
        bound = Exhausted()
        bound.bind(("127.0.0.1", 0))
        bound.listen()
        bound.setblocking(False)
        sink = Recorder()
        book = Connections(sink, Limits(), Counters())
        place = Listener("internal", "TCP", *bound.getsockname())
        acceptor = accept.Acceptor(bound, place, book)
        with socket.create_connection(bound.getsockname()):
            await sink.until(lambda: bool(sink.accepted))
            assert bound.failures == 0
            await acceptor.close()
            await acceptor.close()
            await book.close()
        assert list(sink.lost.values()) == ["stopped"]

    run(story())


def test_stopping_ends_handshakes_in_progress(run: Story, certificate: Certificate) -> None:
    async def story() -> None:
        with socket.socket() as stalled:
            async with network(tls=files(certificate)) as (sockets, _):
                real = await sockets.listen(listener("TLS"))
                await asyncio.to_thread(stalled.connect, ("127.0.0.1", real.port))
                await asyncio.sleep(0)
                await asyncio.sleep(0)
            stalled.settimeout(2)
            await asyncio.to_thread(everything, stalled)

    run(story())


@pytest.mark.parametrize("turns", range(4))
@pytest.mark.parametrize("encrypted", [False, True])
def test_stopping_lets_go_of_what_was_just_accepted(
    run: Story, certificate: Certificate, encrypted: bool, turns: int
) -> None:
    async def story() -> None:
        bound = socket.create_server(("127.0.0.1", 0))
        bound.setblocking(False)
        book = Connections(Recorder(), Limits(connections=1), Counters())
        place = Listener("internal", "TCP", *bound.getsockname())
        tls = Tls(files(certificate)) if encrypted else None
        acceptor = accept.Acceptor(bound, place, book, tls=tls)
        with socket.create_connection(bound.getsockname()) as peer:
            acceptor._acceptable()
            assert not book.admit("127.0.0.2")
            for _ in range(turns):
                await asyncio.sleep(0)
            await acceptor.close()
            async with asyncio.timeout(1.0):
                await book.close()
            peer.settimeout(2)
            assert await asyncio.to_thread(peer.recv, 1) == b""
            assert book.admit("127.0.0.2")

    run(story())
