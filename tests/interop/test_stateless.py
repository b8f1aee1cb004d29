"""A stateless edge (RFC 3261 16.11) with SIPp on both sides, with Kamailio behind it, and callers
and answerers of RFC 2543."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.interop.harness import kamailio
from tests.interop.harness.exchange import Exchange, Profile, Setup, serving
from tests.interop.harness.process import LOOPBACK
from tests.interop.harness.sipp import Load, Result, Sipp

pytestmark = [pytest.mark.interop("sipp"), pytest.mark.timeout(90)]

OPEN = Profile("open", ("udp", "tcp"), authenticate=False, registrar=True)
CALLS = 50

EDGE = """\
from offhook import Decision, Exchange, Request

exchange = Exchange()


@exchange.request("INVITE", "ACK", "CANCEL")
def edge(request: Request) -> Decision:
    return request.relay_stateless("{target}")
"""

FORK = """\
from offhook import Decision, Exchange, Request

exchange = Exchange()


@exchange.request("INVITE")
def invite(request: Request) -> Decision:
    return request.fork("{target}")
"""


@contextlib.contextmanager
def answering(folder: Path, scenario: str = "answerer", calls: int = CALLS) -> Iterator[Sipp]:
    """Somebody who answers."""
    answerer = Sipp(folder, scenario, Load(calls))
    try:
        yield answerer
    finally:
        answerer.stop()


@contextlib.contextmanager
def before(folder: Path, port: int, program: str = EDGE) -> Iterator[Exchange]:
    """An exchange that sends everything to this port."""
    target = f"sip:service@{LOOPBACK}:{port}"
    setup = Setup((OPEN,), routing=program.format(target=target))
    with serving(folder / "edge", setup) as edge:
        yield edge


def place(
    folder: Path, edge: Exchange, scenario: str, transport: str = "udp", *, calls: int = CALLS
) -> None:
    """Place the calls; every one must succeed and nothing may be sent twice."""
    target = edge.endpoint.address(transport)
    caller = Sipp(
        folder,
        scenario,
        Load(calls, 25 if calls == CALLS else 5),
        target=target,
        transport=transport,
    )
    try:
        result = caller.finish(timeout=30)
        assert result == Result(calls, calls, 0, 0, 0), caller.explain()
    finally:
        caller.stop()


def transactions(edge: Exchange) -> list[dict[str, object]]:
    """Those that the server keeps; finished ones stay half a minute."""
    return edge.ctl("transactions")


@pytest.mark.rfc("3261", "16.11")
@pytest.mark.parametrize("transport", ["udp", "tcp"])
@pytest.mark.parametrize(
    ("caller", "answerer"),
    [("caller", "answerer"), ("giving_up", "given_up"), ("old_giving_up", "given_up")],
)
def test_calls_and_cancelled_calls_leave_no_transaction(
    tmp_path: Path, caller: str, answerer: str, transport: str
) -> None:
    with answering(tmp_path, answerer) as far, before(tmp_path, far.port) as edge:
        place(tmp_path, edge, caller, transport)
        result = far.finish(timeout=15)
        assert result == Result(CALLS, CALLS, 0, 0, 0), far.explain()
        assert transactions(edge) == []


@pytest.mark.interop("kamailio")
def test_kamailio_behind_the_edge(tmp_path: Path) -> None:
    calls = 10  # slowly: a copy that Kamailio sends late is a new call to SIPp
    with answering(tmp_path, calls=calls) as far:
        target = f"sip:service@{LOOPBACK}:{far.port}"
        relay = kamailio.start_relay(tmp_path / "kamailio", target, rewrite="")
        try:
            with before(tmp_path, relay.endpoint.ports["udp"]) as edge:
                place(tmp_path, edge, "caller", calls=calls)
                result = far.finish(timeout=15)
                assert result == Result(calls, calls, 0, 0, 0), far.explain()
                assert transactions(edge) == []
        finally:
            relay.stop()


@pytest.mark.rfc("3261", "17.2.3")
@pytest.mark.parametrize("answerer", ["answerer", "old_answerer"])
@pytest.mark.parametrize("caller", ["caller", "old_caller"])
@pytest.mark.parametrize("program", [EDGE, FORK], ids=["stateless", "fork"])
def test_peers_of_rfc_2543(tmp_path: Path, program: str, caller: str, answerer: str) -> None:
    """No cookie, one branch for everything, no tags: the dialog's requests find their way by the
    Record-Route alone."""
    with answering(tmp_path, answerer) as far, before(tmp_path, far.port, program) as edge:
        place(tmp_path, edge, caller)
        result = far.finish(timeout=15)
        assert result == Result(CALLS, CALLS, 0, 0, 0), far.explain()
