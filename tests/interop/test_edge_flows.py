"""Our own edges in front of a registrar: a phone with a flow through each (RFC 5626 5.3), an edge
that has lost the phone and says so by 430."""

from __future__ import annotations

import contextlib
import re
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import cast

import pytest

from tests.interop.conftest import ALICE, BOB
from tests.interop.harness import kamailio
from tests.interop.harness.endpoint import Account
from tests.interop.harness.exchange import Exchange, Profile, Setup, choose_ports, serving
from tests.interop.harness.flows import INSTANCE
from tests.interop.harness.process import until
from tests.interop.harness.scripted import Heard, ScriptedPhone
from tests.interop.harness.wire import Draft, Wire

pytestmark = [pytest.mark.interop(), pytest.mark.timeout(60)]

EDGE = """\
from offhook import Exchange, Fork, Request, Target

edge = Exchange()


@edge.request()
def onward(request: Request) -> Fork:
    return request.fork(Target(request.message.uri, next_hop="{registrar}"))
"""
TRANSPORTS = ("udp", "tcp")
PHONES = Profile("phones", TRANSPORTS, authenticate=False)
SOON = 2.0  # seconds until the phone rings, by whichever flow


@contextlib.contextmanager
def edge_of(folder: Path, registrar: str) -> Iterator[Exchange]:
    """The edge of docs/how-to/edge.md."""
    routing = EDGE.format(registrar=registrar)
    setup = Setup((PHONES,), routing=routing, domains=("edge.example.net",))
    with serving(folder, setup) as edge:
        yield edge


def flow_through(edge: Exchange, account: Account, number: int) -> ScriptedPhone:
    """A socket of the phone to this edge."""
    wire = Wire(edge.endpoint.address("tcp"), "tcp")
    return ScriptedPhone(wire, account, instance=INSTANCE, flow=number)


def total(exchange: Exchange, metric: str, label: str = "") -> int:
    """The sum of a metric over all its labels, or over those lines that have this one."""
    lines = re.findall(rf"^offhook_{metric}{{(.*)}} ([0-9.]+)$", exchange.metrics(), re.MULTILINE)
    return sum(int(float(value)) for labels, value in lines if label in labels)


def connections(edge: Exchange) -> int:
    """Those of phones, and between it and the registrar."""
    return total(edge, "tcp_connections")


def lose(flow: ScriptedPhone, edge: Exchange) -> None:
    """The flow ends, and its edge has seen it."""
    left = connections(edge) - 1
    flow.wire.close()
    until(lambda: connections(edge) == left, timeout=3.0, what="the edge sees the end")


@dataclass
class Stage:
    """The registrar, two edges, alice at the registrar and bob with a flow through each edge."""

    registrar: Exchange
    edges: Sequence[Exchange]
    alice: ScriptedPhone
    flows: list[ScriptedPhone] = field(default_factory=list)

    def connect(self) -> None:
        """bob connects to both edges and registers, the second one last."""
        self.flows = [flow_through(edge, BOB, number + 1) for number, edge in enumerate(self.edges)]
        for flow in self.flows:
            assert flow.register() == 200

    def lose(self, number: int) -> None:
        """One flow ends, and its edge has seen it."""
        lose(self.flows[number], self.edges[number])

    def paths(self) -> dict[int, str]:
        """The Path of each of bob's bindings, by the number of its edge."""
        ports = [edge.endpoint.ports["tcp"] for edge in self.edges]
        found = {}
        for each in self.registrar.ctl("registrations"):
            (path,) = cast(list[str], each["path"])
            found[ports.index(int(path.partition("@")[2].split(":")[1].split(";")[0]))] = path
        return found

    def failed(self) -> list[int]:
        """How many 430 each edge has sent, and the registrar received."""
        code = 'code="430"'
        sent = [total(edge, "core_sent_replies_total", code) for edge in self.edges]
        return [*sent, total(self.registrar, "core_rcv_replies_total", code)]


