"""Contacts behind NATs are pinged by their flow, and removed when they stay silent."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import Unpack

import pytest

from offhook.errors import StorageError
from offhook.exchange import Exchange
from offhook.exchange.keep_alive import Health, KeepAlive
from offhook.exchange.ping_schedule import KeepAlivePolicy
from offhook.message import Message
from offhook.registrar.binding import Binding
from offhook.registrar.news import RegistrationNews
from offhook.storage.memory import MemoryBindings
from tests.unit.exchange.bench import BOB, Bench, Changes, Setting

POLICY = KeepAlivePolicy(interval=20.0, lost=2)
NAT = ("203.0.113.9", 31337)
FLOW = f"udp/192.0.2.1:5060/{NAT[0]}:{NAT[1]}"


@contextmanager
def kept(
    policy: KeepAlivePolicy = POLICY, *, bench: Bench | None = None
) -> Iterator[tuple[Bench, KeepAlive]]:
    """A bench whose contacts are kept alive."""
    with bench or Bench() as found:

        async def start() -> KeepAlive:
            made = KeepAlive(found.serving, policy)
            await made.start()
            return made

        keep_alive = found.run(start())
        try:
            yield found, keep_alive
        finally:
            found.run(keep_alive.stop())


def bind(bench: Bench, user: str, host: str, **changes: Unpack[Changes]) -> Binding:
    """A phone registers while the exchange runs."""
    found: list[Binding] = []
    bench.play(lambda: found.append(bench.bind(user, host, **changes)))
    return found[0]


def natted(bench: Bench) -> Binding:
    """Bob is behind a NAT."""
    return bind(bench, "bob", "192.168.1.2", flow=FLOW, by_flow=True)


def health_of(bench: Bench, keep_alive: KeepAlive, binding: Binding) -> Health:
    """What is known of a contact."""
    found: list[Health | None] = []
    bench.play(lambda: found.append(keep_alive.health(binding)))
    assert found[0] is not None
    return found[0]


def until_ping(bench: Bench, seconds: float = 20.1) -> Message:
    """Let time pass until a ping leaves."""
    for _ in range(int(seconds / 0.1)):
        for message in bench.advance(0.1):
            return message
    raise AssertionError(f"no ping in {seconds} s")


def test_a_ping_goes_by_the_flow_and_an_answer_is_life() -> None:
    with kept() as (bench, keep_alive):
        bob = natted(bench)
        ping = until_ping(bench)
        assert (ping.method, ping.uri) == ("OPTIONS", bob.contact)
        assert bench.network.sent[-1].flow.remote == NAT
        assert (ping.get("via") or "").startswith("SIP/2.0/UDP 192.0.2.1:5060;")
        assert bench.respond(ping, 404, source=NAT) == []  # any response counts
        health = health_of(bench, keep_alive, bob)
        assert health.lost == 0
        assert health.latency is not None
        bench.advance(5.0)
        later = health_of(bench, keep_alive, bob)
        assert health.alive is not None
        assert later.alive == pytest.approx(health.alive + 5.0)
        for _ in range(5):
            bench.respond(until_ping(bench), 200, source=NAT)
        assert bench.bindings.lookup_now(bob.aor) == (bob,)
        assert (keep_alive.sent, keep_alive.dropped) == (6, 0)


def test_silence_removes_the_contact_and_tells() -> None:
    exchange = Exchange()
    removed: list[str] = []

    @exchange.on("registration.removed")
    def gone(aor: str, binding: Binding) -> None:
        removed.append(f"{aor} {binding.flow}")

    with kept(bench=Bench(exchange)) as (bench, keep_alive):
        bob = natted(bench)
        bench.advance(39.0)
        assert bench.bindings.lookup_now(bob.aor)
        bench.advance(21.5)
        assert not bench.bindings.lookup_now(bob.aor)
        assert keep_alive.dropped == 1
        assert removed == [f"{bob.aor} {FLOW}"]
        before = keep_alive.sent
        bench.advance(100.0)
        assert keep_alive.sent == before


@pytest.mark.rfc("3680", "4.2")
@pytest.mark.parametrize("immediate", [True, False])
def test_the_reason_is_not_the_phones_wish(immediate: bool) -> None:
    exchange = Exchange()
    heard: list[RegistrationNews] = []
    exchange.registration(heard.append)
    with kept(bench=Bench(exchange, Setting(immediate=immediate))) as (bench, _):
        natted(bench)
        bench.advance(60.5)
    assert [told.contacts[0].event for told in heard] == ["created", "deactivated"]


def test_a_phone_that_came_back_is_kept() -> None:
    with kept() as (bench, keep_alive):
        bob = natted(bench)
        bench.advance(39.0)
        again = replace(bob, registered=bob.registered + 39.0)
        bench.bindings.update_now(bob.aor, lambda _: (None, [again]))
        bench.advance(21.0)
        assert bench.bindings.lookup_now(bob.aor) == (again,)
        assert keep_alive.dropped == 0


def test_a_refused_port_is_silence_and_no_more() -> None:
    """ICMP may be forged, and a phone that starts anew is back in a moment."""
    with kept() as (bench, _):
        bob = natted(bench)
        until_ping(bench)
        flow = bench.network.sent[-1].flow
        bench.play(lambda: bench.network.sink.send_failed(flow))
        assert bench.bindings.lookup_now(bob.aor)


def test_an_empty_line_is_sent_and_nothing_expected() -> None:
    with kept(replace(POLICY, method="crlf")) as (bench, keep_alive):
        bob = natted(bench)
        bench.run(asyncio.sleep(100.1))
        sent = [(each.flow.remote, each.data) for each in bench.network.sent]
        assert sent == [(NAT, b"\r\n\r\n")] * 5
        assert bench.bindings.lookup_now(bob.aor)
        assert keep_alive.dropped == 0


def test_nobody_is_pinged_when_it_is_off() -> None:
    with kept(replace(POLICY, method="off")) as (bench, keep_alive):
        bob = natted(bench)
        assert bench.advance(100.0) == []
        assert len(keep_alive) == 0
        assert keep_alive.health(bob) is None


def test_all_means_the_public_ones_by_their_contact() -> None:
    with kept(replace(POLICY, every=True)) as (bench, _):
        bind(bench, "bob", BOB[0])
        ping = until_ping(bench)
        assert ping.uri == f"sip:bob@{BOB[0]}:5060"
        assert bench.network.sent[-1].flow.remote == BOB


def test_bindings_of_before_the_start_are_pinged() -> None:
    bench = Bench()
    bench.bind("bob", "192.168.1.2", flow=FLOW, by_flow=True)
    with kept(bench=bench) as (_, keep_alive):
        assert len(keep_alive) == 1
        assert until_ping(bench).method == "OPTIONS"


def test_a_restart_with_many_contacts_makes_no_storm() -> None:
    bench = Bench()
    for number in range(2000):
        flow = f"udp/192.0.2.1:5060/203.0.113.9:{2000 + number}"
        bench.bind(f"user{number}", "192.168.1.2", flow=flow, by_flow=True)
    with kept(bench=bench) as (_, keep_alive):
        counts = []
        for _ in range(20):
            before = keep_alive.sent
            bench.run(asyncio.sleep(1.0))
            counts.append(keep_alive.sent - before)
        assert sum(counts) >= 1990
        assert max(counts) < 150  # 100 on average


def test_flows_of_another_server_are_left_alone() -> None:
    with kept() as (bench, keep_alive):
        elsewhere = "udp/192.0.2.77:5060/203.0.113.9:31337"
        bob = bind(bench, "bob", "192.168.1.2", flow=elsewhere, by_flow=True)
        assert bench.advance(200.0) == []
        assert bench.bindings.lookup_now(bob.aor)
        assert keep_alive.sent == 0


def test_a_contact_that_cannot_be_pinged_costs_itself_alone() -> None:
    with kept(replace(POLICY, every=True)) as (bench, _):
        bind(bench, "alice", "x", contact="sip:alice@host;transport=smoke")
        bind(bench, "bob", BOB[0])
        pinged = {ping.uri for ping in bench.advance(20.1)}
        assert pinged == {f"sip:bob@{BOB[0]}:5060"}


class Frozen(MemoryBindings):
    """A store that fails while it is asked to change anything."""

    broken = False

    async def update(self, aor, change):  # type: ignore[no-untyped-def] # as its base
        if self.broken:
            raise StorageError("frozen")
        return self.update_now(aor, change)


def test_a_store_that_fails_is_asked_again() -> None:
    store = Frozen()
    bench = Bench(setting=Setting(immediate=False), bindings=store)
    with kept(bench=bench) as (_, keep_alive):
        bob = natted(bench)
        store.broken = True
        bench.advance(60.5)
        assert store.lookup_now(bob.aor)
        store.broken = False
        bench.advance(20.0)
        assert not store.lookup_now(bob.aor)
        assert keep_alive.dropped == 1
