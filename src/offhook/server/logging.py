"""The log: JSON lines on standard error, readable lines on a terminal; the level can change.

Every event is a name with key=value pairs; modules of ring 3 (and ring 2) get their logger by
`structlog.get_logger()`, and what a task binds with `structlog.contextvars` (the Call-ID) is on
each of its lines. Credentials are taken out here, whatever a caller hands in. Records of the
standard library's logging (asyncio, libraries) join the same stream.
"""

from __future__ import annotations

import logging
import re
import sys
from collections.abc import Mapping, Sequence
from typing import TextIO

import structlog
from structlog.typing import EventDict, Processor, WrappedLogger

from offhook.errors import UsageError

__all__ = ["LEVELS", "REDACTED", "Log", "redact"]

LEVELS = {"debug": 10, "info": 20, "warning": 30, "error": 40}
METHOD_LEVELS = {**LEVELS, "warn": 30, "exception": 40, "critical": 50, "fatal": 50}
REDACTED = "[redacted]"
DEEPEST = 6  # levels of nested values that are looked at; deeper ones are dropped, not shown

_SECRET_KEY = re.compile(
    r"authorization|authenticate$|authentication_info|password|passwd|secret|ha1|nonce|token"
    r"|credential|private_key|cookie|^key$",
)
_SECRET_LINE = re.compile(
    r"^((?:proxy-)?authorization|(?:www|proxy)-authenticate|authentication-info)(\s*:)[^\r\n]*"
    r"(?:\r?\n[ \t][^\r\n]*)*",
    re.IGNORECASE | re.MULTILINE,
)
_SECRET_PARAMETER = re.compile(
    r"\b(nonce|cnonce|nextnonce|response|password|opaque|rspauth)(\s*=\s*)(\"[^\"]*\"|[^\s,;\"]+)",
    re.IGNORECASE,
)
_SECRET_MEDIA_KEY = re.compile(r"(a=crypto:\d+ \S+ inline:)\S+", re.IGNORECASE)


class Log:
    """The process' log. Making one sets up structlog and the standard library's logging."""

    def __init__(self, level: str, stream: TextIO | None = None) -> None:
        self._level = level
        self._threshold = LEVELS[level]
        self._stream = stream or sys.stderr
        structlog.configure(
            processors=self._processors(),
            logger_factory=structlog.WriteLoggerFactory(self._stream),
            wrapper_class=structlog.BoundLogger,
            cache_logger_on_first_use=False,
        )
        self._forward_standard_library()

    @property
    def level(self) -> str:
        """The lowest level that is written: a key of LEVELS."""
        return self._level

    def set_level(self, level: str) -> None:
        """Change the level at once, for all loggers. Raises UsageError for a name that is none."""
        if level not in LEVELS:
            raise UsageError(f'"{level}" is not a log level; use {", ".join(LEVELS)}')
        self._level = level
        self._threshold = LEVELS[level]
        logging.getLogger().setLevel(max(self._threshold, logging.INFO))

    def _processors(self) -> list[Processor]:
        terminal = self._stream.isatty()
        renderer: Processor = structlog.processors.JSONRenderer(ensure_ascii=False)
        if terminal:
            renderer = structlog.dev.ConsoleRenderer(
                exception_formatter=structlog.dev.plain_traceback
            )
        chain: list[Processor] = [
            self._drop_below,
            structlog.contextvars.merge_contextvars,
            structlog.processors.add_log_level,
            structlog.dev.set_exc_info,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
        ]
        if not terminal:
            chain.append(structlog.processors.format_exc_info)
        return [*chain, redact, renderer]

    def _drop_below(self, _logger: WrappedLogger, method: str, event: EventDict) -> EventDict:
        if METHOD_LEVELS.get(method, 50) < self._threshold:
            raise structlog.DropEvent
        return event

    def _forward_standard_library(self) -> None:
        root = logging.getLogger()
        root.handlers[:] = [_Forward()]
        root.setLevel(max(self._threshold, logging.INFO))
        logging.captureWarnings(True)


class _Forward(logging.Handler):
    """Hands records of the standard library's logging to structlog."""

    def emit(self, record: logging.LogRecord) -> None:
        names = {10: "debug", 20: "info", 30: "warning"}
        logger = structlog.get_logger()
        write = getattr(logger, names.get(record.levelno, "error"))
        write("log", logger=record.name, message=record.getMessage(), exc_info=record.exc_info)


def redact(_logger: WrappedLogger, _method: str, event: EventDict) -> EventDict:
    """Replace credentials: values of secret keys, and secret lines and parameters inside texts."""
    return {str(key): _clean(str(key), value, DEEPEST) for key, value in event.items()}


def _clean(key: str, value: object, depth: int) -> object:
    if _SECRET_KEY.search(key.lower().replace("-", "_")):
        return REDACTED
    if value is None or isinstance(value, bool | int | float):
        return value
    if isinstance(value, bytes | bytearray | memoryview):
        return _clean_text(bytes(value).decode("utf-8", "backslashreplace"))
    if isinstance(value, str):
        return _clean_text(value)
    if depth == 0:
        return "..."
    if isinstance(value, Mapping):
        return {str(k): _clean(str(k), v, depth - 1) for k, v in value.items()}
    if isinstance(value, Sequence | set | frozenset):
        return [_clean("", item, depth - 1) for item in value]
    return _clean_text(str(value))


def _clean_text(text: str) -> str:
    text = text.encode("utf-8", "backslashreplace").decode("utf-8")  # bytes of a peer: surrogates
    if "auth" in text.lower():
        text = _SECRET_LINE.sub(rf"\1\2 {REDACTED}", text)
    if "=" in text:
        text = _SECRET_PARAMETER.sub(rf"\1\2{REDACTED}", text)
        text = _SECRET_MEDIA_KEY.sub(rf"\1{REDACTED}", text)
    return text
