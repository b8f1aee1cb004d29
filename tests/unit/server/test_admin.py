"""The admin listener, request octets in and response octets out."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Mapping
from contextlib import suppress
from http import HTTPStatus

import pytest
import pytest_asyncio

from offhook.errors import StartError
from offhook.server import admin as module
from offhook.server.admin import Admin, Health, Reply, health_page, live_page
from offhook.server.json_value import Json
from offhook.transport import Address

STATE: dict[str, Json] = {"status": "ok", "uptime": 1.5}


async def healthy() -> Mapping[str, Json]:
    return STATE


def admin_with(health: Health) -> Admin:
    pages = {"/health": health_page(health), "/live": live_page, "/numbers": numbers}
    return Admin(("127.0.0.1", 0), pages)


async def numbers() -> Reply:
    return Reply(HTTPStatus.OK, b"one 1\n", "text/plain")


@pytest_asyncio.fixture
async def address() -> AsyncIterator[Address]:
    admin = admin_with(healthy)
    yield await admin.start()
    await admin.stop()


async def get(address: Address, octets: bytes) -> tuple[bytes, bytes]:
    """Head and body of the response."""
    reader, writer = await asyncio.open_connection(*address)
    writer.write(octets)
    data = await reader.read()
    writer.close()
    with suppress(ConnectionError):
        await writer.wait_closed()
    head, _, body = data.partition(b"\r\n\r\n")
    return head, body


async def test_health_is_json(address: Address) -> None:
    head, body = await get(address, b"GET /health HTTP/1.1\r\nHost: x\r\n\r\n")
    assert head.startswith(b"HTTP/1.1 200 OK\r\n")
    assert b"\r\nContent-Type: application/json\r\n" in head
    assert b"\r\nConnection: close" in head
    assert f"\r\nContent-Length: {len(body)}\r\n".encode() in head
    assert json.loads(body) == STATE


async def test_head_has_no_body(address: Address) -> None:
    head, body = await get(address, b"HEAD /health?x=1 HTTP/1.0\r\n\r\n")
    assert head.startswith(b"HTTP/1.1 200 OK\r\n")
    assert body == b""


async def test_every_page_has_its_own_type(address: Address) -> None:
    head, body = await get(address, b"GET /numbers HTTP/1.1\r\n\r\n")
    assert head.startswith(b"HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\n")
    assert body == b"one 1\n"


async def test_another_path_is_told_what_there_is(address: Address) -> None:
    head, body = await get(address, b"GET /metric HTTP/1.1\r\n\r\n")
    assert head.startswith(b"HTTP/1.1 404")
    assert json.loads(body) == {"error": "there is /health, /live, /numbers"}


@pytest.mark.parametrize(
    ("octets", "status"),
    [
        (b"GET / HTTP/1.1\r\n\r\n", b"404"),
        (b"GET /healthz HTTP/1.1\r\n\r\n", b"404"),
        (b"POST /health HTTP/1.1\r\nContent-Length: 0\r\n\r\n", b"405"),
        (b"GET /health\r\n\r\n", b"400"),
        (b"GET  /health HTTP/1.1\r\n\r\n", b"400"),
        (b"OPTIONS sip:a@b SIP/2.0\r\n\r\n", b"400"),
        (b"\x16\x03\x01\r\n\r\n", b"400"),
        (b"\r\n\r\n", b"400"),
        (b"GET /health HTTP/1.1\r\nX: " + b"x" * 9000 + b"\r\n\r\n", b"431"),
    ],
)
async def test_other_requests_are_refused(address: Address, octets: bytes, status: bytes) -> None:
    head, _ = await get(address, octets)
    assert head.startswith(b"HTTP/1.1 " + status)


async def test_a_client_that_leaves_costs_nothing(address: Address) -> None:
    _, writer = await asyncio.open_connection(*address)
    writer.write(b"GET /hea")
    writer.close()
    assert (await get(address, b"GET /health HTTP/1.1\r\n\r\n"))[0].startswith(b"HTTP/1.1 200")


@pytest.mark.parametrize("status", ["draining", "failed"])
async def test_anything_but_ok_is_503(status: str) -> None:
    async def health() -> Mapping[str, Json]:
        return {"status": status}

    admin = admin_with(health)
    address = await admin.start()
    head, body = await get(address, b"GET /health HTTP/1.1\r\n\r\n")
    live, _ = await get(address, b"GET /live HTTP/1.1\r\n\r\n")
    await admin.stop()
    assert head.startswith(b"HTTP/1.1 503 Service Unavailable\r\n")
    assert json.loads(body) == {"status": status}
    assert live.startswith(b"HTTP/1.1 200")  # a restart would not help


async def test_a_health_that_hangs_is_503(monkeypatch: pytest.MonkeyPatch) -> None:
    async def health() -> Mapping[str, Json]:
        return await asyncio.Event().wait() and {}

    monkeypatch.setattr(module, "HEALTH_SECONDS", 0.0)
    admin = admin_with(health)
    head, body = await get(await admin.start(), b"GET /health HTTP/1.1\r\n\r\n")
    await admin.stop()
    assert head.startswith(b"HTTP/1.1 503")
    assert json.loads(body)["status"] == "failed"


async def test_a_fault_of_ours_closes_that_connection_alone() -> None:
    async def health() -> Mapping[str, Json]:
        if not calls:
            calls.append(1)
            raise ZeroDivisionError
        return STATE

    calls: list[int] = []
    admin = admin_with(health)
    address = await admin.start()
    assert await get(address, b"GET /health HTTP/1.1\r\n\r\n") == (b"", b"")
    assert (await get(address, b"GET /health HTTP/1.1\r\n\r\n"))[0].startswith(b"HTTP/1.1 200")
    await admin.stop()
    await admin.stop()


async def test_a_slow_client_is_closed(address: Address, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "READ_SECONDS", 0.0)
    assert await get(address, b"GET /heal") == (b"", b"")


async def test_a_client_that_does_not_read_is_cut_off(monkeypatch: pytest.MonkeyPatch) -> None:
    async def huge() -> Reply:
        return Reply(HTTPStatus.OK, bytes(20_000_000), "text/plain")

    monkeypatch.setattr(module, "WRITE_SECONDS", 0.05)
    admin = Admin(("127.0.0.1", 0), {"/huge": huge})
    reader, writer = await asyncio.open_connection(*await admin.start(), limit=1024)
    writer.write(b"GET /huge HTTP/1.1\r\n\r\n")
    await asyncio.sleep(0.3)
    got = 0
    with suppress(ConnectionError):
        while data := await reader.read(1_000_000):
            got += len(data)
    assert got < 20_000_000
    writer.close()
    with suppress(ConnectionError):
        await writer.wait_closed()
    await admin.stop()


async def test_connections_are_limited(address: Address, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "MOST_CONNECTIONS", 0)
    with suppress(ConnectionError):
        assert await get(address, b"GET /health HTTP/1.1\r\n\r\n") == (b"", b"")


async def test_a_taken_port_is_one_line(address: Address) -> None:
    with pytest.raises(StartError, match=r"admin\.listen: cannot listen on 127\.0\.0\.1:\d+"):
        await Admin(address, {}).start()
