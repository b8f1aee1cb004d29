"""Handshakes of WebSocket clients: the 101, and what all others are told. Loopback."""

from __future__ import annotations

import ssl

import pytest
from structlog.testing import capture_logs
from websockets.frames import Opcode

from offhook.engine.actions import Open
from offhook.runtime.limits import Limits
from offhook.runtime.origins import Origins
from offhook.runtime.tls_files import TlsFiles
from tests.interop.harness.certificates import Certificate
from tests.unit.runtime.loopback import Story, listener, network, refused
from tests.unit.runtime.test_websocket import joined, serving
from tests.unit.runtime.web_client import HEAD, connected


@pytest.mark.rfc("7118", "4.1")
def test_the_example_of_the_rfc(run: Story) -> None:
    async def story() -> None:
        limits = Limits(close_deadline=0.1)
        async with serving(limits) as server, connected(server.address) as client:
            client.write(HEAD[:30])
            client.write(HEAD[30:])
            await server.flow()
            server.sockets.close(server.sink.accepted[0])
            answer = await client.everything()
            assert answer.startswith(b"HTTP/1.1 101 Switching Protocols\r\n")
            assert b"\r\nSec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n" in answer
            assert b"\r\nSec-WebSocket-Protocol: sip\r\n" in answer

    run(story())


@pytest.mark.rfc("7118", "4.1")
@pytest.mark.parametrize("subprotocols", [(), ("xmpp",)])
def test_without_the_subprotocol_nobody_is_served(
    run: Story, subprotocols: tuple[str, ...]
) -> None:
    async def story() -> None:
        async with serving() as server, connected(server.address) as client:
            answer = await client.shake(subprotocols=subprotocols)
            assert answer.status_code == 400
            assert await client.event() is None
            assert server.sockets.counters.websocket_subprotocol_refused == 1
            assert server.sink.accepted == []

    run(story())


def test_other_subprotocols_do_not_matter(run: Story) -> None:
    async def story() -> None:
        async with serving() as server, connected(server.address) as client:
            assert (await client.shake(subprotocols=("xmpp", "sip"))).status_code == 101
            assert client.protocol.subprotocol == "sip"

    run(story())


@pytest.mark.parametrize(
    ("origin", "status"),
    [("", 101), ("https://phone.example.com", 101), ("https://evil.example", 403), ("null", 403)],
)
def test_pages_need_an_origin_that_is_allowed(run: Story, origin: str, status: int) -> None:
    async def story() -> None:
        origins = Origins(["https://phone.example.com"])
        async with serving(origins=origins) as server, connected(server.address) as client:
            with capture_logs() as logs:
                assert (await client.shake(origin=origin)).status_code == status
            refusals = [line for line in logs if line["event"] == "websocket_refused"]
            assert [line["origin"] for line in refusals] == ([origin] if status == 403 else [])
            assert server.sockets.counters.websocket_origin_refused == (status == 403)

    run(story())


