"""Look-ups against a small name server on loopback: order, cache, deadlines. Each test below half a
second.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import cast

import dns.flags
import dns.message
import dns.rcode
import dns.rdatatype
import dns.rrset
import pytest

from offhook.runtime import dns as subject
from offhook.runtime.counters import Counters
from offhook.runtime.dns import Resolver
from offhook.transport.flow import Address
from offhook.transport.records import NOTHING, Answer, Kind, Naptr, Question, Srv
from tests.unit.runtime.loopback import Story, dead_port

Zone = dict[tuple[str, str], tuple[int, list[str]]]  # (name, type): TTL, records

ZONE: Zone = {
    ("both.example.", "A"): (300, ["192.0.2.1", "192.0.2.2"]),
    ("both.example.", "AAAA"): (300, ["2001:db8::1"]),
    ("four.example.", "A"): (0, ["192.0.2.4"]),
    ("six.example.", "AAAA"): (300, ["2001:db8::6"]),
    ("alias.example.", "CNAME"): (300, ["both.example."]),
    ("empty.example.", "TXT"): (300, ['"nothing"']),
    ("both.example.", "NAPTR"): (300, ['50 10 "s" "SIP+D2U" "" _sip._udp.both.example.']),
    ("_sip._udp.both.example.", "SRV"): (300, ["1 2 5070 Sip1.Both.example.", "2 0 5060 ."]),
    ("loop.example.", "CNAME"): (300, ["loop.example."]),
}

NAPTR = Question(Kind.NAPTR, "both.example")
SRV = Question(Kind.SRV, "_sip._udp.both.example.")
POINTER = Answer(naptr=(Naptr(50, 10, "s", "SIP+D2U", "_sip._udp.both.example"),))
SERVERS = Answer(srv=(Srv(1, 2, 5070, "sip1.both.example"), Srv(2, 0, 5060, "")))


class NameServer(asyncio.DatagramProtocol):
    """Answers from `zone`; keeps quiet for the names and types in `mute`, fails for `broken`."""

    def __init__(self, zone: Zone, mute: Sequence[str]) -> None:
        self.zone = zone
        self.mute = mute
        self.broken: Sequence[str] = []
        self.asked: list[str] = []

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast(asyncio.DatagramTransport, transport)

    def datagram_received(self, data: bytes, address: Address) -> None:
        query = dns.message.from_wire(data)
        name = query.question[0].name.to_text().lower()
        kind = dns.rdatatype.to_text(query.question[0].rdtype)
        self.asked.append(f"{kind} {name}")
        if name in self.mute or f"{kind} {name}" in self.mute:
            return
        response = dns.message.make_response(query)
        response.flags |= dns.flags.RA
        self._fill(response, name, kind)
        self.transport.sendto(response.to_wire(), address)

    def _fill(self, response: dns.message.Message, name: str, kind: str) -> None:
        if name.startswith("broken.") or f"{kind} {name}" in self.broken:
            response.set_rcode(dns.rcode.SERVFAIL)
            return
        alias = self.zone.get((name, "CNAME"))
        if alias is not None:
            response.answer.append(
                dns.rrset.from_text_list(name, alias[0], "IN", "CNAME", alias[1])
            )
            name = alias[1][0]
        found = self.zone.get((name, kind))
        if found is not None:
            response.answer.append(dns.rrset.from_text_list(name, found[0], "IN", kind, found[1]))
        elif name not in {known for known, _ in self.zone}:
            response.set_rcode(dns.rcode.NXDOMAIN)


@asynccontextmanager
async def name_server(mute: Sequence[str] = ()) -> AsyncIterator[tuple[NameServer, Address]]:
    loop = asyncio.get_running_loop()
    transport, server = await loop.create_datagram_endpoint(
        lambda: NameServer(ZONE, mute), local_addr=("127.0.0.1", 0)
    )
    try:
        yield server, transport.get_extra_info("sockname")
    finally:
        transport.close()


@asynccontextmanager
async def resolver(
    mute: Sequence[str] = (), *, deadline: float = 2.0, hosts: Path = Path("/nonexistent")
) -> AsyncIterator[tuple[Resolver, NameServer, Counters]]:
    counters = Counters()
    async with name_server(mute) as (server, address):
        made = Resolver(
            counters=counters, name_servers=[address], hosts_file=hosts, deadline=deadline
        )
        try:
            yield made, server, counters
        finally:
            await made.close()


async def ask_all(made: Resolver, *questions: Question) -> Sequence[Answer]:
    """The answers to one look-up."""
    answer: asyncio.Future[Sequence[Answer]] = asyncio.get_running_loop().create_future()
    made.resolve(questions, answer.set_result)
    return await answer


async def ask(made: Resolver, host: str) -> tuple[str, ...]:
    """The addresses of a name."""
    (answer,) = await ask_all(made, Question(Kind.ADDRESSES, host))
    return answer.addresses


@pytest.mark.parametrize(
    ("host", "expected"),
    [
        ("both.example", ("192.0.2.1", "192.0.2.2", "2001:db8::1")),
        ("BOTH.Example.", ("192.0.2.1", "192.0.2.2", "2001:db8::1")),
        ("alias.example", ("192.0.2.1", "192.0.2.2", "2001:db8::1")),
        ("four.example", ("192.0.2.4",)),
        ("six.example", ("2001:db8::6",)),
        ("empty.example", ()),
        ("absent.example", ()),
        ("broken.example", ()),
        ("loop.example", ()),
    ],
)
def test_answers(run: Story, host: str, expected: tuple[str, ...]) -> None:
    async def story() -> None:
        async with resolver() as (made, _, counters):
            addresses = await ask(made, host)
            assert sorted(addresses) == sorted(expected)  # the name server may shuffle
            assert [":" in address for address in addresses] == [":" in text for text in expected]
            assert counters.lookups == 2
            assert counters.lookups_failed == (not expected)

    run(story())


@pytest.mark.parametrize(
    ("host", "expected"),
    [
        ("192.0.2.1", ("192.0.2.1",)),
        ("2001:DB8::1", ("2001:db8::1",)),
        ("[2001:db8::1]", ("2001:db8::1",)),
        ("localhost", ("127.0.0.1", "::1")),
        ("pbx", ("10.0.0.1",)),
        ("PBX.", ("10.0.0.1",)),
    ],
)
def test_what_needs_no_name_server_is_answered_at_once(
    run: Story, tmp_path: Path, host: str, expected: tuple[str, ...]
) -> None:
    hosts = tmp_path / "hosts"
    hosts.write_text("10.0.0.1 pbx\n")

    async def story() -> None:
        async with resolver(hosts=hosts) as (made, server, _):
            answers: list[Sequence[Answer]] = []
            made.resolve([Question(Kind.ADDRESSES, host)], answers.append)
            assert answers == [[Answer(addresses=expected)]]
            assert not server.asked

    run(story())


@pytest.mark.parametrize(
    "host", ["", ".", "a..b", "x" * 70 + ".example", "a b", "\0", "\udcff.example", "ü" * 70]
)
def test_names_that_cannot_be_asked_for(run: Story, host: str) -> None:
    async def story() -> None:
        async with resolver() as (made, _, _):
            assert await ask(made, host) == ()

    run(story())


def test_services_and_servers(run: Story) -> None:
    async def story() -> None:
        async with resolver() as (made, server, _):
            nobody = Question(Kind.SRV, "_sip._tcp.both.example")
            expected = [POINTER, SERVERS, NOTHING]
            for _ in range(2):
                answers = await ask_all(made, NAPTR, SRV, nobody)
                assert [set(each.srv) for each in answers] == [set(each.srv) for each in expected]
                assert [each.naptr for each in answers] == [each.naptr for each in expected]
            assert len(server.asked) == 3

    run(story())


def test_a_name_of_the_hosts_file_has_no_services(run: Story, tmp_path: Path) -> None:
    hosts = tmp_path / "hosts"
    hosts.write_text("10.0.0.1 pbx\n")

    async def story() -> None:
        async with resolver(hosts=hosts) as (made, server, _):
            asked = [Question(Kind.NAPTR, "pbx"), Question(Kind.SRV, "_sip._udp.pbx")]
            assert await ask_all(made, *asked) == [NOTHING, NOTHING]
            assert not server.asked

    run(story())


def test_servers_do_not_wait_long_for_what_else_was_asked(
    run: Story, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(subject, "STRAGGLER", 0.05)

    async def story() -> None:
        async with resolver(["SRV _sip._tcp.both.example.", "absent.example."]) as (made, _, _):
            loop = asyncio.get_running_loop()
            began = loop.time()
            silent = Question(Kind.SRV, "_sip._tcp.both.example")
            first, second = await ask_all(made, SRV, silent)
            assert set(first.srv) == set(SERVERS.srv)
            assert second == NOTHING
            assert loop.time() - began < 0.4

    run(story())


def test_an_old_answer_stands_in_for_a_silent_server(
    run: Story, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(subject, "SHORTEST", 0.0)
    monkeypatch.setattr(subject, "STALE_PATIENCE", 0.1)

    async def story() -> None:
        async with resolver() as (made, server, counters):
            assert await ask(made, "four.example") == ("192.0.2.4",)
            server.mute = ["four.example."]
            began = asyncio.get_running_loop().time()
            assert await ask(made, "four.example") == ("192.0.2.4",)
            assert asyncio.get_running_loop().time() - began < 0.4
            asked = len(server.asked)
            assert await ask(made, "four.example") == ("192.0.2.4",)
            assert len(server.asked) == asked  # not asked again for a while
            assert counters.lookups_stale == 1

    run(story())


def test_an_old_answer_does_not_stand_in_for_ever(
    run: Story, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(subject, "SHORTEST", 0.0)
    monkeypatch.setattr(subject, "STALE", 0.3)
    monkeypatch.setattr(subject, "STALE_PATIENCE", 0.05)
    monkeypatch.setattr(subject, "STALE_KEPT", 0.01)

    async def story() -> None:
        async with resolver(deadline=0.1) as (made, server, _):
            loop = asyncio.get_running_loop()
            assert await ask(made, "four.example") == ("192.0.2.4",)
            server.mute = ["four.example."]
            began = loop.time()
            while await ask(made, "four.example"):
                assert loop.time() - began < 1.0
                await asyncio.sleep(0.02)

    run(story())


def test_one_dead_domain_leaves_room_for_others(
    run: Story, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(subject, "PER_DOMAIN", 2)

    async def story() -> None:
        mute = [f"{name}.dead.example." for name in "abc"]
        async with resolver(mute, deadline=0.2) as (made, _, counters):
            waiting = [asyncio.ensure_future(ask(made, f"{name}.dead.example")) for name in "ab"]
            await asyncio.sleep(0)
            assert await ask(made, "c.dead.example") == ()
            assert counters.lookups_refused == 1
            assert set(await ask(made, "both.example")) >= {"192.0.2.1"}
            assert await asyncio.gather(*waiting) == [(), ()]

    run(story())


def test_an_answer_is_kept_and_a_question_asked_once(run: Story) -> None:
    async def story() -> None:
        async with resolver() as (made, server, counters):
            answers = await asyncio.gather(*(ask(made, "both.example") for _ in range(20)))
            assert len(set(answers)) == 1
            assert await ask(made, "both.example") == answers[0]
            assert sorted(server.asked) == ["A both.example.", "AAAA both.example."]
            assert await ask(made, "absent.example") == ()
            assert await ask(made, "absent.example") == ()
            assert counters.lookups == 4

    run(story())


def test_an_answer_ends_with_its_time_to_live(run: Story, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(subject, "SHORTEST", 0.0)

    async def story() -> None:
        async with resolver() as (made, server, _):
            for _ in range(2):
                assert await ask(made, "four.example") == ("192.0.2.4",)
            assert server.asked.count("A four.example.") == 2

    run(story())


def test_a_silent_name_server_delays_only_who_asked(run: Story) -> None:
    async def story() -> None:
        async with resolver(["hole.example."], deadline=0.2) as (made, _, counters):
            loop = asyncio.get_running_loop()
            began = loop.time()
            lost = asyncio.ensure_future(ask(made, "hole.example"))
            assert await ask(made, "four.example") == ("192.0.2.4",)
            assert loop.time() - began < 0.15
            assert not lost.done()
            assert await lost == ()
            assert 0.15 < loop.time() - began < 0.4
            assert await ask(made, "hole.example") == ()  # believed for a while
            assert counters.lookups == 4
            assert counters.lookups_failed == 1

    run(story())


def test_one_silent_family_does_not_hold_the_other(
    run: Story, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(subject, "STRAGGLER", 0.05)

    async def story() -> None:
        async with resolver(["AAAA both.example."]) as (made, _, _):
            began = asyncio.get_running_loop().time()
            assert set(await ask(made, "both.example")) == {"192.0.2.1", "192.0.2.2"}
            assert asyncio.get_running_loop().time() - began < 0.4

    run(story())


def test_what_only_one_family_answered_is_not_kept_long(
    run: Story, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Else a name server that stumbles once hides the addresses of a family for hours."""
    monkeypatch.setattr(subject, "NEGATIVE_LONGEST", 0.0)
    monkeypatch.setattr(subject, "SHORTEST", 0.0)

    async def story() -> None:
        async with resolver() as (made, server, _):
            server.broken = ["A both.example."]
            assert await ask(made, "both.example") == ("2001:db8::1",)
            server.broken = []
            assert len(await ask(made, "both.example")) == 3

    run(story())


