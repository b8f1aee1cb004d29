"""`offhook ping URI`: OPTIONS, the answer and the round trip, an exit code for monitoring.

A ping is good if a final response came that the far end itself gave: any status below 500 but 408.
So 401, 404 or 486 are good (it lives and routes), 503 is not. The exit code is 0 if at least one
ping was good, as with ping(8).
"""

from __future__ import annotations

import asyncio
import json as json_format
from collections.abc import Callable
from dataclasses import dataclass
from typing import Annotated

import typer

from offhook.cli.link import Link, NoAnswerError, SilentServerError
from offhook.cli.one_request import Answer
from offhook.cli.options import Authority, ConfigFile, Json, Transport, configuration
from offhook.cli.printable import printable
from offhook.cli.requests import Sender, parse_target, with_transport
from offhook.cli.tool_network import Means, means, real_link
from offhook.message import Message, Uri
from offhook.server.json_value import Json as JsonValue
from offhook.transport.flow import Flow

__all__ = ["Ping", "Plan", "attach", "ping_once"]

ACCEPT = ("Accept", "application/sdp")  # RFC 3261 11.1


def attach(application: typer.Typer) -> None:
    """Add the command."""
    application.command("ping")(ping)


def ping(
    uri: Annotated[str, typer.Argument(help="Where to, as in sip:192.0.2.10 or sips:host:5061.")],
    *,
    count: Annotated[int, typer.Option(min=1, max=1_000_000, help="How many.")] = 1,
    interval: Annotated[float, typer.Option(min=0.01, help="Seconds from one to the next.")] = 1.0,
    timeout: Annotated[float, typer.Option(min=0.1, help="Seconds to wait for each answer.")] = 5.0,
    transport: Transport = None,
    ca: Authority = None,
    config: ConfigFile = None,
    json: Json = False,
) -> None:
    """Send OPTIONS and tell the answer and the round trip.

    Exit code 0: at least one final response below 500 (but 408) came. So 401 and 404 are good, 503
    and silence are not.
    """
    target = with_transport(parse_target(uri), transport)
    reach = means(configuration(config), ca)

    plan = Plan(target, count, interval, timeout)
    pings = asyncio.run(_series(plan, reach, lambda entry: json or print(entry.line(), flush=True)))
    if json:
        print(json_format.dumps(_document(target, pings)))
    elif count > 1:
        print(_summary(pings))
    if not any(entry.good for entry in pings):
        raise typer.Exit(1)


@dataclass(frozen=True, slots=True)
class Plan:
    """What to send: times are in seconds."""

    target: Uri
    count: int
    interval: float
    patience: float


@dataclass(frozen=True, slots=True)
class Ping:
    """One ping: its final response (0 if none came), or the reason why there is none."""

    status: int
    reason: str
    seconds: float = 0.0
    retransmissions: int = 0
    remote: str = ""
    server: str = ""

    @property
    def good(self) -> bool:
        """True if the far end itself answered."""
        return 200 <= self.status < 500 and self.status != 408

    def line(self) -> str:
        """For people."""
        if not self.status:
            return f"no answer: {self.reason}"
        again = f", {self.retransmissions} retransmission(s)" if self.retransmissions else ""
        server = f" ({self.server})" if self.server else ""
        text = f"{self.status} {self.reason} from {self.remote}{server}"
        return f"{printable(text)}: {self.seconds * 1000:.1f} ms{again}"

    def document(self) -> JsonValue:
        """For programs."""
        return {
            "status": self.status,
            "reason": self.reason,
            "round_trip_ms": round(self.seconds * 1000, 3) if self.status else None,
            "retransmissions": self.retransmissions,
            "remote": self.remote,
            "server": self.server,
            "good": self.good,
        }


async def _series(plan: Plan, reach: Means, tell: Callable[[Ping], object]) -> list[Ping]:
    pings: list[Ping] = []
    async with real_link(reach) as link:
        started = link.now()
        for number in range(plan.count):
            await asyncio.sleep(max(started + number * plan.interval - link.now(), 0.0))
            pings.append(await ping_once(link, plan.target, plan.patience))
            tell(pings[-1])
    return pings


async def ping_once(link: Link, target: Uri, patience: float) -> Ping:
    """One OPTIONS, answered within `patience` seconds. Never raises for what the far end does."""
    try:
        flow, answer = await _answered(link, target, patience)
    except NoAnswerError as error:
        return Ping(0, str(error))
    response = answer.response
    host, port = flow.remote
    remote = f"{flow.transport.lower()}:[{host}]:{port}" if ":" in host else ""
    return Ping(
        response.status,
        response.reason,
        answer.seconds,
        answer.retransmissions,
        remote or f"{flow.transport.lower()}:{host}:{port}",
        _software(response),
    )


async def _answered(link: Link, target: Uri, patience: float) -> tuple[Flow, Answer]:
    """The answer of the first server of a domain that gives one. Raises NoAnswerError."""
    while True:
        flow = await link.connect(target)
        sender = Sender(link, flow, f"sip:ping@{flow.own}", patience)
        contact = f"<sip:ping@{flow.own};transport={flow.transport.lower()}>"
        try:
            return flow, await sender.send(
                "OPTIONS", target.text, target.text, [("Contact", contact), ACCEPT]
            )
        except SilentServerError:
            if not link.silent(flow):
                raise


def _software(response: Message) -> str:
    return response.get("server") or response.get("user-agent") or ""


def _times(pings: list[Ping]) -> dict[str, float]:
    times = [entry.seconds * 1000 for entry in pings if entry.status]
    if not times:
        return {}
    values = {"min_ms": min(times), "avg_ms": sum(times) / len(times), "max_ms": max(times)}
    return {name: round(value, 3) for name, value in values.items()}


def _document(target: Uri, pings: list[Ping]) -> JsonValue:
    return {
        "uri": target.text,
        "sent": len(pings),
        "answered": sum(entry.status > 0 for entry in pings),
        "good": sum(entry.good for entry in pings),
        **_times(pings),
        "pings": [entry.document() for entry in pings],
    }


def _summary(pings: list[Ping]) -> str:
    answered = sum(entry.status > 0 for entry in pings)
    good = sum(entry.good for entry in pings)
    times = ", ".join(f"{name[:3]} {value:.1f} ms" for name, value in _times(pings).items())
    return f"{len(pings)} sent, {answered} answered, {good} good" + (f": {times}" if times else "")
