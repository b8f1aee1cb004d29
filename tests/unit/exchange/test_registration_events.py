"""What a program hears of registrations."""

from __future__ import annotations

import asyncio

import pytest
import structlog

from offhook.errors import UsageError
from offhook.exchange import Exchange
from offhook.exchange.endings import because
from offhook.exchange.handlers import Handlers
from offhook.exchange.registration_events import RegistrationEvents
from offhook.registrar import Binding, Gruus
from offhook.registrar.news import RegistrationNews
from offhook.storage.memory import MemoryBindings
from offhook.storage.protocols import Watcher
from tests.unit.exchange.bench import Bench, Setting
from tests.unit.recording_network import EPOCH

OPEN = Setting(authenticate=False)
EVENTS = ("added", "refreshed", "removed", "expired")
Heard = list[tuple[str, str, str]]


def _listening() -> tuple[Exchange, Heard]:
    exchange = Exchange()
    heard: Heard = []

    def declare(event: str) -> None:
        @exchange.on(f"registration.{event}")
        def hook(aor: str, binding: Binding) -> None:
            heard.append((event, aor, binding.contact))

    for event in EVENTS:
        declare(event)
    return exchange, heard


def _register(bench: Bench, contact: str, cseq: int, expires: int = 60) -> None:
    (answer,) = bench.ask(
        "REGISTER",
        "sip:example.com",
        call_id="one-phone",
        cseq=cseq,
        without=["contact"],
        headers=[("m", contact), ("Expires", str(expires))],
    )
    assert answer.status == 200


def test_the_life_of_a_registration() -> None:
    exchange, heard = _listening()
    alice = "sip:alice@example.com"
    with Bench(exchange, OPEN) as bench:
        _register(bench, "<sip:a@198.51.100.1>", 1)
        _register(bench, "<sip:a@198.51.100.1>", 2)
        _register(bench, "<sip:a@198.51.100.1>", 3, expires=0)
        _register(bench, "<sip:b@198.51.100.1>", 4)
        bench.advance(61)
        bench.run(bench.bindings.expire(EPOCH + bench.loop.time()))
    assert heard == [
        ("added", alice, "sip:a@198.51.100.1"),
        ("refreshed", alice, "sip:a@198.51.100.1"),
        ("removed", alice, "sip:a@198.51.100.1"),
        ("added", alice, "sip:b@198.51.100.1"),
        ("expired", alice, "sip:b@198.51.100.1"),
    ]


def test_what_has_expired_is_told_as_such_by_a_refresh_too() -> None:
    exchange, heard = _listening()
    with Bench(exchange, OPEN) as bench:
        _register(bench, "<sip:a@198.51.100.1>", 1)
        bench.advance(61)
        _register(bench, "<sip:b@198.51.100.1>", 2)
        assert [event for event, _, _ in heard] == ["added", "expired", "added"]


def test_a_phone_that_comes_back_elsewhere() -> None:
    exchange, heard = _listening()
    instance = ';+sip.instance="<urn:uuid:1>"'
    with Bench(exchange, OPEN) as bench:
        _register(bench, f"<sip:a@198.51.100.1>{instance}", 1)
        _register(bench, f"<sip:a@198.51.100.1:5070>{instance}", 2)
        assert [(event, contact[-4:]) for event, _, contact in heard] == [
            ("added", "00.1"),
            ("removed", "00.1"),
            ("added", "5070"),
        ]


def test_a_refused_registration_is_not_told() -> None:
    exchange, heard = _listening()
    with Bench(exchange) as bench:
        bench.ask("REGISTER", "sip:example.com")
        bench.ask_as("alice", "REGISTER", "sip:example.com", password="wrong")
        assert heard == []


def test_an_asynchronous_hook() -> None:
    exchange = Exchange()
    heard: list[str] = []

    @exchange.on("registration.added")
    async def hook(aor: str, _binding: Binding) -> None:
        await asyncio.sleep(1)
        heard.append(aor)

    with Bench(exchange, OPEN) as bench:
        _register(bench, "<sip:a@198.51.100.1>", 1)
        assert heard == []
        bench.advance(1)
        assert heard == ["sip:alice@example.com"]
        _register(bench, "<sip:b@198.51.100.1>", 2)
    assert len(heard) == 1  # the end of the server ended the hook


