"""One server's life, on a recording network in virtual time."""

from __future__ import annotations

import asyncio
import gc
from collections.abc import Coroutine, Iterator
from pathlib import Path

import pytest
import structlog

from offhook import NotServing
from offhook.errors import StartError, StorageError, UsageError
from offhook.exchange import Decision, Exchange, Reply, Request
from offhook.registrar import Binding
from offhook.runtime.origins import Origins
from offhook.runtime.tls import Tls
from offhook.runtime.tls_files import TlsFiles
from offhook.server.config import load_text
from offhook.server.metrics import Metrics
from offhook.server.node import Node
from offhook.server.schema import Config
from offhook.testing.builders import build_request
from offhook.testing.loop import run_virtual
from tests.interop.harness.certificates import Authority
from tests.unit.exchange.bench import ALICE
from tests.unit.recording_network import RecordingNetwork

TEXT = """
domains = ["example.com"]
[profiles.internal]
listen = ["udp:192.0.2.1:5060", "tcp:192.0.2.1:5060"]
authenticate = false
registrar = true
[storage]
url = "memory:"
"""


@pytest.fixture(autouse=True)
def collector_put_back() -> Iterator[None]:
    """A server changes how the process collects garbage."""
    before = gc.get_threshold()
    yield
    gc.unfreeze()
    gc.set_threshold(*before)


class Stage:
    """A node with its network; `tls` and `origins` are what the network was given."""

    def __init__(self, exchange: Exchange | None = None, text: str = TEXT) -> None:
        self.network = RecordingNetwork()
        self.tls: list[Tls] = []
        self.origins = Origins()
        self.exchange = exchange or Exchange()
        self.node = Node(load_text(text, Path("/etc/offhook")), self.exchange, self._network)

    def _network(self, config: Config, tls: Tls, origins: Origins) -> RecordingNetwork:
        self.tls.append(tls)
        self.origins = origins
        assert config.domains
        return self.network

    def receive(self, method: str, uri: str = "sip:bob@example.com", **more: str) -> None:
        """Alice sends a request."""
        data = build_request(method, uri, source=ALICE, branch=f"z9hG4bK{method}", **more)  # type: ignore[arg-type]  # texts only
        self.network.receive(self.network.datagram(ALICE), data)

    def register(self, expires: int = 60) -> None:
        """Alice's phone registers."""
        self.network.receive(
            self.network.datagram(ALICE),
            build_request(
                "REGISTER",
                "sip:example.com",
                source=ALICE,
                callee="<sip:alice@example.com>",
                headers=[("Expires", str(expires))],
            ),
        )

    @property
    def statuses(self) -> list[int]:
        """Of the responses that were sent."""
        return [each.message.status for each in self.network.sent]


def play(story: Coroutine[object, object, None]) -> None:
    run_virtual(story)


def test_start_opens_and_stop_closes() -> None:
    order: list[str] = []
    exchange = Exchange()
    exchange.startup(lambda: order.append("startup"))

    @exchange.startup
    async def second() -> None:
        await asyncio.sleep(1)
        order.append(f"startup, {len(stage.network.listeners)} listeners")
        assert await exchange.location.lookup("sip:bob@example.com") == []

    exchange.shutdown(lambda: order.append("shutdown"))
    stage = Stage(exchange)

    async def story() -> None:
        node = stage.node
        await node.start()
        assert [(each.transport, each.port) for each in node.listeners] == [
            ("UDP", 5060),
            ("TCP", 5060),
        ]
        assert order == ["startup", "startup, 0 listeners"]
        assert gc.get_freeze_count() > 0
        await node.stop()
        assert order[2:] == ["shutdown"]
        assert stage.network.stopped
        with pytest.raises(NotServing):
            print(exchange.gateways)
        with pytest.raises(StorageError):
            print(node.accounts)
        await node.stop()  # nothing more
        assert order[3:] == []

    play(story())
    (tls,) = stage.tls
    assert tls.files == TlsFiles()
    assert stage.origins.allows("https://phone.example.com")
    assert not stage.origins.allows("https://phone.example.net")


def test_a_node_can_be_started_again() -> None:
    stage = Stage()

    async def story() -> None:
        for _ in range(2):
            await stage.node.start()
            await stage.node.stop()

    play(story())


