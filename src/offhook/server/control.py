"""The control socket: a Unix socket (mode 0600) that `offhook ctl` talks to.

One line of JSON asks, one line of JSON answers:

    {"noun": "log-level", "words": ["debug"]}
    {"ok": true, "result": "debug"}      or      {"ok": false, "error": "one actionable line"}

Nouns and verbs are registered by name. The first word is the verb if the noun has one of that name,
else all words are arguments of the noun's nameless verb. The asking side is `control_client`.
"""

from __future__ import annotations

import asyncio
import json
import os
import socket
import stat
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from inspect import isawaitable
from pathlib import Path
from typing import TypeAlias

import structlog

from offhook.errors import OffhookError, StartError, UsageError
from offhook.server.json_value import Json

__all__ = ["Control", "Handler"]

Handler: TypeAlias = "Callable[[Sequence[str]], Json | Awaitable[Json]]"

LONGEST_QUESTION = 64 * 1024  # bytes of one line; a question is a few words
MOST_CONNECTIONS = 32  # operators and scripts at once; more than that is a script gone wild
IDLE_SECONDS = 60.0  # a connection that asks nothing is closed
ANSWER_SECONDS = 30.0  # for the handler, and again for a reader that does not read
PROBE_SECONDS = 1.0
SLICE = 200  # elements of a long list that are encoded before the event loop gets a turn
MODE = 0o600

log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class _Verb:
    function: Handler
    usage: str  # argument names, as in "AOR"
    help: str


