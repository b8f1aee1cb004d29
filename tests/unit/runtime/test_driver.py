"""The driver: one engine, one network, one application, one timer; on virtual time, without
sockets."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine, Sequence

import pytest

from offhook.engine.engine import Engine
from offhook.engine.events import Event, FlowLost, RequestReceived, Resolved
from offhook.engine.settings import EngineSettings
from offhook.errors import StartError
from offhook.message import Message
from offhook.proxy.target import ForkRequest, Target
from offhook.runtime.driver import Driver
from offhook.testing.builders import build_request, build_response
from offhook.testing.loop import run_virtual
from offhook.transport import Flow, Listener
from offhook.transport.records import Answer
from tests.unit.recording_network import RecordingNetwork

CALLER = ("198.51.100.1", 5060)
CALLEE = ("198.51.100.2", 5060)
UDP = Listener("internal", "UDP", "0.0.0.0", 5060)
TCP = Listener("internal", "TCP", "192.0.2.1", 5060)

Decide = Callable[[Engine, Event], None]


class Stage:
    """A driver with an application that decides by a function."""

    def __init__(self, decide: Decide | None = None, engine: Engine | None = None) -> None:
        self.network = RecordingNetwork()
        self.engine = engine or Engine(EngineSettings(key=b"k" * 16, boot="b1"))
        self.events: list[Event] = []
        self.failures: list[BaseException] = []
        self._decide = decide
        self.driver = Driver(self.engine, self.network, self, self.failures.append)

    def handle(self, event: Event) -> None:
        self.events.append(event)
        if self._decide is not None:
            self._decide(self.engine, event)

    async def listen(self) -> None:
        assert await self.driver.listen([UDP, TCP]) == [UDP, TCP]

    def request(self, method: str = "INVITE", flow: Flow | None = None) -> None:
        """A request arrives."""
        transport = flow.transport if flow is not None else "UDP"
        data = build_request(method, "sip:bob@example.com", source=CALLER, transport=transport)
        self.network.receive(flow or self.network.datagram(CALLER), data)

    @property
    def sent(self) -> list[Message]:
        return [each.message for each in self.network.sent]


def test_after_the_end_no_message_is_taken() -> None:
    async def story() -> None:
        stage = Stage()
        await stage.listen()
        await stage.driver.stop()
        stage.request()
        assert stage.events == []

    play(story())


def _fork_to(uri: str) -> Decide:
    def decide(engine: Engine, event: Event) -> None:
        if isinstance(event, RequestReceived):
            now = asyncio.get_running_loop().time()
            engine.fork(event.incoming, ForkRequest(((Target(uri),),)), now)
        elif isinstance(event, Resolved):
            incoming = event.fork.context.handle
            assert event.fork.outcome is not None
            engine.answer(incoming, event.fork.outcome, asyncio.get_running_loop().time())  # type: ignore[arg-type]  # the engine's own

    return decide


def _refuse(engine: Engine, event: Event) -> None:
    if isinstance(event, RequestReceived):
        engine.respond(event.incoming, 486, 0.0)


def play(story: Coroutine[object, object, None]) -> None:
    run_virtual(story)


def test_a_request_is_decided_and_answered_in_one_batch() -> None:
    async def story() -> None:
        stage = Stage(_refuse)
        await stage.listen()
        stage.driver.receive(stage.network.datagram(CALLER), b"\r\n\r\n")
        data = build_request("MESSAGE", "sip:bob@example.com", source=CALLER)
        stage.driver.receive(stage.network.datagram(CALLER), data)
        assert stage.sent == []  # sends leave together
        stage.driver.flush()
        assert [each.status for each in stage.sent] == [486]
        assert stage.network.sent[0].flow.remote == CALLER

    play(story())


@pytest.mark.parametrize(
    ("uri", "resolved", "transport"),
    [
        ("sip:bob@198.51.100.2", [], "UDP"),
        ("sip:bob@198.51.100.2;transport=tcp", [], "TCP"),
        ("sip:bob@phone.example", ["phone.example"], "UDP"),
    ],
)
def test_what_the_engine_asks_for_is_done(uri: str, resolved: list[str], transport: str) -> None:
    async def story() -> None:
        stage = Stage(_fork_to(uri))
        stage.network.names = {"phone.example": ["198.51.100.2"]}
        await stage.listen()
        stage.request()
        invite = next(each for each in stage.network.sent if each.message.is_request)
        assert (invite.flow.remote, invite.flow.transport) == (CALLEE, transport)
        assert stage.network.resolved == resolved
        assert stage.failures == []

    play(story())


@pytest.mark.parametrize("uri", ["sip:bob@nowhere.example", "sip:bob@198.51.100.2;transport=tcp"])
def test_what_cannot_be_done_is_told_to_the_engine(uri: str) -> None:
    async def story() -> None:
        stage = Stage(_fork_to(uri))
        stage.network.refused.add(CALLEE)
        await stage.listen()
        stage.request()
        assert stage.sent[-1].status == 500  # a 503 of the next hop is not ours

    play(story())


def test_a_datagram_that_did_not_arrive() -> None:
    async def story() -> None:
        stage = Stage(_fork_to("sip:bob@198.51.100.2"))
        await stage.listen()
        stage.request()
        stage.driver.send_failed(stage.network.datagram(CALLEE))
        stage.driver.flush()
        assert stage.sent[-1].status == 500

    play(story())


def test_connections_that_come_and_go() -> None:
    async def story() -> None:
        stage = Stage(_refuse)
        await stage.listen()
        flow = stage.network.accept(CALLER)
        stage.request("MESSAGE", flow)
        assert [each.status for each in stage.sent] == [486]
        assert stage.engine.connections() == [flow]
        stage.network.lose(flow)
        (lost,) = [each for each in stage.events if isinstance(each, FlowLost)]
        assert lost.flow is flow
        assert list(stage.engine.connections()) == []

    play(story())


def test_a_stream_that_cannot_be_followed_is_closed() -> None:
    async def story() -> None:
        stage = Stage()
        await stage.listen()
        flow = stage.network.accept(CALLER)
        stage.network.receive(flow, b"INVITE sip:x SIP/2.0\r\nContent-Length: -1\r\n\r\n")
        assert stage.network.closed == [flow]

    play(story())


# time ---------------------------------------------------------------------------------------------
@pytest.mark.rfc("3261", "17.1.1.2")
def test_timers_fire_at_their_time() -> None:
    async def story() -> None:
        stage = Stage(_fork_to("sip:bob@198.51.100.2"))
        await stage.listen()
        stage.request()
        await asyncio.sleep(4)
        times = [each.time for each in stage.network.sent if each.message.is_request]
        assert times == [0, 0.5, 1.5, 3.5]
        (invite, *_) = [each for each in stage.sent if each.is_request]
        stage.network.receive(
            stage.network.datagram(CALLEE), build_response(invite.to_bytes(), 486)
        )
        await asyncio.sleep(100)
        assert stage.engine.pending == 0
        assert stage.engine.next_deadline() is None

    play(story())


def test_a_deadline_that_comes_nearer_moves_the_timer() -> None:
    async def story() -> None:
        stage = Stage(_fork_to("sip:bob@198.51.100.2"))
        await stage.listen()
        stage.request()
        invite = next(each for each in stage.sent if each.is_request)
        phone = stage.network.datagram(CALLEE)
        stage.network.receive(phone, build_response(invite.to_bytes(), 180))
        await asyncio.sleep(10.25)  # what is due next is the ring time
        stage.network.receive(
            stage.network.datagram(CALLER),
            build_request("INVITE", "sip:b@example.com", source=CALLER, branch="z9hG4bKsecond"),
        )
        await asyncio.sleep(0.6)
        times = [each.time for each in stage.network.sent if each.message.is_request]
        assert times == [0, 10.25, 10.75]

    play(story())


# faults -------------------------------------------------------------------------------------------
def test_an_application_that_raises_costs_that_event_only() -> None:
    def decide(engine: Engine, event: Event) -> None:
        if len(stages[0].events) == 1:
            raise ValueError("oh")
        _refuse(engine, event)

    stages: list[Stage] = []

    async def story() -> None:
        stage = Stage(decide)
        stages.append(stage)
        await stage.listen()
        stage.request("MESSAGE")
        assert [str(error) for error in stage.failures] == ["oh"]
        stage.request("MESSAGE")
        assert [each.status for each in stage.sent] == [486]

    play(story())


class Faulty(Engine):
    """Every input raises."""

    def __init__(self, settings: EngineSettings) -> None:
        super().__init__(settings)
        self.receive = self._receive

    def _receive(self, flow: Flow, data: bytes, now: float) -> None:
        raise ValueError("receive")

    def flow_accepted(self, flow: Flow, now: float) -> None:
        raise ValueError("flow_accepted")

    def flow_opened(self, ticket: int, flow: Flow, now: float) -> None:
        raise ValueError("flow_opened")

    def open_failed(self, ticket: int, now: float) -> None:
        raise ValueError("open_failed")

    def resolved(self, ticket: int, answers: Sequence[Answer], now: float) -> None:
        raise ValueError("resolved")

    def flow_lost(self, flow: Flow, reason: str, now: float) -> None:
        raise ValueError("flow_lost")

    def send_failed(self, flow: Flow, now: float) -> None:
        raise ValueError("send_failed")


def test_an_engine_that_raises_costs_that_input_only() -> None:
    async def story() -> None:
        stage = Stage(engine=Faulty(EngineSettings(key=b"k" * 16, boot="b1")))
        await stage.listen()
        flow = stage.network.datagram(CALLER)
        driver = stage.driver
        driver.receive(flow, b"x")
        driver.flow_accepted(flow)
        driver.flow_opened(1, flow)
        driver.open_failed(1, "refused")
        driver.resolved(1, ())
        driver.flow_lost(flow, "reset")
        driver.send_failed(flow)
        assert [str(error) for error in stage.failures] == [
            "receive",
            "flow_accepted",
            "flow_opened",
            "open_failed",
            "resolved",
            "flow_lost",
            "send_failed",
        ]

    play(story())


def test_a_network_that_raises_costs_that_action_only(monkeypatch: pytest.MonkeyPatch) -> None:
    async def story() -> None:
        stage = Stage(_refuse)
        await stage.listen()
        send = stage.network.send

        def fail_once(flow: Flow, data: bytes) -> None:
            if not stage.failures:
                raise ZeroDivisionError
            send(flow, data)

        monkeypatch.setattr(stage.network, "send", fail_once)
        for number in range(2):
            data = build_request(
                "INVITE", "sip:bob@example.com", source=CALLER, call_id=f"call{number}"
            )
            stage.driver.receive(stage.network.datagram(CALLER), data)
        stage.driver.flush()
        assert [type(error) for error in stage.failures] == [ZeroDivisionError]
        assert [each.status for each in stage.sent] == [486]

    play(story())


def test_a_timer_that_raises_is_not_the_last() -> None:
    class Late(Engine):
        def advance(self, now: float) -> None:
            super().advance(now)
            raise ValueError("advance")

    async def story() -> None:
        stage = Stage(_fork_to("sip:bob@198.51.100.2"), Late(EngineSettings(b"k" * 16, "b1")))
        await stage.listen()
        stage.request()
        await asyncio.sleep(4)
        assert [each.time for each in stage.network.sent if each.message.is_request] == [
            0,
            0.5,
            1.5,
            3.5,
        ]
        assert len(stage.failures) >= 3
        await stage.driver.stop()

    play(story())


# the beginning and the end ------------------------------------------------------------------------
def test_a_listener_that_cannot_be_opened() -> None:
    async def story() -> None:
        stage = Stage()
        stage.network.busy.add(5060)
        with pytest.raises(StartError):
            await stage.driver.listen([UDP])
        assert not stage.engine.own_address("192.0.2.1", 5060)

    play(story())


def test_after_the_end_nothing_is_sent_and_no_timer_runs() -> None:
    async def story() -> None:
        stage = Stage(_fork_to("sip:bob@198.51.100.2"))
        await stage.listen()
        stage.request()
        before = len(stage.sent)
        await stage.driver.stop()
        assert stage.network.stopped
        stage.driver.flush()
        await asyncio.sleep(100)
        assert len(stage.sent) == before

    play(story())
