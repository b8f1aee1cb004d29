"""A WebSocket client whose every byte a test may choose."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from websockets.client import ClientProtocol
from websockets.frames import Close, Frame, Opcode
from websockets.http11 import Response
from websockets.typing import Origin, Subprotocol
from websockets.uri import parse_uri

from offhook.transport.flow import Address
from tests.unit.runtime.loopback import PATIENCE

__all__ = ["HEAD", "WebClient", "connected"]

HEAD = (
    b"GET / HTTP/1.1\r\nHost: sip.example.com\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
    b"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n"
    b"Sec-WebSocket-Protocol: sip\r\n\r\n"
)


class WebClient:
    """One client. `protocol` writes and reads frames; `write` sends whatever else."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader = reader
        self._writer = writer
        self.protocol = ClientProtocol(parse_uri("ws://sip.example.com/"), max_size=None)

    async def shake(
        self, *, origin: str = "", subprotocols: tuple[str, ...] = ("sip",)
    ) -> Response:
        """Send a handshake: the answer."""
        uri = parse_uri("ws://sip.example.com/")
        named = [Subprotocol(name) for name in subprotocols] or None
        self.protocol = ClientProtocol(
            uri, origin=Origin(origin) if origin else None, subprotocols=named, max_size=None
        )
        self.protocol.send_request(self.protocol.connect())
        self.flush()
        answer = await self.event()
        assert isinstance(answer, Response), answer
        return answer

    def write(self, data: bytes) -> None:
        """Send octets."""
        self._writer.write(data)

    def flush(self) -> None:
        """Send what the protocol has written."""
        for data in self.protocol.data_to_send():
            if data:
                self.write(data)

    def send(self, opcode: Opcode, data: bytes, *, fin: bool = True) -> None:
        """Send one frame."""
        frame = Frame(opcode, data, fin)
        self.write(frame.serialize(mask=True, extensions=[]))

    async def event(self) -> object:
        """The next frame or response; None at the end."""
        async with asyncio.timeout(PATIENCE):
            while not (events := self.protocol.events_received()):
                data = await self._reader.read(65_536)
                if not data:
                    return None
                self.protocol.receive_data(data)
        self.protocol.events = events[1:]
        return events[0]

    async def frame(self) -> tuple[Opcode, bytes]:
        """The next frame."""
        found = await self.event()
        assert isinstance(found, Frame), found
        return found.opcode, bytes(found.data)

    async def closed(self) -> Close:
        """The close frame that comes next."""
        opcode, data = await self.frame()
        assert opcode is Opcode.CLOSE, (opcode, data)
        return Close.parse(data)

    async def everything(self) -> bytes:
        """All octets until the end of the connection."""
        async with asyncio.timeout(PATIENCE):
            return await self._reader.read()

    async def stop(self) -> None:
        """Close the socket without a word."""
        self._writer.transport.abort()


@asynccontextmanager
async def connected(
    address: Address, *, context: ssl.SSLContext | None = None
) -> AsyncIterator[WebClient]:
    """A client whose connection stands, without a handshake."""
    name = "sip.example.com" if context else None
    reader, writer = await asyncio.open_connection(*address, ssl=context, server_hostname=name)
    client = WebClient(reader, writer)
    try:
        yield client
    finally:
        await client.stop()