def test_no_name_server_at_all(run: Story) -> None:
    async def story() -> None:
        made = Resolver(counters=Counters(), name_servers=[dead_port()], deadline=0.1)
        assert await ask(made, "four.example") == ()
        await made.close()

    run(story())


def test_look_ups_and_memory_are_bounded(run: Story, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(subject, "AT_ONCE", 3)
    monkeypatch.setattr(subject, "CACHED", 2)

    async def story() -> None:
        async with resolver() as (made, server, counters):
            names = ["both.example", "four.example", "six.example", "absent.example"]
            answers = await asyncio.gather(*(ask(made, name) for name in names))
            assert answers[3] == ()
            assert counters.lookups_refused == 1
            assert "A absent.example." not in server.asked
            await ask(made, "both.example")  # the oldest was forgotten
            assert server.asked.count("A both.example.") == 2

    run(story())


def test_closing_answers_nobody(run: Story, monkeypatch: pytest.MonkeyPatch) -> None:
    async def story() -> None:
        answers: list[Sequence[Answer]] = []
        async with resolver(["hole.example."]) as (made, _, _):
            made.resolve([Question(Kind.ADDRESSES, "hole.example")], answers.append)
            await asyncio.sleep(0)
        assert answers == []
        monkeypatch.setattr(subject, "STRAGGLER", 0.0)
        async with resolver(["hole.example."]) as (made, _, _):
            await ask_all(made, SRV)
            made.resolve([SRV, Question(Kind.ADDRESSES, "hole.example")], answers.append)
        await asyncio.sleep(0.01)
        assert answers == []

    run(story())
