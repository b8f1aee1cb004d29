"""SIPp calls through the exchange: load, its stock scenarios, paths with Kamailio in the middle.

RFC 3261 sections 12, 16.3, 16.6 and 16.12; RFC 5393 for what is a spiral and what is a loop.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.interop.harness import kamailio
from tests.interop.harness.endpoint import Account, Endpoint
from tests.interop.harness.exchange import Exchange, Profile, Setup, choose_ports, serving
from tests.interop.harness.matrix import Matrix
from tests.interop.harness.process import LOOPBACK
from tests.interop.harness.sipp import SERVER_CORE, Load, Result, Sipp
from tests.interop.harness.wire import Draft, Wire, credentials

pytestmark = [pytest.mark.interop("sipp"), pytest.mark.timeout(90)]

OPEN = Profile("open", ("udp", "tcp"), authenticate=False, registrar=True)
CLOSED = Profile("closed", ("udp", "tcp"))


@pytest.fixture(scope="module")
def exchange(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Exchange]:
    """An open exchange on a processor of its own."""
    setup = Setup((OPEN,), core=SERVER_CORE)
    with serving(tmp_path_factory.mktemp("open"), setup) as running:
        yield running


@contextlib.contextmanager
def answering(
    folder: Path,
    server: Endpoint,
    calls: int,
    *,
    scenario: str = "answerer",
    transport: str = "udp",
) -> Iterator[Sipp]:
    """An answerer for ``calls`` calls, registered as sip:service@example.com."""
    answerer = Sipp(folder, scenario, Load(calls), transport=transport)
    try:
        register(folder, server, answerer.port, transport)
        yield answerer
    finally:
        answerer.stop()


def register(folder: Path, server: Endpoint, port: int, transport: str) -> None:
    """Bind sip:service@example.com to a port here, from another socket: the Contact counts."""
    contact = f"sip:service@{LOOPBACK}:{port};transport={transport}"
    load = Load(keys={"contact": contact})
    registrant = Sipp(folder, "register", load, target=server.address("udp"))
    try:
        assert registrant.finish(timeout=15) == Result(1, 1, 0, 0, 0), registrant.explain()
    finally:
        registrant.stop()


def place_calls(
    folder: Path, server: Endpoint, load: Load, *, scenario: str = "caller", transport: str = "udp"
) -> None:
    """Place calls; every one must succeed and nothing may be sent twice."""
    caller = Sipp(folder, scenario, load, target=server.address(transport), transport=transport)
    try:
        result = caller.finish(timeout=load.calls / load.rate + 30)
        assert result == Result(load.calls, load.calls, 0, 0, 0), caller.explain()
    finally:
        caller.stop()


@pytest.mark.parametrize(("transport", "calls", "rate"), [("udp", 2000, 200), ("tcp", 500, 100)])
def test_calls_under_load_neither_fail_nor_repeat_anything(
    exchange: Exchange, tmp_path: Path, matrix: Matrix, transport: str, calls: int, rate: int
) -> None:
    server = exchange.endpoint
    with (
        matrix.cell("calls under load", transport, "sipp"),
        answering(tmp_path, server, calls, transport=transport) as answerer,
    ):
        place_calls(tmp_path, server, Load(calls, rate), transport=transport)
        result = answerer.finish(timeout=15)
        assert result == Result(calls, calls, 0, 0, 0), answerer.explain()


@pytest.mark.parametrize("transport", ["udp", "tcp"])
def test_the_stock_scenarios_work(
    exchange: Exchange, tmp_path: Path, matrix: Matrix, transport: str
) -> None:
    server = exchange.endpoint
    with (
        matrix.cell("stock scenarios", transport, "sipp"),
        answering(tmp_path, server, 50, scenario="uas", transport=transport) as answerer,
    ):
        place_calls(tmp_path, server, Load(50, 25), scenario="uac", transport=transport)
        result = answerer.finish(timeout=15)
        assert result == Result(50, 50, 0, 0, 0), answerer.explain()


FAR = """\
from offhook import Decision, Exchange, Request

