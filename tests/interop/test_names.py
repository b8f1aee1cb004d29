"""Next hops found by name, through a name server of the tests (RFC 3263): shares, silent and closed
servers, answers that loop, lie or never come."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.interop.harness.exchange import Exchange, Profile, Setup, serving
from tests.interop.harness.name_server import NameServer, name_server
from tests.interop.harness.process import LOOPBACK, until
from tests.interop.harness.sinks import closed_port, silent_port, sink
from tests.interop.harness.sipp import Load, Result, Sipp
from tests.interop.harness.wire import Draft, Response, Wire

pytestmark = [pytest.mark.interop(), pytest.mark.timeout(120)]

OPEN = Profile("open", ("udp", "tcp"), authenticate=False, registrar=True)
ROUTING = """
from offhook import Decision, Exchange, Request

exchange = Exchange()


@exchange.request("INVITE", "MESSAGE")
async def by_name(request: Request) -> Decision:
    domain, _, transport = str(request.uri).partition(":")[2].partition("@")[0].partition("+")
    suffix = f";transport={transport}" if transport else ""
    return await request.fork(f"sip:{domain}{suffix}")
"""
HOSTS = {f"s{each}.test": f"127.0.0.{10 + each}" for each in range(1, 6)}
ADDRESSES = {(name, "A"): [address] for name, address in HOSTS.items()}


@dataclass(slots=True)
class Stage:
    """An exchange that sends calls for sip:DOMAIN+TRANSPORT@example.com to that domain."""

    exchange: Exchange
    names: NameServer

    def call(self, domain: str, *, method: str = "INVITE", wait: float = 20.0) -> Response | None:
        """The final response of one request."""
        with Wire(self.exchange.endpoint.address("udp")) as wire:
            draft = Draft(method, f"sip:{domain}@example.com")
            return wire.final(draft.write(wire), timeout=wait)

    def timed(self, domain: str) -> tuple[int, float]:
        """The status of one INVITE and the seconds that it took."""
        began = time.monotonic()
        response = self.call(domain)
        return (response.status if response is not None else 0), time.monotonic() - began


@contextlib.contextmanager
def stage(folder: Path, records: Mapping[tuple[str, str], list[str]]) -> Iterator[Stage]:
    """Running."""
    with name_server({**ADDRESSES, **records}) as names:
        setup = Setup((OPEN,), routing=ROUTING, extra=names.setting)
        with serving(folder, setup) as exchange:
            yield Stage(exchange, names)


def srv(domain: str, *records: str, transport: str = "udp") -> dict[tuple[str, str], list[str]]:
    """The SRV records of a domain."""
    return {(f"_sip._{transport}.{domain}", "SRV"): list(records)}


def test_a_server_found_by_srv_gets_the_call(tmp_path: Path) -> None:
    with sink(HOSTS["s1.test"]) as server:
        records = srv("carrier.test", f"1 1 {server.port} s1.test.")
        with stage(tmp_path, records) as play:
            status, _ = play.timed("carrier.test")
            assert status == 486
            assert server.count("INVITE") == 1
            assert ("carrier.test", "NAPTR") in play.names.asked


def carrier(*servers: tuple[str, int, int, int]) -> dict[tuple[str, str], list[str]]:
    """carrier.test with servers: host, port, priority, weight."""
    texts = [f"{priority} {weight} {port} {host}." for host, port, priority, weight in servers]
    return srv("carrier.test", *texts)


def test_shares_are_those_of_the_weights(tmp_path: Path) -> None:
    weights = {"s1.test": 10, "s2.test": 30, "s3.test": 60}
    count = 3000
    with contextlib.ExitStack() as stack:
        servers = {name: stack.enter_context(sink(HOSTS[name], status=200)) for name in weights}
        records = carrier(*((name, one.port, 0, weights[name]) for name, one in servers.items()))
        play = stack.enter_context(stage(tmp_path, records))
        wire = stack.enter_context(Wire(play.exchange.endpoint.address("udp")))
        for _ in range(count):
            draft = Draft("MESSAGE", "sip:carrier.test@example.com")
            response = wire.final(draft.write(wire))
            assert response is not None
            assert response.status == 200
        counts = {name: one.count("MESSAGE") for name, one in servers.items()}
        assert sum(counts.values()) == count
        for name, weight in weights.items():
            share = weight / 100
            sigma = (count * share * (1 - share)) ** 0.5
            assert abs(counts[name] - count * share) < 3 * sigma, counts


def test_the_second_server_within_five_seconds_of_a_silent_first(tmp_path: Path) -> None:
    with sink(HOSTS["s2.test"]) as second, silent_port(HOSTS["s1.test"]) as port:
        records = carrier(("s1.test", port, 0, 0), ("s2.test", second.port, 1, 0))
        with stage(tmp_path, records) as play:
            status, took = play.timed("carrier.test")
            assert status == 486
            assert 3.9 < took < 5.0
            status, took = play.timed("carrier.test")
            assert (status, took < 1.0) == (486, True)  # the silent one is avoided now


@pytest.mark.parametrize("transport", ["udp", "tcp"])
def test_the_second_server_within_a_second_of_a_closed_first(
    tmp_path: Path, transport: str
) -> None:
    with sink(HOSTS["s2.test"]) as second:
        closed = closed_port(HOSTS["s1.test"])
        texts = [f"0 0 {closed} s1.test.", f"1 0 {second.port} s2.test."]
        with stage(tmp_path, srv("carrier.test", *texts, transport=transport)) as play:
            status, took = play.timed(f"carrier.test+{transport}")
            assert status == 486
            assert took < 1.0
            assert {used for used, _ in second.requests} == {transport}


def test_an_overloaded_server_is_left_alone_for_as_long_as_it_asks(tmp_path: Path) -> None:
    with sink(HOSTS["s1.test"], status=503) as first, sink(HOSTS["s2.test"]) as second:
        first.headers = b"Retry-After: 30\r\n"
        records = carrier(("s1.test", first.port, 0, 0), ("s2.test", second.port, 1, 0))
        with stage(tmp_path, records) as play:
            for _ in range(3):
                status, took = play.timed("carrier.test")
                assert (status, took < 1.0) == (486, True)
            assert (first.count("INVITE"), second.count("INVITE")) == (1, 3)


def test_a_killed_server_costs_no_call(tmp_path: Path) -> None:
    with sink(HOSTS["s1.test"]) as first, sink(HOSTS["s2.test"]) as second:
        records = carrier(("s1.test", first.port, 0, 0), ("s2.test", second.port, 1, 0))
        with stage(tmp_path, records) as play:
            assert play.timed("carrier.test")[0] == 486
            first.close()
            for _ in range(3):
                status, took = play.timed("carrier.test")
                assert (status, took < 1.0) == (486, True)
            assert (first.count("INVITE"), second.count("INVITE")) == (1, 3)


@pytest.mark.parametrize("count", [9, 120])
def test_many_records(tmp_path: Path, count: int) -> None:
    """The answer of 120 records comes over TCP."""
    with sink(HOSTS["s1.test"]) as server:
        texts = [f"{each} 1 {server.port} s1.test." for each in range(count)]
        with stage(tmp_path, srv("carrier.test", *texts)) as play:
            status, took = play.timed("carrier.test")
            assert (status, took < 1.0) == (486, True)
            assert server.count("INVITE") == 1


def test_naptr_leads_to_tcp_in_another_domain(tmp_path: Path) -> None:
    with sink(HOSTS["s1.test"]) as server:
        records = {
            ("carrier.test", "NAPTR"): [
                '20 0 "s" "SIP+D2U" "" _sip._udp.carrier.test.',
                '10 0 "s" "SIP+D2T" "" _sip._tcp.elsewhere.test.',
                '5 0 "s" "SIPS+D2T" "" _sips._tcp.carrier.test.',
                '1 0 "u" "E2U+sip" "!^.*$!sip:nobody@nowhere.test!" .',
            ],
            **srv("elsewhere.test", f"0 0 {server.port} s1.test.", transport="tcp"),
        }
        with stage(tmp_path, records) as play:
            assert play.timed("carrier.test")[0] == 486
            assert [used for used, data in server.requests if data[:6] == b"INVITE"] == ["tcp"]


BAD: dict[str, dict[tuple[str, str], list[str]]] = {
    "loop": {
        ("loop.test", "CNAME"): ["pool.test."],
        ("pool.test", "CNAME"): ["loop.test."],
    },
    "root": srv("root.test", "0 0 5060 ."),
    "port": srv("port.test", "0 0 0 s1.test."),
    "gone": srv("gone.test", "0 0 5060 nobody.test."),
    "circle": srv("circle.test", "0 0 5060 _sip._udp.circle.test."),
    "six": {("six.test", "AAAA"): ["2001:db8::1"]},
    "nothing": {("nothing.test", "TXT"): ['"no SIP here"']},
    "absent": {},
}


@pytest.mark.parametrize("name", sorted(BAD))
def test_answers_that_lie_cost_only_the_call(tmp_path: Path, name: str) -> None:
    with sink(HOSTS["s1.test"]) as server:
        records = {**BAD[name], **carrier(("s1.test", server.port, 0, 0))}
        with stage(tmp_path, records) as play:
            status, took = play.timed(f"{name}.test")
            assert status in (480, 500)
            assert took < 5.0
            status, took = play.timed("carrier.test")
            assert (status, took < 1.0) == (486, True)


GARBAGE = {
    "header": b"\x81\x80\x00\x01",
    "counts": b"\x81\x80\xff\xff\xff\xff\xff\xff\xff\xff" + b"\x00" * 40,
    "pointers": b"\x81\x80\x00\x01\x00\x01\x00\x00\x00\x00\xc0\x0c\x00\x01\x00\x01",
    "truncated": b"\x83\x80\x00\x01\x00\x00\x00\x00\x00\x00",
    "zeros": b"\x00" * 500,
}


@pytest.mark.parametrize("kind", sorted(GARBAGE))
def test_octets_that_are_no_answer_cost_only_the_call(tmp_path: Path, kind: str) -> None:
    with (
        sink(HOSTS["s1.test"]) as server,
        stage(tmp_path, carrier(("s1.test", server.port, 0, 0))) as play,
    ):
        names = ("bad.test", "_sip._udp.bad.test", "_sip._tcp.bad.test")
        play.names.garbage = dict.fromkeys(names, GARBAGE[kind])
        with Wire(play.exchange.endpoint.address("udp")) as wire:
            wire.send(Draft("INVITE", "sip:bad.test@example.com").write(wire))
            status, took = play.timed("carrier.test")
            assert (status, took < 0.5) == (486, True)
            finals = [one.status for one in wire.responses(9.0) if one.final]
        assert set(finals) <= {480, 500}
        assert finals


@pytest.mark.interop("sipp")
def test_calls_of_real_programs_share_two_servers(tmp_path: Path) -> None:
    """Every call completes, its ACK and BYE at the server that answered."""
    calls = 60
    with contextlib.ExitStack() as stack:
        servers = [Sipp(tmp_path, "answerer", Load(calls)) for _ in range(2)]
        for each in servers:
            stack.callback(each.stop)
        texts = [f"0 {each + 1} {one.port} here.test." for each, one in enumerate(servers)]
        records = {**srv("carrier.test", *texts), ("here.test", "A"): [LOOPBACK]}
        play = stack.enter_context(stage(tmp_path / "exchange", records))
        target = play.exchange.endpoint.address("udp")
        load = Load(calls, rate=30, service="carrier.test")
        caller = Sipp(tmp_path, "caller", load, target=target)
        stack.callback(caller.stop)
        assert caller.finish(timeout=30) == Result(calls, calls, 0, 0, 0), caller.explain()
        until(
            lambda: sum(each.result().successful for each in servers) == calls,
            timeout=5.0,
            what="all calls have ended",
        )
        assert all(each.result().successful > 0 for each in servers)


def test_a_black_hole_delays_nobody_else(tmp_path: Path) -> None:
    with (
        sink(HOSTS["s1.test"]) as server,
        stage(tmp_path, carrier(("s1.test", server.port, 0, 0))) as play,
    ):
        assert play.timed("carrier.test")[0] == 486
        play.names.black_hole = True
        address = play.exchange.endpoint.address("udp")
        with contextlib.ExitStack() as stack:
            lost = [stack.enter_context(Wire(address)) for _ in range(20)]
            for number, wire in enumerate(lost):
                wire.send(Draft("INVITE", f"sip:hole{number}.test@example.com").write(wire))
            for _ in range(20):
                status, took = play.timed("carrier.test")
                assert (status, took < 0.5) == (486, True)
            finals = [
                next((one.status for one in wire.responses(12.0) if one.final), 0) for wire in lost
            ]
        assert set(finals) <= {480, 500}
        assert "lookup_failed" in play.exchange.running.output


def test_the_tools_find_servers_by_name_too(tmp_path: Path) -> None:
    with sink(HOSTS["s2.test"], status=200) as server:
        closed = closed_port(HOSTS["s1.test"])
        texts = [f"0 0 {closed} s1.test.", f"1 0 {server.port} s2.test."]
        with stage(tmp_path, srv("carrier.test", *texts, transport="tcp")) as play:
            done = play.exchange.offhook("ping", "sip:carrier.test;transport=tcp")
            assert done.returncode == 0, done.stdout + done.stderr
            assert f"tcp:{HOSTS['s2.test']}:{server.port}" in done.stdout
            done = play.exchange.offhook("ping", "sip:absent.test")
            assert done.returncode != 0
            assert "no address is known" in done.stdout + done.stderr


def test_a_tool_asks_the_next_server_if_the_first_is_silent(tmp_path: Path) -> None:
    with sink(HOSTS["s2.test"], status=200) as server, silent_port(HOSTS["s1.test"]) as port:
        records = carrier(("s1.test", port, 0, 0), ("s2.test", server.port, 1, 0))
        with stage(tmp_path, records) as play:
            done = play.exchange.offhook("ping", "sip:carrier.test", "--timeout", "1")
            assert done.returncode == 0, done.stdout + done.stderr
            assert f"udp:{HOSTS['s2.test']}:{server.port}" in done.stdout
