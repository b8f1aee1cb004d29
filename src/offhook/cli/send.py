"""`offhook send FILE URI`: one raw request, octet for octet, and everything that comes back.

Nothing is added, corrected or sent again: the file is the message. Responses reach us if its Via
asks for the source port (`rport`) or names the address of `--local`.
"""

from __future__ import annotations

import asyncio
import json as json_format
import re
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Annotated

import typer

from offhook.cli.link import Arrival, Link, NoAnswerError
from offhook.cli.options import Authority, ConfigFile, Json, Transport, configuration
from offhook.cli.requests import parse_target, with_transport
from offhook.cli.tool_network import means, real_link
from offhook.errors import MessageError, UsageError
from offhook.message import Uri, parse
from offhook.server.listen import parse_address

__all__ = ["attach", "send_raw", "with_crlf"]

LARGEST_FILE = 1024 * 1024  # bytes; more than any SIP message may have

_CONTROL = re.compile(r"[^\n\t\x20-\x7e\xa0-\U0010ffff]")


def attach(application: typer.Typer) -> None:
    """Add the command."""
    application.command("send")(send)


def send(
    file: Annotated[Path, typer.Argument(help="The message; - is standard input.")],
    uri: Annotated[str, typer.Argument(help="Where to, as in sip:192.0.2.10;transport=tcp.")],
    *,
    crlf: Annotated[
        bool, typer.Option("--crlf", help="End each line of the head with CRLF first.")
    ] = False,
    timeout: Annotated[float, typer.Option(min=0.1, help="Seconds to wait.")] = 5.0,
    local: Annotated[
        str | None, typer.Option(metavar="HOST:PORT", help="The UDP address to send from.")
    ] = None,
    transport: Transport = None,
    ca: Authority = None,
    config: ConfigFile = None,
    json: Json = False,
) -> None:
    """Send one raw request and print what comes back.

    It ends with a final response (exit code 0) or when the time is over.
    """
    data = with_crlf(_read(file)) if crlf else _read(file)
    target = with_transport(parse_target(uri), transport)
    try:
        address = parse_address(local) if local else None
    except ValueError as error:
        raise UsageError(f"--local: {error}") from None
    reach = means(configuration(config), ca)

    async def run() -> bool:
        async with real_link(reach, local=address) as link:
            return await send_raw(link, target, data, patience=timeout, tell=_teller(json))

    if not asyncio.run(run()):
        raise NoAnswerError(f"no final response within {timeout:g} s")


async def send_raw(
    link: Link, target: Uri, data: bytes, *, patience: float, tell: Callable[[Arrival, float], None]
) -> bool:
    """Send and `tell` of each message with the seconds since; True if a final response came.

    Raises NoAnswerError if there is no way or it is lost.
    """
    flow = await link.connect(target)
    started = link.now()
    link.send(flow, data)
    while (arrival := await link.next_arrival(started + patience)) is not None:
        if arrival.lost:
            raise NoAnswerError(arrival.lost)
        tell(arrival, arrival.at - started)
        if _is_final(arrival.data):
            return True
    return False


def with_crlf(data: bytes) -> bytes:
    """The message with CRLF at the end of each line of its head; the body is left alone."""
    match = re.search(rb"\r?\n\r?\n", data)
    head, body = (data[: match.start()], data[match.end() :]) if match else (data, b"")
    lines = head.replace(b"\r\n", b"\n").rstrip(b"\n").replace(b"\n", b"\r\n")
    return lines + b"\r\n\r\n" + body


def _read(file: Path) -> bytes:
    try:
        if str(file) == "-":
            data = sys.stdin.buffer.read(LARGEST_FILE + 1)
        else:
            with file.open("rb") as opened:
                data = opened.read(LARGEST_FILE + 1)
    except OSError as error:
        raise UsageError(f"cannot read {file}: {error.strerror or error}") from None
    if not data or len(data) > LARGEST_FILE:
        raise UsageError(f"{file} must hold 1 to {LARGEST_FILE} bytes")
    return data


def _is_final(data: bytes) -> bool:
    try:
        return parse(data).status >= 200
    except MessageError:
        return False


def _teller(as_json: bool) -> Callable[[Arrival, float], None]:
    def tell(arrival: Arrival, seconds: float) -> None:
        text = arrival.data.decode("utf-8", "replace")
        if as_json:
            document = {"after_ms": round(seconds * 1000, 3), "message": text}
            print(json_format.dumps(document), flush=True)
        else:
            print(f"--- after {seconds * 1000:.1f} ms")
            print(_CONTROL.sub("?", text.replace("\r\n", "\n")), flush=True)

    return tell
