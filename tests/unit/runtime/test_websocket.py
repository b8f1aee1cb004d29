"""WebSocket clients: messages of both kinds and in pieces, pings, closing, and bad ones who fail
alone. Loopback, below half a second each.
"""

from __future__ import annotations

import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass

import pytest
from structlog.testing import capture_logs
from websockets.frames import Opcode

from offhook.message.limits import BODY, STREAM_HEAD
from offhook.runtime.limits import Limits
from offhook.runtime.origins import Origins
from offhook.runtime.sockets import SocketNetwork
from offhook.runtime.tls import Tls
from offhook.runtime.tls_files import TlsFiles
from offhook.runtime.websocket import MESSAGE
from offhook.transport.flow import Flow, Listener
from tests.interop.harness.certificates import Certificate
from tests.unit.runtime.loopback import Recorder, Story, listener
from tests.unit.runtime.web_client import HEAD, WebClient, connected

OPTIONS = b"OPTIONS sip:example.com SIP/2.0\r\n\r\n"


@dataclass
class Server:
    """A network with one WebSocket listener."""

    sockets: SocketNetwork
    sink: Recorder
    real: Listener

    @property
    def address(self) -> tuple[str, int]:
        return self.real.host, self.real.port

    async def flow(self, number: int = 1) -> Flow:
        await self.sink.until(lambda: len(self.sink.accepted) == number)
        return self.sink.accepted[-1]


@asynccontextmanager
async def serving(
    limits: Limits | None = None, *, tls: TlsFiles | None = None, origins: Origins | None = None
) -> AsyncIterator[Server]:
    sockets = SocketNetwork(limits=limits, tls=Tls(tls), origins=origins)
    sink = Recorder()
    sockets.attach(sink)
    try:
        real = await sockets.listen(listener("WSS" if tls else "WS"))
        yield Server(sockets, sink, real)
    finally:
        await sockets.stop()


@asynccontextmanager
async def joined(server: Server) -> AsyncIterator[tuple[WebClient, Flow]]:
    number = len(server.sink.accepted) + 1
    async with connected(server.address) as client:
        assert (await client.shake()).status_code == 101
        yield client, await server.flow(number)


@pytest.mark.rfc("7118", "4.1")
@pytest.mark.rfc("7118", "4.2")
@pytest.mark.parametrize("opcode", [Opcode.TEXT, Opcode.BINARY])
def test_a_message_is_answered_in_kind(run: Story, opcode: Opcode) -> None:
    async def story() -> None:
        async with serving() as server, joined(server) as (client, flow):
            assert client.protocol.subprotocol == "sip"
            assert flow.name.startswith("ws/127.0.0.1:")
            client.send(opcode, OPTIONS)
            await server.sink.until(lambda: bool(server.sink.received))
            assert server.sink.received == [(flow, OPTIONS)]
            server.sockets.send(flow, b"SIP/2.0 200 OK\r\n\r\n")
            assert await client.frame() == (opcode, b"SIP/2.0 200 OK\r\n\r\n")

    run(story())


@pytest.mark.rfc("7118", "4.2")
def test_what_is_not_utf_8_leaves_as_binary(run: Story) -> None:
    async def story() -> None:
        async with serving() as server, joined(server) as (client, flow):
            server.sockets.send(flow, "MESSAGE ü".encode())
            server.sockets.send(flow, b"MESSAGE \xff")
            assert await client.frame() == (Opcode.TEXT, "MESSAGE ü".encode())
            assert await client.frame() == (Opcode.BINARY, b"MESSAGE \xff")

    run(story())


def test_over_tls(run: Story, certificate: Certificate) -> None:
    async def story() -> None:
        files = TlsFiles(str(certificate.certificate), str(certificate.key))
        context = ssl.create_default_context(cafile=str(certificate.authority))
        async with (
            serving(tls=files) as server,
            connected(server.address, context=context) as client,
        ):
            assert (await client.shake()).status_code == 101
            flow = await server.flow()
            assert flow.transport == "WSS"
            client.send(Opcode.TEXT, OPTIONS)
            await server.sink.until(lambda: bool(server.sink.received))
            server.sockets.close(flow)
            assert (await client.closed()).code == 1001
            client.send(Opcode.CLOSE, b"\x03\xe9")
            await server.sink.until(lambda: flow in server.sink.lost)

    run(story())