def test_a_port_in_use_closes_everything_again() -> None:
    ended: list[str] = []
    exchange = Exchange()
    exchange.shutdown(lambda: ended.append("shutdown"))
    stage = Stage(exchange)
    stage.network.busy.add(5060)

    async def story() -> None:
        with pytest.raises(StartError, match="in use"):
            await stage.node.start()
        assert stage.network.stopped
        assert ended == ["shutdown"]
        with pytest.raises(NotServing):
            print(exchange.gateways)

    play(story())


@pytest.mark.parametrize("waiting", [False, True])
def test_a_startup_function_that_fails_is_one_line(waiting: bool) -> None:
    exchange = Exchange()

    def read_table() -> None:
        raise ValueError("no table\nat all")

    async def read_later() -> None:
        read_table()

    exchange.startup(read_later if waiting else read_table)
    stage = Stage(exchange)

    async def story() -> None:
        with pytest.raises(StartError) as caught:
            await stage.node.start()
        name = "read_later" if waiting else "read_table"
        assert str(caught.value) == f"startup function {name}: ValueError: no table"
        assert stage.network.stopped

    play(story())


def test_an_exchange_belongs_to_one_server() -> None:
    """The second one fails, and the first one goes on."""
    ended: list[str] = []
    exchange = Exchange()
    exchange.shutdown(lambda: ended.append("shutdown"))
    first, second = Stage(exchange), Stage(exchange)

    async def story() -> None:
        await first.node.start()
        with pytest.raises(UsageError, match="bound to a running server"):
            await second.node.start()
        assert second.network.stopped
        assert ended == []
        assert exchange.gateways == {}
        await first.node.stop()

    play(story())


def test_an_unreadable_gateway_password_opens_nothing() -> None:
    text = TEXT + (
        '[gateways.g]\nuri = "sip:h"\nprofile = "internal"\n'
        'username = "u"\npassword_file = "no-such-file"\n'
    )
    stage = Stage(text=text)

    async def story() -> None:
        with pytest.raises(StartError, match=r"gateways\.g\.password_file"):
            await stage.node.start()
        assert stage.tls == []

    play(story())


# certificates -------------------------------------------------------------------------------------
async def test_certificates_are_reloaded(tmp_path: Path) -> None:
    authority = Authority(tmp_path)
    authority.issue("server", ["sip.example.com"], [])
    text = f'{TEXT}[tls]\ncertificate = "{tmp_path}/server.pem"\nkey = "{tmp_path}/server.key"\n'
    node = Stage(text=text).node
    with pytest.raises(UsageError, match="still starting"):
        await node.reload_certificates()
    await node.start()
    (before,) = node.certificates()
    assert before["certificate"] == "tls"
    assert before["names"] == ["sip.example.com"]
    authority.issue("server", ["new.example.com"], [])
    (now,) = await node.reload_certificates()
    assert now["names"] == ["new.example.com"]
    measures = node.measures()
    assert measures is not None
    page = Metrics(node.measures).render().decode().splitlines()
    name = 'offhook_tls_certificate_expiry_seconds{certificate="tls"} '
    (line,) = [each for each in page if each.startswith(name)]
    assert float(line.removeprefix(name)) == measures.certificates[0].expires
    (tmp_path / "server.key").write_text("nonsense")
    with (
        structlog.testing.capture_logs() as logs,
        pytest.raises(StartError, match="cannot use certificate"),
    ):
        await node.reload_certificates()
    assert [entry["event"] for entry in logs] == ["certificates_not_reloaded"]
    assert list(node.certificates()) == [now]
    await node.stop()