class Control:
    """The server's side. Register the nouns, then `start`; `stop` removes the socket file."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._nouns: dict[str, dict[str, _Verb]] = {}
        self._server: asyncio.Server | None = None
        self._inode = 0
        self._connections: set[asyncio.StreamWriter] = set()
        self.register("help", "", self._help, help="the nouns of this server")

    def register(
        self, noun: str, verb: str, function: Handler, *, usage: str = "", help: str = ""
    ) -> None:
        """Let `function` answer `noun verb`; it gets the words behind them.

        It may be a coroutine function; ANSWER_SECONDS is its deadline. OffhookErrors that it raises
        are told to the asker as one line. A verb without `help` is not listed.
        """
        self._nouns.setdefault(noun, {})[verb] = _Verb(function, usage, help)

    async def start(self) -> None:
        """Open the socket. Raises StartError if another server has it or it cannot be made."""
        bound = _bind(self._path)
        self._inode = self._path.stat().st_ino
        self._server = await asyncio.start_unix_server(
            self._serve, sock=bound, limit=LONGEST_QUESTION
        )

    async def stop(self) -> None:
        """Close the socket and its connections, and remove the file if it is still ours."""
        if self._server is None:
            return
        self._server.close()
        for writer in list(self._connections):
            writer.transport.abort()
        self._server = None
        try:
            if self._path.stat().st_ino == self._inode:
                self._path.unlink()
        except FileNotFoundError:
            pass

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if len(self._connections) >= MOST_CONNECTIONS:
            writer.transport.abort()
            return
        self._connections.add(writer)
        try:
            while await self._exchange(reader, writer):
                pass
        except (OSError, TimeoutError):
            writer.transport.abort()  # the asker went away, or stopped reading
        except asyncio.IncompleteReadError:
            pass  # it has asked all
        except asyncio.LimitOverrunError:
            log.warning("control_question_too_long", limit=LONGEST_QUESTION)
        finally:
            self._connections.discard(writer)
            writer.close()

    async def _exchange(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bool:
        """Answer one line; False at the end of the connection."""
        async with asyncio.timeout(IDLE_SECONDS):
            line = await reader.readuntil(b"\n")
        answer = await self._answer(line)
        async with asyncio.timeout(ANSWER_SECONDS):
            async for part in _encode(answer):
                writer.write(part)
                await writer.drain()
        return True

    async def _answer(self, line: bytes) -> Mapping[str, Json]:
        try:
            noun, words = _question(line)
            function, arguments = self._find(noun, words)
            result = function(arguments)
            if isawaitable(result):
                async with asyncio.timeout(ANSWER_SECONDS):
                    result = await result
        except TimeoutError:
            return {"ok": False, "error": f"no answer within {ANSWER_SECONDS:.0f} s"}
        except OffhookError as error:
            return {"ok": False, "error": str(error)}
        except Exception as error:  # a fault of ours must not take the socket down
            log.exception("control_failed", line=line[:200])
            return {"ok": False, "error": f"internal error: {error!r}; see the server's log"}
        return {"ok": True, "result": result}

    def _find(self, noun: str, words: Sequence[str]) -> tuple[Handler, Sequence[str]]:
        verbs = self._nouns.get(noun)
        if verbs is None:
            raise UsageError(f'there is no "{noun}"; there are: {", ".join(sorted(self._nouns))}')
        if words and words[0] in verbs and words[0]:
            return verbs[words[0]].function, words[1:]
        if "" not in verbs:
            raise UsageError(f"say what: {', '.join(f'{noun} {verb}' for verb in sorted(verbs))}")
        return verbs[""].function, words

    def _help(self, _words: Sequence[str]) -> Json:
        return [
            {"noun": " ".join(filter(None, (noun, verb, entry.usage))), "does": entry.help}
            for noun, verbs in sorted(self._nouns.items())
            for verb, entry in sorted(verbs.items())
            if entry.help
        ]


def _question(line: bytes) -> tuple[str, list[str]]:
    try:
        question = json.loads(line)
    except (ValueError, RecursionError):
        raise UsageError("the question is not one line of JSON") from None
    noun = question.get("noun") if isinstance(question, dict) else None
    words = question.get("words", []) if isinstance(question, dict) else None
    if not isinstance(noun, str) or not isinstance(words, list):
        raise UsageError('the question must be {"noun": "...", "words": [...]}')
    if not all(isinstance(word, str) for word in words):
        raise UsageError("all words must be texts")
    return noun, words


async def _encode(answer: Mapping[str, Json]) -> AsyncIterator[bytes]:
    """The answer as JSON; between the slices of a long list the event loop gets its turn."""
    result = answer.get("result")
    if not isinstance(result, list) or len(result) <= SLICE:
        yield json.dumps(answer).encode() + b"\n"
        return
    yield b'{"ok": true, "result": ['
    for start in range(0, len(result), SLICE):
        part = json.dumps(result[start : start + SLICE])[1:-1]
        yield (", " if start else "").encode() + part.encode()
        await asyncio.sleep(0)
    yield b"]}\n"


def _bind(path: Path) -> socket.socket:
    """A listening socket that only we can open from its first moment on."""
    _remove_stale(path)
    bound = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    before = os.umask(0o777 & ~MODE)
    try:
        bound.bind(str(path))
        bound.listen(MOST_CONNECTIONS)
    except OSError as error:
        bound.close()
        reason = error.strerror or str(error)
        raise StartError(f"admin.socket: cannot listen on {path}: {reason}") from None
    finally:
        os.umask(before)
    bound.setblocking(False)
    return bound


def _remove_stale(path: Path) -> None:
    """Remove the socket file that a dead server left. Raises StartError if it is in use."""
    try:
        is_socket = stat.S_ISSOCK(path.lstat().st_mode)
    except OSError:
        return  # nothing there, or bind tells why not
    if not is_socket:
        raise StartError(f"admin.socket: {path} is a file but no socket; choose another path")
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as probe:
        probe.settimeout(PROBE_SECONDS)
        try:
            probe.connect(str(path))
        except (ConnectionRefusedError, FileNotFoundError):
            path.unlink(missing_ok=True)
            return
        except OSError as error:
            raise StartError(f"admin.socket: cannot use {path}: {error}") from None
    raise StartError(
        f"admin.socket: another offhook serves on {path}; end it, or set another admin.socket"
    )