def test_fragments_become_one_message(run: Story) -> None:
    async def story() -> None:
        async with serving() as server, joined(server) as (client, flow):
            client.send(Opcode.TEXT, OPTIONS[:5], fin=False)
            client.send(Opcode.PING, b"between")
            client.send(Opcode.CONT, b"", fin=False)
            client.send(Opcode.CONT, OPTIONS[5:10], fin=False)
            client.send(Opcode.CONT, OPTIONS[10:])
            client.send(Opcode.BINARY, b"INVITE")
            await server.sink.until(lambda: len(server.sink.received) == 2)
            assert server.sink.received == [(flow, OPTIONS), (flow, b"INVITE")]
            assert await client.frame() == (Opcode.PONG, b"between")

    run(story())


def test_the_largest_message_passes_and_one_more_octet_does_not(run: Story) -> None:
    async def story() -> None:
        async with (
            serving(Limits(close_deadline=0.1)) as server,
            joined(server) as (good, _),
            joined(server) as (bad, flow),
        ):
            assert MESSAGE == STREAM_HEAD + 4 + BODY
            bad.send(Opcode.TEXT, b"x" * MESSAGE, fin=False)
            with capture_logs() as logs:
                bad.send(Opcode.CONT, b"x")
                assert (await bad.closed()).code == 1009
                await server.sink.until(lambda: flow in server.sink.lost)
            (line,) = logs
            assert (line["event"], line["code"]) == ("websocket_closed", 1009)
            assert str(MESSAGE) in server.sink.lost[flow]
            assert server.sockets.counters.websocket_oversize == 1
            assert server.sink.received == []
            good.send(Opcode.TEXT, b"x" * MESSAGE)
            await server.sink.until(lambda: bool(server.sink.received))

    run(story())


def test_the_size_that_a_frame_claims_is_enough_to_refuse_it(run: Story) -> None:
    async def story() -> None:
        async with serving() as server, joined(server) as (client, flow):
            client.write(b"\x81\xff" + (2**40).to_bytes(8) + b"mask")
            assert (await client.closed()).code == 1009
            client.write(b"x" * 300_000)  # it has not noticed yet: no reset
            await client.stop()
            await server.sink.until(lambda: flow in server.sink.lost)

    run(story())


@pytest.mark.parametrize(
    ("frames", "code"),
    [
        (b"\x81\x01x", 1002),  # not masked
        (b"\x80\x80mask", 1002),  # continues nothing
        (b"\xc1\x81maskx", 1002),  # a bit of an extension that nobody asked for
        (b"\x89\xfe\x01\x00mask" + b"x" * 256, 1002),  # a ping of 256 octets
        (b"\x83\x80mask", 1002),  # no such opcode
        (b"\x81\x81\0\0\0\0\xff", 1007),  # text that is not UTF-8
        (b"\x01\x81\0\0\0\0\xc3\x80\x81\0\0\0\0(", 1007),  # in fragments
    ],
)
def test_who_breaks_the_rules_of_frames_is_closed(run: Story, frames: bytes, code: int) -> None:
    async def story() -> None:
        async with serving() as server, joined(server) as (client, flow):
            client.write(frames)
            assert (await client.closed()).code == code
            await client.stop()
            await server.sink.until(lambda: flow in server.sink.lost)
            assert server.sockets.counters.websocket_violations == 1
            assert "WebSocket rule broken" in server.sink.lost[flow]

    run(story())


def test_messages_before_a_fault_count(run: Story) -> None:
    async def story() -> None:
        async with serving() as server, joined(server) as (client, flow):
            client.write(b"\x81\x82\0\0\0\0hi\x83\x80mask\x81\x82\0\0\0\0no")
            assert (await client.closed()).code == 1002
            assert server.sink.received == [(flow, b"hi")]

    run(story())