def test_a_hook_that_fails_is_logged() -> None:
    exchange = Exchange()
    heard: list[str] = []

    @exchange.on("registration.added")
    def plain(_aor: str, _binding: Binding) -> None:
        raise ValueError("plain")

    @exchange.on("registration.added")
    async def waiting(_aor: str, _binding: Binding) -> None:
        raise ValueError("async")

    @exchange.on("registration.added")
    def healthy(aor: str, _binding: Binding) -> None:
        heard.append(aor)

    with Bench(exchange, OPEN) as bench, structlog.testing.capture_logs() as logs:
        _register(bench, "<sip:a@198.51.100.1>", 1)
        assert [str(log["exc_info"]) for log in logs] == ["plain", "async"]
        assert {(log["event"], log["hook"], log["call_id"]) for log in logs} == {
            ("hook_failed", "registration.added", "one-phone")
        }
        assert heard == ["sip:alice@example.com"]


def test_a_hook_may_change_the_store() -> None:
    """Only one phone each: the newest."""
    exchange, heard = _listening()

    @exchange.on("registration.added")
    def only_one(aor: str, binding: Binding) -> None:
        bench.bindings.update_now(aor, lambda _before: (None, (binding,)))

    with Bench(exchange, OPEN) as bench:
        _register(bench, "<sip:a@198.51.100.1>", 1)
        _register(bench, "<sip:b@198.51.100.1>", 2)
        assert [event for event, _, _ in heard] == ["added", "added", "removed"]
        assert len(bench.bindings) == 1


def test_nothing_is_watched_for_nobody() -> None:
    watched: list[object] = []

    class Watched(MemoryBindings):
        def watch(self, watcher: Watcher) -> None:
            watched.append(watcher)

    RegistrationEvents(Handlers(), Watched(), lambda: 0.0, Gruus(b"k" * 32))
    assert watched == []


@pytest.mark.parametrize("event", ["registration", "registration.gone", ""])
def test_an_event_that_there_is_not(event: str) -> None:
    with pytest.raises(UsageError, match=r"there are registration\.added, "):
        Exchange().on(event)(lambda _aor, _binding: None)


@pytest.mark.rfc("3680", "4.2")
def test_watchers_are_told_why_a_contact_has_gone() -> None:
    exchange = Exchange()
    heard: list[RegistrationNews] = []
    exchange.registration(heard.append)
    with Bench(exchange, OPEN) as bench:
        _register(bench, "<sip:a@198.51.100.1>", 1)
        bench.advance(10)
        _register(bench, "<sip:a@198.51.100.1>", 2)
        bench.advance(10)
        _register(bench, "<sip:a@198.51.100.1>", 3, expires=0)
        _register(bench, "<sip:b@198.51.100.1>", 4)

        async def remove() -> None:
            with because("deactivated"):
                await bench.bindings.update("sip:alice@example.com", lambda _: (None, ()))

        bench.run(remove())
    told = [(each.state, contact) for each in heard for contact in each.contacts]
    assert [(state, contact.event, contact.duration) for state, contact in told] == [
        ("active", "created", 0),
        ("active", "refreshed", 10),
        ("terminated", "unregistered", 20),
        ("active", "created", 0),
        ("terminated", "deactivated", 0),
    ]
    assert told[0][1].id == told[2][1].id != told[3][1].id


def test_a_contact_that_has_gone_is_forgotten() -> None:
    exchange = Exchange()
    heard: list[RegistrationNews] = []
    exchange.registration(heard.append)
    with Bench(exchange, OPEN) as bench:
        _register(bench, "<sip:a@198.51.100.1>", 1)
        bench.advance(10)
        _register(bench, "<sip:a@198.51.100.1>", 2, expires=0)
        bench.advance(10)
        _register(bench, "<sip:a@198.51.100.1>", 3)
        _register(bench, "<sip:a@198.51.100.1>", 4)
        assert heard[-1].contacts[0].duration == 0  # it is a new one
        _register(bench, "<sip:a@198.51.100.1>", 5, expires=0)
        assert bench.dispatcher._registrations._since == {}


def test_a_watcher_that_fails_is_logged() -> None:
    exchange = Exchange()

    @exchange.registration
    async def broken(_news: RegistrationNews) -> None:
        raise ValueError("of the program")

    with structlog.testing.capture_logs() as logs, Bench(exchange, OPEN) as bench:
        _register(bench, "<sip:a@198.51.100.1>", 1)
    assert [(log["event"], log["hook"]) for log in logs] == [("hook_failed", "registration")]