async def test_reloads_come_one_after_the_other(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    Authority(tmp_path).issue("server", ["sip.example.com"], [])
    text = f'{TEXT}[tls]\ncertificate = "{tmp_path}/server.pem"\nkey = "{tmp_path}/server.key"\n'
    node = Stage(text=text).node
    await node.start()
    steps: list[str] = []

    async def in_thread(_work: object, _unix: float) -> None:
        steps.append("begins")
        await asyncio.sleep(0)
        steps.append("ends")

    monkeypatch.setattr(asyncio, "to_thread", in_thread)
    await asyncio.gather(node.reload_certificates(), node.reload_certificates())
    assert steps == ["begins", "ends", "begins", "ends"]
    await node.stop()


async def test_there_may_be_nothing_to_reload() -> None:
    node = Stage().node
    await node.start()
    with pytest.raises(UsageError, match="names no certificate"):
        await node.reload_certificates()
    await node.stop()


async def test_a_certificate_that_cannot_be_used_opens_nothing(tmp_path: Path) -> None:
    stage = Stage(text=f'{TEXT}[tls]\ncertificate = "{tmp_path}/x"\nkey = "{tmp_path}/y"\n')
    with pytest.raises(StartError, match=r"tls\.certificate: cannot read"):
        await stage.node.start()
    assert stage.tls == []


# what runs meanwhile ------------------------------------------------------------------------------
def test_periodic_functions() -> None:
    ticks: list[float] = []
    exchange = Exchange()

    @exchange.every(10)
    async def tick() -> None:
        ticks.append(asyncio.get_running_loop().time())
        if len(ticks) == 2:
            raise ValueError("once")

    stage = Stage(exchange)

    async def story() -> None:
        await stage.node.start()
        with structlog.testing.capture_logs() as logs:
            await asyncio.sleep(35)
        await stage.node.stop()
        await asyncio.sleep(100)
        assert ticks == [10, 20, 30]
        assert [log["event"] for log in logs] == ["periodic_failed"]

    play(story())


def test_expired_bindings_go_and_are_told() -> None:
    told: list[str] = []
    exchange = Exchange()

    @exchange.on("registration.expired")
    def expired(aor: str, binding: Binding) -> None:
        told.append(f"{aor} {binding.contact}")

    stage = Stage(exchange)

    async def story() -> None:
        await stage.node.start()
        stage.register(expires=60)
        assert stage.statuses == [200]
        with structlog.testing.capture_logs() as logs:
            await asyncio.sleep(59)
            assert told == []
            await asyncio.sleep(3)
        assert told == ["sip:alice@example.com sip:tester@198.51.100.1:5060"]
        assert [log["event"] for log in logs] == ["registration_expired"]
        assert await stage.node.registrations() == []
        await stage.node.stop()

    play(story())


def test_a_lost_connection_takes_its_bindings_along() -> None:
    stage = Stage()

    async def story() -> None:
        await stage.node.start()
        flow = stage.network.accept(ALICE)
        assert [row["flow"] for row in stage.node.connections()] == [flow.name]
        stage.network.lose(flow)
        assert stage.node.connections() == []
        await stage.node.stop()

    play(story())


def test_handlers_end_with_the_server() -> None:
    ended: list[str] = []
    exchange = Exchange()

    @exchange.request("INVITE")
    async def invite(_request: Request) -> Decision:
        try:
            await asyncio.sleep(1000)
        finally:
            ended.append("handler")
        return Reply(486)

    exchange.shutdown(lambda: ended.append("shutdown"))
    stage = Stage(exchange)

    async def story() -> None:
        await stage.node.start()
        stage.receive("INVITE")
        await asyncio.sleep(1)
        await stage.node.stop()
        assert ended == ["handler", "shutdown"]

    play(story())


def test_requests_are_refused_while_the_program_shuts_down() -> None:
    called: list[str] = []
    exchange = Exchange()

    @exchange.request("INVITE")
    async def invite(_request: Request) -> Decision:
        called.append("handler")
        await asyncio.sleep(1000)
        return Reply(486)

    @exchange.shutdown
    async def shutdown() -> None:
        stage.receive("INVITE")
        await asyncio.sleep(1)

    stage = Stage(exchange)

    async def story() -> None:
        await stage.node.start()
        await stage.node.stop()
        assert (called, stage.statuses) == ([], [503])

    play(story())


def test_a_shutdown_function_that_fails_does_not_keep_the_others() -> None:
    ended: list[str] = []
    exchange = Exchange()

    @exchange.shutdown
    def fails() -> None:
        raise ValueError("oh")

    exchange.shutdown(lambda: ended.append("second"))
    stage = Stage(exchange)

    async def story() -> None:
        await stage.node.start()
        with structlog.testing.capture_logs() as logs:
            await stage.node.stop()
        assert [log["event"] for log in logs] == ["shutdown_failed"]
        assert ended == ["second"]
        assert stage.network.stopped

    play(story())


def test_a_shutdown_function_that_does_not_end_is_left() -> None:
    exchange = Exchange()

    @exchange.shutdown
    async def waits() -> None:
        await asyncio.sleep(1000)

    stage = Stage(exchange)

    async def story() -> None:
        await stage.node.start()
        with structlog.testing.capture_logs() as logs:
            await stage.node.stop()
        assert [log["event"] for log in logs] == ["shutdown_failed"]
        assert stage.network.stopped
        assert asyncio.get_running_loop().time() < 6

    play(story())


# draining -----------------------------------------------------------------------------------------
def test_drain_waits_for_what_runs_and_refuses_the_rest() -> None:
    exchange = Exchange()

    @exchange.request("INVITE")
    async def invite(_request: Request) -> Decision:
        await asyncio.sleep(3)
        return Reply(486)

    stage = Stage(exchange)

    async def story() -> None:
        loop = asyncio.get_running_loop()
        await stage.node.drain(10)  # before the start: nothing to wait for
        await stage.node.start()
        stage.receive("INVITE")
        await asyncio.sleep(1)
        draining = asyncio.create_task(stage.node.drain(10))
        await asyncio.sleep(0.5)
        stage.receive("MESSAGE", call_id="another")
        assert stage.statuses[-1] == 503
        await draining
        assert loop.time() == pytest.approx(3, abs=0.1)
        assert 486 in stage.statuses
        await stage.node.stop()

    play(story())


def test_drain_gives_up() -> None:
    exchange = Exchange()

    @exchange.request("INVITE")
    async def invite(_request: Request) -> Decision:
        await asyncio.sleep(1000)
        return Reply(486)

    stage = Stage(exchange)

    async def story() -> None:
        await stage.node.start()
        stage.receive("INVITE")
        await asyncio.sleep(0)
        await stage.node.drain(5)
        assert asyncio.get_running_loop().time() == pytest.approx(5, abs=0.1)
        await stage.node.stop()

    play(story())


# what operators ask -------------------------------------------------------------------------------
def test_what_is_there() -> None:
    stage = Stage()

    async def story() -> None:
        node = stage.node
        assert node.transactions() == node.connections() == []
        await node.start()
        stage.register()
        stage.receive("OPTIONS", "sip:example.com", call_id="health")
        status = await node.status()
        assert status == {
            "storage": "ok",
            "unsaved": 0,
            "registrations": 1,
            "transactions": len(node.transactions()),
            "requests": 2,
            "responses": 0,
            "connections": 0,
        }
        (row,) = await node.registrations()
        assert (row["aor"], row["expires"]) == ("sip:alice@example.com", 60)
        assert await node.unregister("sip:alice@example.com") == 1
        assert await node.unregister("sip:alice@example.com") == 0
        assert await node.registrations() == []
        assert await node.accounts.all() == []
        await node.stop()

    play(story())


def test_a_ban_can_be_lifted() -> None:
    stage = Stage(text=TEXT.replace("authenticate = false", "authenticate = true"))

    async def story() -> None:
        node = stage.node
        await node.start()
        assert node.bans() == []
        assert not node.forgive(ALICE[0])
        for _ in range(25):
            node._bans.wrong(ALICE[0], 0.0)
        assert node.bans() == [{"source": ALICE[0], "seconds": 600}]
        stage.receive("OPTIONS", "sip:example.com")
        assert stage.statuses == []
        assert node.forgive(ALICE[0])
        stage.receive("OPTIONS", "sip:example.com")
        assert stage.statuses == [200]
        await node.stop()

    play(story())


def test_a_fault_of_the_engine_is_logged_not_fatal() -> None:
    stage = Stage()

    async def story() -> None:
        await stage.node.start()
        with structlog.testing.capture_logs() as logs:
            stage.node._failure(ValueError("oh"))
        assert [(log["event"], log["log_level"]) for log in logs] == [("engine_failed", "error")]
        await stage.node.stop()

    play(story())