def test_a_peer_that_closes_is_answered_and_gone(run: Story) -> None:
    async def story() -> None:
        async with serving() as server, joined(server) as (client, flow):
            client.send(Opcode.CLOSE, b"\x03\xe9leaving")
            assert (await client.closed()).code == 1001
            assert await client.event() is None
            await server.sink.until(lambda: flow in server.sink.lost)
            assert server.sink.lost[flow] == "closed by the peer"
            assert list(server.sockets.connections()) == []

    run(story())


def test_a_message_may_lead_to_the_close_while_the_peers_own_waits_behind_it(run: Story) -> None:
    async def story() -> None:
        async with serving() as server, joined(server) as (client, flow):
            server.sink.answer = lambda flow, _: server.sockets.close(flow)
            client.write(b"\x81\x82\0\0\0\0hi\x88\x80mask")
            await server.sink.until(lambda: flow in server.sink.lost)

    run(story())


def test_a_peer_that_vanishes_is_gone_at_once(run: Story) -> None:
    async def story() -> None:
        async with serving() as server, joined(server) as (client, flow):
            await client.stop()
            await server.sink.until(lambda: flow in server.sink.lost)

    run(story())


def test_a_peer_that_does_not_answer_the_close_is_cut_off(run: Story) -> None:
    async def story() -> None:
        limits = Limits(close_deadline=0.1)
        async with serving(limits) as server, joined(server) as (client, flow):
            server.sockets.close(flow)
            server.sockets.close(flow)
            server.sockets.send(flow, b"too late")
            assert (await client.closed()).reason == "closed"
            client.send(Opcode.TEXT, OPTIONS)
            await server.sink.until(lambda: flow in server.sink.lost)
            assert server.sink.received == []

    run(story())


def test_stopping_says_goodbye(run: Story) -> None:
    async def story() -> None:
        async with serving(Limits(close_deadline=0.3)) as server, joined(server) as (client, flow):
            shaking = connected(server.address)
            async with shaking as other:
                other.write(HEAD[:10])
                await server.sockets.stop()
                assert (await client.closed()).reason == "stopped"
                with suppress(ConnectionResetError):  # what it had sent was not read any more
                    assert await other.everything() == b""
                assert server.sink.lost[flow] == "stopped"

    run(story())


@pytest.mark.rfc("7118", "6")
def test_silent_peers_are_pinged_and_the_dead_are_closed(run: Story) -> None:
    async def story() -> None:
        limits = Limits(ping_interval=0.08, close_deadline=0.05)
        async with serving(limits) as server, joined(server) as (alive, _):
            async with joined(server) as (_, flow):
                for _ in range(4):
                    assert (await alive.frame())[0] is Opcode.PING
                    alive.send(Opcode.PONG, b"")
                await server.sink.until(lambda: flow in server.sink.lost)
                assert "no pong" in server.sink.lost[flow]
            assert list(server.sockets.connections()) == [server.sink.accepted[0]]
            assert server.sockets.counters.silent_closed == 1

    run(story())


@pytest.mark.parametrize(
    "half", [b"\x81\xfe\x01\x00maskonly a part", b"\x01\x84\0\0\0\0part", b"\x81"]
)
def test_half_a_message_has_its_time(run: Story, half: bytes) -> None:
    async def story() -> None:
        limits = Limits(first_answer_deadline=0.08, close_deadline=0.05)
        async with serving(limits) as server, joined(server) as (_, other):
            async with joined(server) as (client, flow):
                client.write(b"\x81\x82\0\0\0\0hi" + half)
                await server.sink.until(lambda: flow in server.sink.lost)
                assert "half a message" in server.sink.lost[flow]
            assert list(server.sockets.connections()) == [other]

    run(story())


def test_a_peer_that_does_not_read_is_closed_alone(run: Story) -> None:
    async def story() -> None:
        limits = Limits(write_high_water=1000)
        async with serving(limits) as server, joined(server) as (_, flow):
            for _ in range(100):
                server.sockets.send(flow, b"x" * 100_000)
            await server.sink.until(lambda: flow in server.sink.lost)
            assert server.sockets.counters.slow_readers == 1

    run(story())
