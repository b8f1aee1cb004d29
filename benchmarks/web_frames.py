"""The client's side of WebSocket, as small as a load generator needs it (RFC 6455 4.1, 5.2): an
opening handshake and text frames of up to 65,535 octets.

Frames are masked with a key of four zeros: the server has to unmask as ever, and the generator does
not spend the time that is being measured.
"""

from __future__ import annotations

__all__ = ["OPENING", "frame_text", "read_frames"]

OPENING = (
    b"GET / HTTP/1.1\r\nHost: 127.0.0.1\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
    b"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n"
    b"Sec-WebSocket-Protocol: sip\r\n\r\n"
)
TEXT, BINARY = 1, 2
_FINAL, _MASKED, _LONG = 0x80, 0x80, 126
_KEY = bytes(4)


def frame_text(message: bytes) -> bytes:
    """One masked text frame."""
    size = len(message)
    if size < _LONG:
        return bytes((_FINAL | TEXT, _MASKED | size)) + _KEY + message
    return bytes((_FINAL | TEXT, _MASKED | _LONG)) + size.to_bytes(2, "big") + _KEY + message


def read_frames(data: bytes) -> tuple[list[bytes], bytes]:
    """The messages in what a server sent, and the octets of the frame that is not whole yet.
    Control frames are left out; a server's frames are not masked."""
    found = []
    start = 0
    while len(data) - start >= 2:
        kind, size = data[start] & 0x0F, data[start + 1] & 0x7F
        head = start + 2
        if size == _LONG:
            if len(data) < head + 2:
                break
            size = int.from_bytes(data[head : head + 2], "big")
            head += 2
        if len(data) < head + size:
            break
        if kind in (TEXT, BINARY):
            found.append(data[head : head + size].removesuffix(b"\r\n\r\n"))
        start = head + size
    return found, data[start:]
