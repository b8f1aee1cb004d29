"""The asking side of the control socket: one question, one answer, plain blocking sockets.

It imports neither asyncio nor the server, so that `offhook ctl` answers at once.
"""

from __future__ import annotations

import json
import socket
from collections.abc import Sequence
from pathlib import Path

from offhook.errors import OffhookError
from offhook.server.json_value import Json

__all__ = ["ControlError", "ask"]

LONGEST_ANSWER = 512 * 1024 * 1024  # bytes; a million bindings are about 300 MB
PIECE = 256 * 1024


class ControlError(OffhookError):
    """No server, or it refused; the text is one actionable line."""


def ask(path: Path, noun: str, words: Sequence[str] = (), *, timeout: float = 35.0) -> Json:
    """The server's answer to `noun` and `words`. Raises ControlError. `timeout` is in seconds."""
    question = json.dumps({"noun": noun, "words": list(words)}).encode() + b"\n"
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as connection:
        connection.settimeout(timeout)
        try:
            connection.connect(str(path))
            connection.sendall(question)
            line = _read_line(connection)
        except (FileNotFoundError, ConnectionRefusedError):
            raise ControlError(
                f"no server answers on {path}; start one, or name its configuration with --config"
            ) from None
        except PermissionError:
            raise ControlError(f"{path} belongs to another user; ask as that user") from None
        except TimeoutError:
            raise ControlError(
                f"the server on {path} did not answer within {timeout:g} s"
            ) from None
        except OSError as error:
            raise ControlError(f"{path}: {error.strerror or error}") from None
    return _result(path, line)


def _read_line(connection: socket.socket) -> bytes:
    pieces = bytearray()
    while not pieces.endswith(b"\n") and len(pieces) <= LONGEST_ANSWER:
        piece = connection.recv(PIECE)
        if not piece:
            break
        pieces += piece
    return bytes(pieces)


def _result(path: Path, line: bytes) -> Json:
    try:
        answer = json.loads(line)
    except ValueError:
        raise ControlError(f"the server on {path} closed the connection or sent no JSON") from None
    if not isinstance(answer, dict) or not answer.get("ok"):
        text = answer.get("error") if isinstance(answer, dict) else None
        raise ControlError(str(text or "the server refused without a reason"))
    result: Json = answer.get("result")
    return result
