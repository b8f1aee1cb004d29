"""`offhook register URI`: bind this machine to an address-of-record (RFC 3261 10.2), once or for as
long as the command runs. While it runs, OPTIONS get 200 and calls 486."""

from __future__ import annotations

import asyncio
import json as json_format
import signal
from pathlib import Path
from typing import Annotated

import typer

from offhook.auth import DigestClient
from offhook.cli.link import Link, SilentServerError
from offhook.cli.options import Authority, ConfigFile, Json, Transport, configuration
from offhook.cli.passwords import password_from
from offhook.cli.printable import printable
from offhook.cli.registration import Registered, Registration
from offhook.cli.requests import parse_target, with_transport
from offhook.cli.tool_network import Means, means, real_link
from offhook.errors import UsageError
from offhook.message import Uri

__all__ = ["attach"]

LONGEST_LEASE = 2**32 - 1  # seconds; RFC 3261 20.19


def attach(application: typer.Typer) -> None:
    """Add the command."""
    application.command("register")(register)


def register(
    uri: Annotated[str, typer.Argument(help="The address-of-record, as in sip:alice@example.com.")],
    *,
    registrar: Annotated[
        str | None,
        typer.Option(metavar="URI", help="Where to send it (default: the domain of the URI)."),
    ] = None,
    username: Annotated[
        str | None, typer.Option(help="The user name for digest (default: that of the URI).")
    ] = None,
    password_stdin: Annotated[
        bool, typer.Option("--password-stdin", help="Read the password from standard input.")
    ] = False,
    password_file: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Read the password from a file.")
    ] = None,
    expires: Annotated[
        int, typer.Option(min=0, max=LONGEST_LEASE, help="Seconds; 0 removes the binding.")
    ] = 3600,
    keep: Annotated[
        bool, typer.Option("--keep", help="Refresh until interrupted, then remove the binding.")
    ] = False,
    timeout: Annotated[float, typer.Option(min=0.1, help="Seconds for each request.")] = 10.0,
    transport: Transport = None,
    ca: Authority = None,
    config: ConfigFile = None,
    json: Json = False,
) -> None:
    """Register a phone and tell what the registrar answers.

    Exit code 0: it said 2xx.
    """
    target = parse_target(uri)
    if not target.user:
        raise UsageError(f'"{uri}" has no user; write it as in sip:alice@example.com')
    digest = None
    if password_stdin or password_file:
        password = password_from(stdin=password_stdin, file=password_file)
        digest = DigestClient(username or target.user_unescaped, password)
    way = with_transport(parse_target(registrar) if registrar else target, transport)
    reach = means(configuration(config), ca)
    phone = _Phone(target, way, digest, lease=expires, patience=timeout, as_json=json)
    raise typer.Exit(asyncio.run(phone.run(reach, keep=keep)))


class _Phone:
    """The running command."""

    def __init__(
        self,
        target: Uri,
        way: Uri,
        digest: DigestClient | None,
        *,
        lease: int,
        patience: float,
        as_json: bool,
    ) -> None:
        self._target = target
        self._way = way
        self._digest = digest
        self._lease = lease
        self._patience = patience
        self._json = as_json

    async def run(self, reach: Means, *, keep: bool) -> int:
        """Register, stay if asked to, and the exit code."""
        async with real_link(reach) as link:
            registration, first = await self._begin(link)
            self._tell(first)
            if not first.accepted:
                return 1
            if keep and self._lease:
                return await self._stay(registration, first)
            return 0

    async def _begin(self, link: Link) -> tuple[Registration, Registered]:
        """The answer of the first server of the domain that gives one. Raises NoAnswerError."""
        while True:
            flow = await link.connect(self._way)
            registration = Registration(
                link, flow, self._target, patience=self._patience, digest=self._digest
            )
            try:
                return registration, await registration.send(self._lease)
            except SilentServerError:
                if not link.silent(flow):
                    raise

    async def _stay(self, registration: Registration, first: Registered) -> int:
        ended = asyncio.Event()
        loop = asyncio.get_running_loop()
        for number in (signal.SIGINT, signal.SIGTERM):
            loop.add_signal_handler(number, ended.set)
        async for registered in registration.keep(first, ended):
            self._tell(registered)
            if not registered.accepted:
                return 1
        self._tell(await registration.send(0))
        return 0

    def _tell(self, registered: Registered) -> None:
        if self._json:
            print(json_format.dumps(registered.document()), flush=True)
        else:
            print(printable(registered.line()), flush=True)
