"""What a scrape shows of a server that something happens to."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Sequence
from dataclasses import fields
from functools import partial

import structlog
from prometheus_client.parser import text_string_to_metric_families

from offhook.registrar import Binding
from offhook.server.metric_table import PREFIX
from offhook.server.metrics import Metrics
from offhook.testing import Peer, World, build_request, run
from offhook.transport.flow import Flow, Listener

AT = ("198.51.100.40", 5060)
SERVER = ("192.0.2.1", 5060)
UDP = {"profile": "internal", "transport": "UDP"}
TCP = {"profile": "internal", "transport": "TCP"}
UNSHOWN = [  # the tallies by profile, transport and method say the same and more
    "offhook.engine.parts.requests",
    "offhook.engine.parts.responses",
]
SCRAPE_LIMIT = 0.1  # seconds of real time, with much room for a busy machine: 3 ms are usual


class Page:
    """One scrape."""

    def __init__(self, metrics: Metrics) -> None:
        self.samples = {
            (sample.name, frozenset(sample.labels.items())): sample.value
            for family in text_string_to_metric_families(metrics.render().decode())
            for sample in family.samples
        }

    def __call__(self, name: str, **labels: str) -> float:
        return self.samples[f"{PREFIX}{name}", frozenset(labels.items())]


def test_a_server_that_is_not_open_has_no_numbers_of_calls() -> None:
    page = Page(Metrics(lambda: None))
    assert page("core_uptime_seconds") >= 0
    assert not [name for name, _ in page.samples if name.startswith(f"{PREFIX}core_rcv")]


def test_registrations_and_a_call() -> None:
    async def story(world: World) -> None:
        metrics = Metrics(world.server.measures)
        alice = await world.registered("alice")
        await world.registered("bob", transport="TCP")
        call = await alice.call("bob@example.com")
        assert call.status == 200
        page = Page(metrics)
        assert page("usrloc_registered_users") == page("usrloc_location_contacts") == 2
        assert page("registrar_accepted_regs_total") == 2
        assert page("registrar_rejected_regs_total") == 0
        assert page("core_rcv_requests_total", **UDP, method="REGISTER") == 2
        assert page("core_sent_replies_total", **UDP, code="401") == 1
        assert page("core_sent_requests_total", **TCP, method="INVITE") == 1
        assert page("core_rcv_replies_total", **TCP, method="INVITE", code="200") == 1
        assert page("auth_outcomes_total", outcome="authenticated") == 3
        assert page("auth_outcomes_total", outcome="challenged") == 3
        assert page("tcp_connections", **TCP) == 1
        assert page("tcp_passive_open_total") == 1
        assert page("tm_inuse_transactions", kind="server") > 0
        assert page("udp_rcv_datagrams_total") > 4
        await call.hang_up()
        await world.settle()
        assert Page(metrics)("tm_inuse_transactions", kind="server") == 0

    run(story)


def test_bad_input_is_counted() -> None:
    async def story(world: World) -> None:
        peer = await Peer.at(world.wire, AT[0])
        for data in (
            b"NONSENSE " * 20,
            b"SIP/2.0 200 OK\r\nVia: SIP/2.0/UDP h;branch=z9hG4bKx\r\nCSeq: 1 INVITE\r\n\r\n",
            build_request("ACK", "sip:bob@elsewhere.example", source=AT),
            build_request("REGISTER", "sip:elsewhere.example", source=AT, caller="<sip:a@b>"),
            build_request("MADEUP", "sip:bob@example.com", source=AT),
        ):
            await peer.send(data, SERVER)
        await asyncio.sleep(1)
        page = Page(Metrics(world.server.measures))
        assert page("core_bad_msg_hdr_total") == 1
        assert page("core_drop_replies_total") == 1
        assert page("core_drop_acks_total") == 1
        assert page("core_rcv_requests_total", **UDP, method="other") == 1
        assert page("core_sent_replies_total", **UDP, code="405") == 1

    run(story, delay=(0.01, 0.01))


def test_guessers_are_seen() -> None:
    async def story(world: World) -> None:
        phone = await world.phone("alice")
        phone.change_password("wrong")
        with structlog.testing.capture_logs():
            for _ in range(25):
                await phone.register()
        page = Page(Metrics(world.server.measures))
        assert page("auth_outcomes_total", outcome="wrong") > 20  # decaying
        assert page("auth_outcomes_total", outcome="banned") > 1
        assert page("auth_banned_sources") == 1

    run(story)


def test_bindings_that_end() -> None:
    async def story(world: World) -> None:
        phone = await world.phone("alice", transport="TLS")
        await phone.register()
        await phone.network.stop()
        await (await world.phone("bob")).register(60)
        await world.settle()
        page = Page(Metrics(world.server.measures))
        assert page("usrloc_location_lost_total") == 1
        assert page("usrloc_location_expires_total") == 1
        assert page("usrloc_location_contacts") == 0

    run(story)


def _only(aor: str, _before: Sequence[Binding]) -> tuple[None, Sequence[Binding]]:
    return None, (Binding(aor, aor, 4e9, 1000, "c", 1, "", (), "f", False, "", 0.0),)


def test_a_scrape_does_not_look_at_every_binding() -> None:
    async def story(world: World) -> None:
        store = world.server.storage.bindings
        for number in range(50_000):
            aor = f"sip:{number}@example.com"
            store.update_now(aor, partial(_only, aor))
        metrics = Metrics(world.server.measures)
        metrics.render()
        started = time.perf_counter()
        page = metrics.render()
        assert time.perf_counter() - started < SCRAPE_LIMIT
        assert b"offhook_usrloc_location_contacts 50000.0" in page

    run(story, leaks=False)


def test_draining() -> None:
    async def story(world: World) -> None:
        alice = await world.registered("alice")
        await world.registered("bob")
        assert await alice.send("MESSAGE", "sip:bob@example.com") == 200
        metrics = Metrics(world.server.measures)
        assert Page(metrics)("core_draining") == 0
        world.server.engine.drain()
        assert await alice.send("MESSAGE", "sip:bob@example.com") == 503
        page = Page(metrics)
        assert page("core_draining") == page("core_overload_refusals_total") == 1
        assert page("tm_uas_transactions_total") == 3
        assert page("tm_uac_transactions_total") == 1

    run(story)


def test_the_loop_gets_its_turns_during_a_long_page() -> None:
    async def story(world: World) -> None:
        traffic = world.server.engine.counters.traffic
        for number in range(20):
            listener = Listener(f"profile{number}", "UDP", "192.0.2.1", 5060)
            traffic.request_in(Flow(listener, SERVER, AT), "INVITE")
        metrics = Metrics(world.server.measures)
        page = asyncio.create_task(metrics.page())
        turns = 0
        while not page.done():
            turns += 1
            await asyncio.sleep(0)
        assert turns > 4
        shown = [line for line in (await page).splitlines() if line.startswith(b"offhook_core_rcv")]
        rendered = metrics.render().splitlines()
        assert shown == [line for line in rendered if line.startswith(b"offhook_core_rcv")]
        assert len(shown) == 20 * 15

    run(story, leaks=False)


def test_no_counter_is_forgotten() -> None:
    async def story(world: World) -> None:
        measures = world.server.measures()
        every = (
            measures.engine.counters,
            measures.network.counters,
            measures.exchange,
            measures.stun,
        )
        names: dict[float, str] = {}
        for counters in every:
            for field in fields(counters):
                if isinstance(getattr(counters, field.name), int):
                    number = 1_000_003 + len(names)
                    names[number] = f"{type(counters).__module__}.{field.name}"
                    setattr(counters, field.name, number)
        shown = set(Page(Metrics(lambda: measures)).samples.values())
        assert [name for number, name in names.items() if number not in shown] == UNSHOWN

    run(story, leaks=False)
