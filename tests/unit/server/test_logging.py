"""The log: its lines, its level, and what never gets into it."""

from __future__ import annotations

import io
import json
import logging

import pytest
import structlog

from offhook.errors import UsageError
from offhook.server.logging import REDACTED, Log, redact


class Terminal(io.StringIO):
    """A stream that says it is a terminal."""

    def isatty(self) -> bool:
        return True


pytestmark = pytest.mark.usefixtures("logging_put_back")


@pytest.fixture
def stream() -> io.StringIO:
    """Where the log goes."""
    return io.StringIO()


def lines(stream: io.StringIO) -> list[dict[str, object]]:
    return [json.loads(line) for line in stream.getvalue().split("\n") if line]


def test_an_event_is_one_line_of_json(stream: io.StringIO) -> None:
    Log("info", stream)
    structlog.get_logger().info("call_failed", call_id="a@b", status=486, text="é\n\x1b")
    (line,) = lines(stream)
    assert line.pop("timestamp")
    assert line == {
        "event": "call_failed",
        "level": "info",
        "call_id": "a@b",
        "status": 486,
        "text": "é\n\x1b",
    }
    assert stream.getvalue().count("\n") == 1


def test_loggers_made_before_follow_the_level(stream: io.StringIO) -> None:
    logger = structlog.get_logger()
    log = Log("warning", stream)
    logger.info("quiet")
    log.set_level("debug")
    assert log.level == "debug"
    logger.debug("loud")
    log.set_level("error")
    logger.warning("quiet again")
    assert [line["event"] for line in lines(stream)] == ["loud"]


def test_a_level_that_is_none_changes_nothing(stream: io.StringIO) -> None:
    log = Log("info", stream)
    with pytest.raises(UsageError, match="use debug, info, warning, error"):
        log.set_level("loud")
    assert log.level == "info"


def test_what_a_task_binds_is_on_its_lines(stream: io.StringIO) -> None:
    Log("info", stream)
    with structlog.contextvars.bound_contextvars(call_id="x@y"):
        structlog.get_logger().info("ringing")
    assert lines(stream)[0]["call_id"] == "x@y"


def test_an_exception_keeps_to_its_line(stream: io.StringIO) -> None:
    Log("info", stream)
    try:
        raise ValueError("broken")
    except ValueError:
        structlog.get_logger().exception("failed")
    (line,) = lines(stream)
    assert "ValueError: broken" in str(line["exception"])
    assert line["level"] == "error"


def test_a_terminal_gets_readable_lines() -> None:
    terminal = Terminal()
    Log("info", terminal)
    structlog.get_logger().info("ready", password="x")
    assert "ready" in terminal.getvalue()
    assert REDACTED in terminal.getvalue()


def test_the_standard_library_joins(stream: io.StringIO) -> None:
    Log("info", stream)
    logging.getLogger("asyncio").warning("slow: %s", "callback")
    logging.getLogger("asyncio").info("hello")
    logging.getLogger("asyncio").debug("nothing")
    first, second = lines(stream)
    assert (first["event"], first["logger"], first["message"]) == (
        "log",
        "asyncio",
        "slow: callback",
    )
    assert (first["level"], second["level"]) == ("warning", "info")


@pytest.mark.parametrize(
    "key",
    [
        "password",
        "Authorization",
        "proxy_authorization",
        "Proxy-Authorization",
        "www_authenticate",
        "ha1",
        "ha1_md5",
        "nonce",
        "cnonce",
        "secret",
        "route_token",
        "password_file_content",
        "key",
    ],
)
def test_secret_keys_are_taken_out(key: str) -> None:
    assert redact(None, "info", {key: "hunter2"}) == {key: REDACTED}
    assert redact(None, "info", {"deep": [{key: "hunter2"}]}) == {"deep": [{key: REDACTED}]}


MESSAGE = (
    "REGISTER sip:a SIP/2.0\r\n"
    'AuthoriZation: Digest username="alice",\r\n realm="a", response="hunter2"\r\n'
    "CSeq: 1 REGISTER\r\n"
    'WWW-Authenticate : Digest nonce="hunter2"\r\n'
    "Call-ID: x\r\n\r\n"
    "a=crypto:1 AES_CM_128_HMAC_SHA1_80 inline:hunter2hunter2\r\n"
)


@pytest.mark.parametrize("message", [MESSAGE, MESSAGE.encode(), bytearray(MESSAGE.encode())])
def test_secret_lines_of_a_message_are_taken_out(message: object) -> None:
    text = redact(None, "info", {"data": message})["data"]
    assert "hunter2" not in text
    assert "CSeq: 1 REGISTER" in text
    assert "Call-ID: x" in text


@pytest.mark.parametrize(
    "text",
    ['Digest nonce="hunter2", x=1', "response=hunter2", 'cnonce = "hunter2"', "password=hunter2"],
)
def test_secret_parameters_of_a_text_are_taken_out(text: str) -> None:
    assert "hunter2" not in redact(None, "info", {"event": text})["event"]


def test_any_value_can_be_logged(stream: io.StringIO) -> None:
    Log("info", stream)
    deep: list[object] = []
    deep.append(deep)
    event = {"n": None, "f": 1.5, "s": {1}, "e": ValueError("x"), "deep": deep, "u": "a\udcff"}
    structlog.get_logger().info("odd", **event)
    (line,) = lines(stream)
    assert (line["n"], line["f"], line["s"], line["e"]) == (None, 1.5, [1], "x")
    assert line["u"] == "a\\udcff"