def test_refusals_do_not_fill_the_log(run: Story, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("offhook.runtime.complaints.BURST", 2)

    async def story() -> None:
        async with serving() as server:
            with capture_logs() as logs:
                for _ in range(5):
                    async with connected(server.address) as client:
                        assert (
                            await client.shake(origin="https://evil.example")
                        ).status_code == 403
            assert len(logs) == 2
            assert server.sockets.counters.websocket_origin_refused == 5

    run(story())


REFUSED = {
    "plain HTTP": (b"GET / HTTP/1.1\r\nHost: x\r\n\r\n", 426, "plain HTTP"),
    "a post": (HEAD.replace(b"GET", b"POST"), 405, "POST"),
    "HTTP 1.0": (HEAD.replace(b"HTTP/1.1", b"HTTP/1.0"), 505, "HTTP/1.0"),
    "SIP": (b"OPTIONS sip:x SIP/2.0\r\nVia: SIP/2.0/TCP x\r\n\r\n", 400, "not an HTTP request"),
    "an old version": (HEAD.replace(b"Version: 13", b"Version: 8"), 400, "Version"),
    "no key": (HEAD.replace(b"-Key", b"-Kex"), 400, "Key"),
    "two origins": (HEAD.replace(b"Host", b"Origin: a\r\nOrigin: b\r\nHost"), 400, "Origin"),
    "a TLS hello": (b"\x16\x03\x01\x02\x00\x01", 400, "not an HTTP request"),
    "a frame too soon": (HEAD + b"\x81\x82\0\0\0\0hi", 400, "data behind"),
    "a long line": (b"GET /" + b"a" * 9000 + b" HTTP/1.1\r\n\r\n", 414, "too large"),
    "many lines": (b"GET / HTTP/1.1\r\n" + b"a: b\r\n" * 200 + b"\r\n", 431, "too large"),
    "an endless head": (b"GET / HTTP/1.1\r\n" + b"a: bcdefgh\r\n" * 3000, 431, "too large"),
    "a large head": (b"GET / HTTP/1.1\r\n" + b"a: bcdefgh\r\n" * 3000 + b"\r\n", 431, "too large"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_who_is_no_websocket_client_hears_why(run: Story, name: str) -> None:
    data, status, reason = REFUSED[name]

    async def story() -> None:
        async with serving() as server, joined(server) as (good, flow):
            async with connected(server.address) as client:
                with capture_logs() as logs:
                    client.write(data)
                    answer = await client.everything()
                assert answer.startswith(b"HTTP/1.1 %d " % status), answer
                assert b"\r\nConnection: close\r\n" in answer
                (line,) = logs
                assert line["event"] == "websocket_refused"
                assert line["source"] == "127.0.0.1"
                assert reason in line["reason"]
            assert server.sockets.counters.websocket_handshake_refused == 1
            good.send(Opcode.TEXT, b"still here")
            await server.sink.until(lambda: server.sink.received == [(flow, b"still here")])

    run(story())


def test_half_a_handshake_times_out_alone(run: Story) -> None:
    async def story() -> None:
        limits = Limits(handshake_deadline=0.1, connections_per_host=2)
        async with serving(limits) as server, joined(server) as (good, flow):
            for _ in range(2):  # what was counted has been given back
                async with connected(server.address) as client:
                    client.write(HEAD[:20])
                    assert (await client.everything()).startswith(b"HTTP/1.1 408 ")
            assert server.sockets.counters.websocket_handshake_timeouts == 2
            assert server.sockets.counters.connections_refused == 0
            good.send(Opcode.TEXT, b"still here")
            await server.sink.until(lambda: server.sink.received == [(flow, b"still here")])

    run(story())


def test_half_a_handshake_over_tls_times_out_too(run: Story, certificate: Certificate) -> None:
    async def story() -> None:
        files = TlsFiles(str(certificate.certificate), str(certificate.key))
        context = ssl.create_default_context(cafile=str(certificate.authority))
        async with (
            serving(Limits(handshake_deadline=0.2), tls=files) as server,
            connected(server.address, context=context) as client,
        ):
            assert (await client.everything()).startswith(b"HTTP/1.1 408 ")

    run(story())


def test_who_leaves_during_the_handshake_is_forgotten(run: Story) -> None:
    async def story() -> None:
        async with serving(Limits(connections_per_host=1)) as server:
            async with connected(server.address) as client:
                client.write(HEAD[:20])
            for _ in range(100):  # until the end of the first has been seen
                async with connected(server.address) as client:
                    client.write(HEAD)
                    if await client.event() is not None:
                        break
            assert len(server.sink.accepted) == 1

    run(story())


def test_nobody_is_connected_to(run: Story) -> None:
    async def story() -> None:
        async with network() as (sockets, sink):
            await sockets.listen(listener("WS"))
            request = Open(1, "internal", "WS", ("127.0.0.1", 9))
            assert "connect to us" in await refused(sockets, sink, request)

    run(story())