@pytest.fixture(scope="module")
def servers(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stage]:
    folder = tmp_path_factory.mktemp("edges")
    setup = Setup((Profile(transports=TRANSPORTS),), (ALICE, BOB))
    ports = choose_ports(setup)
    uri = ports["internal"].uri("tcp")
    starts = [
        serving(folder / "registrar", setup, ports=ports),
        *(edge_of(folder / name, uri) for name in ("one", "two")),
    ]
    with contextlib.ExitStack() as stack:
        with ThreadPoolExecutor() as pool:  # side by side: the start is the longest part
            registrar, *edges = pool.map(stack.enter_context, starts)
        wire = stack.enter_context(Wire(registrar.endpoint.address("udp")))
        alice = ScriptedPhone(wire, ALICE)
        yield Stage(registrar, edges, alice)


@pytest.fixture
def stage(servers: Stage) -> Iterator[Stage]:
    try:
        servers.connect()
        assert set(servers.paths()) == {0, 1}
        yield servers
    finally:
        for flow in servers.flows:
            flow.wire.close()


def call(caller: ScriptedPhone, callee: ScriptedPhone, *, ends: str) -> float:
    """A whole call; `ends` says who hangs up. How long it took until it rang, in seconds."""
    begin = time.monotonic()
    caller.dial(callee.account.uri)
    invite = callee.rung()
    took = time.monotonic() - begin
    answer(caller, callee, invite, ends=ends)
    return took


def answer(caller: ScriptedPhone, callee: ScriptedPhone, invite: Heard, *, ends: str) -> None:
    """The call after it rang."""
    caller.response(180)
    theirs = callee.accept(invite)
    ours = caller.connected()
    callee.hear("ACK")
    one, other, talk = (caller, callee, ours) if ends == "caller" else (callee, caller, theirs)
    one.say("BYE", talk)
    other.hear("BYE")
    one.response(200)


def heard_nothing(flow: ScriptedPhone) -> None:
    """Whatever was sent by this flow before would come ahead of the answer to a keep-alive."""
    assert isinstance(flow.wire, Wire)
    flow.wire.send(b"\r\n\r\n")
    assert flow.wire.receive_octets(2.0) == b"\r\n"


@pytest.mark.rfc("5626", "5.3.1")
def test_the_newest_of_two_flows_is_rung_and_the_other_hears_nothing(stage: Stage) -> None:
    before = stage.failed()
    old, new = stage.flows
    for ends in ("caller", "callee"):
        assert call(stage.alice, new, ends=ends) < SOON
        heard_nothing(old)
        heard_nothing(new)  # and the newest one was rung once
    assert stage.alice.register() == 200
    for flow in stage.flows:  # the phone calls by whichever it likes
        for ends in ("caller", "callee"):
            call(flow, stage.alice, ends=ends)
    assert stage.alice.register(0) == 200
    assert stage.failed() == before
    assert set(stage.paths()) == {0, 1}


@pytest.mark.rfc("5626", "5.3.1")
def test_when_the_edge_says_430_the_other_flow_rings(stage: Stage) -> None:
    before = stage.failed()
    stage.lose(1)
    assert set(stage.paths()) == {0, 1}  # nobody has told the registrar
    for ends in ("caller", "callee"):  # and the second time the dead flow is not tried
        assert call(stage.alice, stage.flows[0], ends=ends) < SOON
        assert stage.failed() == [before[0], before[1] + 1, before[2] + 1]
        assert set(stage.paths()) == {0}


@pytest.mark.rfc("5626", "5.3.1")
def test_a_flow_that_ends_before_the_phone_has_answered_is_a_430_too(stage: Stage) -> None:
    before = stage.failed()
    stage.alice.dial(BOB.uri)
    stage.flows[1].request("INVITE")
    stage.flows[1].wire.close()
    begin = time.monotonic()
    invite = stage.flows[0].rung()
    assert time.monotonic() - begin < SOON
    answer(stage.alice, stage.flows[0], invite, ends="callee")
    assert stage.failed() == [before[0], before[1] + 1, before[2] + 1]
    assert set(stage.paths()) == {0}