exchange = Exchange()


@exchange.request("INVITE")
async def invite(request: Request) -> Decision:
    return request.fork(["{target}"])
"""

SPIRAL = """\
from offhook import Decision, Exchange, Reply, Request

exchange = Exchange()


@exchange.request("INVITE")
async def invite(request: Request) -> Decision:
    if str(request.uri).startswith("sip:start@"):
        return request.fork(["{target}"])
    phones = await exchange.location.lookup(request.uri)
    if not phones:
        return Reply(480)
    return request.fork(phones)
"""


@contextlib.contextmanager
def through_kamailio(
    folder: Path, routing: str, rewrite: str, *, far: Endpoint | None = None
) -> Iterator[Exchange]:
    """An exchange that sends to Kamailio, which sends to ``far`` or back to the exchange."""
    ports = choose_ports(Setup((OPEN,)))
    target = far or ports[OPEN.name]
    relay = kamailio.start_relay(folder / "kamailio", target.uri("udp"), rewrite=rewrite)
    try:
        program = routing.format(target=relay.endpoint.uri("udp", "again"))
        with serving(folder / "near", Setup((OPEN,), routing=program), ports=ports) as near:
            yield near
    finally:
        relay.stop()


TO_SERVICE = '$ru = "sip:service@example.com";'


@pytest.mark.interop("kamailio")
def test_calls_pass_two_exchanges_with_kamailio_between(
    exchange: Exchange, tmp_path: Path, matrix: Matrix
) -> None:
    far = exchange.endpoint
    with (
        matrix.cell("proxy between two exchanges", "udp", "kamailio"),
        answering(tmp_path, far, 50) as answerer,
        through_kamailio(tmp_path, FAR, TO_SERVICE, far=far) as near,
    ):
        place_calls(tmp_path, near.endpoint, Load(50, 25, "far-away"))
        result = answerer.finish(timeout=15)
        assert result == Result(50, 50, 0, 0, 0), answerer.explain()


@pytest.mark.interop("kamailio")
def test_a_spiral_that_changes_the_request_uri_works(tmp_path: Path, matrix: Matrix) -> None:
    with (
        matrix.cell("spiral", "udp", "kamailio"),
        through_kamailio(tmp_path, SPIRAL, TO_SERVICE) as near,
        answering(tmp_path, near.endpoint, 20) as answerer,
    ):
        place_calls(tmp_path, near.endpoint, Load(20, 10, "start"))
        result = answerer.finish(timeout=15)
        assert result == Result(20, 20, 0, 0, 0), answerer.explain()


@pytest.mark.interop("kamailio")
@pytest.mark.rfc("3261", "16.3")
def test_a_true_loop_is_refused_with_482(tmp_path: Path, matrix: Matrix) -> None:
    with (
        matrix.cell("loop refused", "udp", "kamailio"),
        through_kamailio(tmp_path, FAR, TO_SERVICE) as near,
    ):
        place_calls(tmp_path, near.endpoint, Load(10, 10), scenario="loop")


def test_a_challenged_caller_reaches_the_answerer(tmp_path: Path, alice: Account) -> None:
    setup = Setup((CLOSED, OPEN), (alice,))
    with (
        serving(tmp_path / "exchange", setup) as exchange,
        answering(tmp_path, exchange.endpoints["open"], 1) as answerer,
        Wire(exchange.endpoint.address("udp")) as wire,
    ):
        draft = Draft("INVITE", "sip:service@example.com", alice.uri, cseq=1)
        challenge = wire.final(draft.write(wire))
        assert challenge is not None
        assert challenge.status == 407
        proof = credentials(challenge, alice, "INVITE", draft.uri)
        draft = Draft("INVITE", draft.uri, alice.uri, cseq=2)
        accepted = wire.final(draft.write(wire, proof))
        assert accepted is not None
        assert accepted.status == 200
        assert "service@" in accepted.header("Contact")
        assert answerer.program.running
