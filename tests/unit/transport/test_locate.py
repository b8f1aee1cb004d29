"""RFC 3263 as a table: what is asked about a URI, and which hops the answers lead to."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import pytest

from offhook.transport.locate import MOST_SERVERS, PREFERENCE, expand, in_order, questions
from offhook.transport.next_hop import NextHop, next_hop_of
from offhook.transport.records import NOTHING, Answer, Kind, Naptr, Question, Srv

NAPTR, SRV, ADDRESSES = Kind.NAPTR, Kind.SRV, Kind.ADDRESSES
Shown = tuple[str, str, int]


@dataclass
class Zone:
    """A DNS that notes what it is asked."""

    naptr: Mapping[str, Sequence[Naptr]] = field(default_factory=dict)
    srv: Mapping[str, Sequence[Srv]] = field(default_factory=dict)
    addresses: Mapping[str, Sequence[str]] = field(default_factory=dict)
    asked: list[tuple[Kind, str]] = field(default_factory=list)

    def answer(self, question: Question) -> Answer:
        """What is known."""
        name = question.name
        self.asked.append((question.kind, name))
        if question.kind is NAPTR:
            return Answer(naptr=tuple(self.naptr.get(name, ())))
        if question.kind is SRV:
            return Answer(srv=tuple(self.srv.get(name, ())))
        return Answer(addresses=tuple(self.addresses.get(name, ())))


def located(
    uri: str, zone: Zone, transports: Sequence[str] = PREFERENCE, number: float = 0.0
) -> list[Shown]:
    """Every address that a URI leads to, in order."""
    found: list[Shown] = []
    waiting = [next_hop_of(uri)]
    while waiting:
        hop = waiting.pop(0)
        if hop.literal:
            found.append((hop.transport, hop.host, hop.port))
            assert hop.server_name == next_hop_of(uri).server_name
            continue
        answers = [zone.answer(each) for each in questions(hop)]
        waiting[:0] = expand(hop, answers, transports, lambda: number)
    return found


ONE = {"h.test": ["192.0.2.1"], "s1.test": ["192.0.2.11"], "s2.test": ["192.0.2.12", "2001:db8::2"]}
EVERY = [  # the example of RFC 3263 4.1, out of order
    Naptr(100, 50, "s", "SIP+D2U", "_sip._udp.h.test"),
    Naptr(90, 50, "S", "sip+d2t", "_sip._tcp.h.test"),
    Naptr(50, 50, "s", "SIPS+D2T", "_sips._tcp.h.test"),
]
SERVERS = {
    "_sip._udp.h.test": [Srv(0, 0, 5070, "s1.test")],
    "_sip._tcp.h.test": [Srv(1, 0, 5071, "s2.test"), Srv(0, 0, 5072, "s1.test")],
    "_sips._tcp.h.test": [Srv(0, 0, 5073, "s1.test")],
}


@pytest.mark.rfc("3263", "4.1")
@pytest.mark.rfc("3263", "4.2")
@pytest.mark.parametrize(
    ("uri", "asked", "leads"),
    [
        ("sip:192.0.2.9", [], [("UDP", "192.0.2.9", 5060)]),
        ("sip:192.0.2.9:5070", [], [("UDP", "192.0.2.9", 5070)]),
        ("sips:192.0.2.9", [], [("TLS", "192.0.2.9", 5061)]),
        ("sip:[2001:db8::1];transport=tcp", [], [("TCP", "2001:db8::1", 5060)]),
        ("sip:h.test:5060", [(ADDRESSES, "h.test")], [("UDP", "192.0.2.1", 5060)]),
        ("sips:h.test:7000", [(ADDRESSES, "h.test")], [("TLS", "192.0.2.1", 7000)]),
        (
            "sip:h.test:7000;transport=tcp",
            [(ADDRESSES, "h.test")],
            [("TCP", "192.0.2.1", 7000)],
        ),
        (
            "sip:other.test;maddr=h.test:5060",
            [(NAPTR, "h.test:5060")],
            [],
        ),
        (
            "sip:h.test;transport=udp",
            [(SRV, "_sip._udp.h.test"), (ADDRESSES, "h.test")],
            [("UDP", "192.0.2.11", 5070)],
        ),
        (
            "sip:h.test;transport=tcp",
            [(SRV, "_sip._tcp.h.test"), (ADDRESSES, "h.test")],
            [
                ("TCP", "192.0.2.11", 5072),
                ("TCP", "192.0.2.12", 5071),
                ("TCP", "2001:db8::2", 5071),
            ],
        ),
        (
            "sip:h.test;transport=tls",
            [(SRV, "_sips._tcp.h.test"), (ADDRESSES, "h.test")],
            [("TLS", "192.0.2.11", 5073)],
        ),
        (
            "sips:h.test;transport=tcp",
            [(SRV, "_sips._tcp.h.test"), (ADDRESSES, "h.test")],
            [("TLS", "192.0.2.11", 5073)],
        ),
        (
            "sips:h.test",
            [(NAPTR, "h.test"), (SRV, "_sips._tcp.h.test"), (ADDRESSES, "h.test")],
            [("TLS", "192.0.2.11", 5073)],
        ),
    ],
)
def test_what_a_uri_leads_to(uri: str, asked: list[tuple[Kind, str]], leads: list[Shown]) -> None:
    zone = Zone(srv=SERVERS, addresses=ONE)
    assert located(uri, zone) == leads
    assert zone.asked[: len(asked)] == asked


@pytest.mark.rfc("3263", "4.1")
def test_without_naptr_each_transport_of_ours_is_asked_for() -> None:
    zone = Zone(srv=SERVERS, addresses=ONE)
    found = located("sip:h.test", zone, ("UDP", "TCP"))
    assert found[0] == ("UDP", "192.0.2.11", 5070)
    assert found[1:3] == [("TCP", "192.0.2.11", 5072), ("TCP", "192.0.2.12", 5071)]
    assert zone.asked[:4] == [
        (NAPTR, "h.test"),
        (SRV, "_sip._udp.h.test"),
        (SRV, "_sip._tcp.h.test"),
        (ADDRESSES, "h.test"),
    ]
    assert located("sip:h.test", zone, ("TCP",))[0] == ("TCP", "192.0.2.11", 5072)


@pytest.mark.rfc("3263", "4.1")
@pytest.mark.rfc("3263", "4.2")
@pytest.mark.parametrize(
    ("uri", "transports", "leads"),
    [
        ("sip:h.test", ("UDP", "TCP", "TLS"), ("TLS", 5073)),
        ("sip:h.test", ("UDP", "TCP"), ("TCP", 5072)),
        ("sip:h.test", ("UDP",), ("UDP", 5070)),
        ("sips:h.test", ("UDP",), ("TLS", 5073)),  # MUST: nothing but SIPS
    ],
)
def test_naptr_chooses_the_transport(
    uri: str, transports: Sequence[str], leads: tuple[str, int]
) -> None:
    found = located(uri, Zone({"h.test": EVERY}, SERVERS, ONE), transports)
    assert {transport for transport, _, _ in found} == {leads[0]}  # and no other order
    assert found[0][2] == leads[1]


def test_naptr_of_one_order_by_preference() -> None:
    records = [
        Naptr(10, 2, "s", "SIP+D2U", "_sip._udp.h.test"),
        Naptr(10, 1, "s", "SIP+D2T", "_sip._tcp.other.test"),
    ]
    servers = {**SERVERS, "_sip._tcp.other.test": [Srv(0, 0, 5080, "s1.test")]}
    found = located("sip:h.test", Zone({"h.test": records}, servers, ONE))
    assert found == [("TCP", "192.0.2.11", 5080), ("UDP", "192.0.2.11", 5070)]


@pytest.mark.parametrize(
    "record",
    [
        Naptr(1, 1, "u", "E2U+sip", "", "!^.*$!sip:a@b!"),
        Naptr(1, 1, "s", "SIP+D2S", "_sip._sctp.h.test"),
        Naptr(1, 1, "s", "SIPS+D2U", "_sips._udp.h.test"),
        Naptr(1, 1, "s", "SIP+D2W", "_sip._ws.h.test"),
        Naptr(1, 1, "a", "SIP+D2U", "s1.test"),
        Naptr(1, 1, "s", "SIP+D2U", ""),
        Naptr(1, 1, "s", "SIP+D2U", "_sip._udp.h.test", "!a!b!"),
        Naptr(1, 1, "s", "", "_sip._udp.h.test"),
    ],
)
def test_naptr_records_that_are_not_for_us(record: Naptr) -> None:
    zone = Zone({"h.test": [record]}, SERVERS, ONE)
    assert located("sip:h.test", zone, ("UDP",)) == [("UDP", "192.0.2.11", 5070)]
    assert zone.asked[1] == (SRV, "_sip._udp.h.test")


@pytest.mark.rfc("3263", "4.2")
@pytest.mark.parametrize(
    ("uri", "leads"),
    [
        ("sip:h.test", ("UDP", "192.0.2.1", 5060)),
        ("sip:h.test;transport=tcp", ("TCP", "192.0.2.1", 5060)),
        ("sips:h.test", ("TLS", "192.0.2.1", 5061)),
    ],
)
def test_without_srv_the_domain_itself_at_the_default_port(uri: str, leads: Shown) -> None:
    assert located(uri, Zone(addresses=ONE)) == [leads]


def test_an_order_without_servers_is_passed_over() -> None:
    servers = {"_sip._udp.h.test": [Srv(0, 0, 5070, "s1.test")]}
    found = located("sip:h.test", Zone({"h.test": EVERY}, servers, ONE))
    assert found == [("UDP", "192.0.2.11", 5070)]


def test_naptr_without_any_server_keeps_the_transport_that_it_chose() -> None:
    found = located("sip:h.test", Zone({"h.test": EVERY}, {}, ONE))
    assert found == [("TLS", "192.0.2.1", 5061)]


@pytest.mark.parametrize(
    ("uri", "leads"),
    [
        ("sip:h.test;transport=udp", []),
        ("sip:h.test", [("TCP", "192.0.2.1", 5060)]),
    ],
)
def test_a_dot_is_a_decided_no(uri: str, leads: list[Shown]) -> None:
    zone = Zone(srv={"_sip._udp.h.test": [Srv(0, 0, 0, "")]}, addresses=ONE)
    assert located(uri, zone) == leads


@pytest.mark.parametrize("port", [0, 65536, -1])
def test_records_that_lie_are_left_out(port: int) -> None:
    records = [Srv(0, 0, port, "s1.test"), Srv(1, 0, 5070, "s1.test"), Srv(0, 0, 5060, "")]
    zone = Zone(srv={"_sip._udp.h.test": records}, addresses=ONE)
    assert located("sip:h.test;transport=udp", zone) == [("UDP", "192.0.2.11", 5070)]


def test_a_target_that_is_an_address_is_one() -> None:
    zone = Zone(srv={"_sip._udp.h.test": [Srv(0, 0, 5070, "192.0.2.77")]})
    assert located("sip:h.test;transport=udp", zone) == [("UDP", "192.0.2.77", 5070)]


def test_a_server_without_addresses_leads_nowhere_by_itself() -> None:
    records = [Srv(0, 0, 5070, "gone.test"), Srv(1, 0, 5071, "s1.test")]
    zone = Zone(srv={"_sip._udp.h.test": records}, addresses=ONE)
    assert located("sip:h.test", zone, ("UDP",)) == [("UDP", "192.0.2.11", 5071)]


def test_nothing_at_all() -> None:
    assert located("sip:nobody.test", Zone()) == []


def test_weights_are_shares() -> None:
    records = [Srv(1, weight, 5060, f"s{weight}") for weight in (1, 2, 7)]
    draw = random.Random(7).random
    count = 30_000
    first = Counter(next(in_order(records, draw)).weight for _ in range(count))
    for weight in (1, 2, 7):
        share = weight / 10
        sigma = (count * share * (1 - share)) ** 0.5
        assert abs(first[weight] - count * share) < 3 * sigma, first


def test_weight_zero_has_a_very_small_share() -> None:
    records = [Srv(1, 99, 5060, "heavy"), Srv(1, 0, 5060, "light")]
    draw = random.Random(7).random
    first = Counter(next(in_order(records, draw)).target for _ in range(10_000))
    assert 50 < first["light"] < 150


def test_equal_records_without_weight_share_evenly() -> None:
    records = [Srv(1, 0, 5060, f"s{each}") for each in range(4)]
    draw = random.Random(7).random
    first = Counter(next(in_order(records, draw)).target for _ in range(4_000))
    assert min(first.values()) > 850


@pytest.mark.rfc("3263", "4.4")
def test_the_same_draws_give_the_same_order_whatever_the_order_of_the_answer() -> None:
    records = [Srv(1, each % 3, 5060, f"s{each}") for each in range(9)]
    shuffled = random.Random(1).sample(records, len(records))
    one = list(in_order(records, random.Random(7).random))
    other = list(in_order(shuffled, random.Random(7).random))
    assert one == other
    assert sorted(one, key=str) == sorted(records, key=str)


def test_priorities_come_first_and_hundreds_of_records_are_bounded() -> None:
    records = [Srv(each // 10, 5, 5060, f"s{each}") for each in range(200)]
    found = list(in_order(records, random.Random(7).random))
    assert len(found) == MOST_SERVERS
    assert [record.priority for record in found] == sorted(record.priority for record in found)
    hop = next_hop_of("sip:h.test;transport=udp")
    hops: Sequence[NextHop] = expand(hop, [Answer(srv=tuple(records)), NOTHING], (), float)
    assert len(hops) == MOST_SERVERS


def any_record(draw: random.Random, names: Sequence[str]) -> Answer:
    """An answer that may be anything."""
    name = draw.choice(names)
    numbers = [draw.choice((0, 1, 5060, 65535, 65536, -1)) for _ in range(3)]
    service = draw.choice(("SIP+D2U", "SIPS+D2T", "sip+d2t", "", "E2U+sip"))
    pointer = Naptr(numbers[0], numbers[1], draw.choice("sSua"), service, name)
    return Answer(
        addresses=tuple(draw.sample(("192.0.2.1", "::1", "2001:db8::1"), draw.randrange(4))),
        srv=(Srv(numbers[0], numbers[1], numbers[2], name),) * draw.randrange(3),
        naptr=(pointer,) * draw.randrange(3),
    )


@pytest.mark.parametrize("seed", range(20))
def test_no_answers_make_it_raise_or_go_round(seed: int) -> None:
    draw = random.Random(seed)
    names = ["h.test", "_sip._udp.h.test", "", "1.2.3.4", "x" * 300, "a..b", "\udcff", "*"]
    uris = ["sip:h.test", "sips:h.test", "sip:h.test;transport=tcp", "sip:h.test:5080"]
    for _ in range(200):
        waiting = [next_hop_of(draw.choice(uris))]
        steps = 0
        while waiting and steps < 500:
            hop = waiting.pop(0)
            steps += 1
            if hop.literal:
                assert 0 < hop.port < 65536
                continue
            answers = [any_record(draw, names) for _ in questions(hop)]
            waiting[:0] = expand(hop, answers, PREFERENCE, draw.random)
        assert not waiting