@pytest.mark.rfc("5626", "7")
def test_when_both_edges_say_430_the_caller_hears_480_until_the_phone_is_back(
    stage: Stage,
) -> None:
    before = stage.failed()
    for number in (0, 1):
        stage.lose(number)
    begin = time.monotonic()
    stage.alice.dial(BOB.uri)
    stage.alice.refused(480)
    assert time.monotonic() - begin < SOON
    assert stage.failed() == [each + 1 for each in before[:2]] + [before[2] + 2]
    assert stage.paths() == {}

    stage.connect()
    assert set(stage.paths()) == {0, 1}
    for ends in ("caller", "callee"):
        assert call(stage.alice, stage.flows[1], ends=ends) < SOON
    heard_nothing(stage.flows[0])


@pytest.mark.rfc("5626", "5.3.1")
def test_the_430_as_it_is_on_the_wire(stage: Stage) -> None:
    """Another registrar that knows the Path: what it hears while the flow lives, and after."""
    flow, edge = stage.flows[1], stage.edges[1]
    path = stage.paths()[1]
    with Wire(edge.endpoint.address("udp")) as registrar:
        draft = Draft("MESSAGE", flow.contact)
        registrar.send(draft.write(registrar, {"Route": path}))
        came = flow.hear("MESSAGE")
        assert came.uri == flow.contact
        assert not came.header("Route")
        assert next(each.status for each in registrar.responses(2.0) if each.final) == 200

        stage.lose(1)
        refusal = registrar.final(draft.write(registrar, {"Route": path}))
        assert refusal is not None
        assert refusal.raw.startswith(b"SIP/2.0 430 Flow Failed\r\n")


@pytest.mark.rfc("5626", "5.3.1")
def test_an_edge_that_died_is_passed_over_and_says_430_once_it_is_back(stage: Stage) -> None:
    """It forgot every flow, but not what its Path says."""
    edge = stage.edges[1]
    edge.running.kill()
    try:
        assert call(stage.alice, stage.flows[0], ends="caller") < SOON
        assert set(stage.paths()) == {0, 1}  # it may be the way to the edge that failed
    finally:
        edge.start()
    before = stage.failed()
    assert call(stage.alice, stage.flows[0], ends="callee") < SOON
    assert stage.failed() == [before[0], before[1] + 1, before[2] + 1]
    assert set(stage.paths()) == {0}


def test_an_edge_that_ends_and_lets_its_calls_finish_is_passed_over(stage: Stage) -> None:
    edge, (old, new) = stage.edges[1], stage.flows
    stage.alice.dial(BOB.uri)
    ringing = new.rung()
    stage.alice.response(180)
    edge.running.process.terminate()
    until(lambda: "\noffhook_core_draining 1" in edge.metrics(), timeout=3.0, what="it drains")
    try:
        assert call(stage.alice, old, ends="caller") < SOON
        new.accept(ringing)
        stage.alice.connected()
        new.hear("ACK")
    finally:
        edge.stop()
        edge.start()


@pytest.mark.interop("kamailio")
@pytest.mark.rfc("3327", "5.2")
@pytest.mark.rfc("5626", "5.3.1")
def test_kamailio_as_the_registrar_calls_by_our_path_and_understands_our_430(
    tmp_path: Path,
) -> None:
    with contextlib.ExitStack() as stack:
        registrar = kamailio.start_registrar(tmp_path / "kamailio", [ALICE, BOB], flows=True)
        stack.callback(registrar.stop)
        wire = stack.enter_context(Wire(registrar.endpoint.address("udp")))
        alice = ScriptedPhone(wire, ALICE)
        edges = [
            stack.enter_context(edge_of(tmp_path / transport, registrar.endpoint.uri(transport)))
            for transport in TRANSPORTS
        ]
        old, new = [flow_through(edge, BOB, number + 1) for number, edge in enumerate(edges)]
        for flow in (old, new):
            stack.callback(flow.wire.close)
            assert flow.register() == 200
        assert alice.register() == 200
        for ends in ("caller", "callee"):
            call(alice, new, ends=ends)
            call(new, alice, ends=ends)
        heard_nothing(old)

        lose(new, edges[1])
        for ends in ("caller", "callee"):
            assert call(alice, old, ends=ends) < SOON
            call(old, alice, ends=ends)
        lose(old, edges[0])
        alice.dial(BOB.uri)
        alice.refused(480)
        assert [total(each, "core_sent_replies_total", 'code="430"') for each in edges] == [1, 1]
