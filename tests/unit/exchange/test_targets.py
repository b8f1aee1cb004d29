"""What programs fork to, as targets of the proxy core."""

from __future__ import annotations

import pytest

from offhook.errors import UsageError
from offhook.exchange import Gateway
from offhook.exchange.serving import Serving
from offhook.exchange.targets import TargetLike, binding_target, grouped, make_target
from offhook.message import parse_uri
from offhook.proxy.target import Target
from tests.unit.exchange.bench import Bench, binding

REQUEST = "sip:+33%201@example.com"


@pytest.fixture
def serving() -> Serving:
    with Bench() as bench:
        return bench.serving


@pytest.mark.parametrize(
    "like",
    ["sip:bob@192.0.2.9:5070;transport=tcp", parse_uri("sip:bob@192.0.2.9:5070;transport=tcp")],
)
def test_a_uri(serving: Serving, like: TargetLike) -> None:
    assert make_target(like, REQUEST, serving) == Target("sip:bob@192.0.2.9:5070;transport=tcp")


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("bob", "write a URI such as"),
        ("sip:", "write a URI such as"),
        ("sip:bob@h:99999", "write a URI such as"),
        ("sip:bob@h\r\nVia: x", "write a URI such as"),
        ("tel:+331", "only sip: and sips:"),
        ("http://h", "only sip: and sips:"),
    ],
)
def test_what_is_no_sip_uri(serving: Serving, text: str, told: str) -> None:
    with pytest.raises(UsageError, match=told):
        make_target(text, REQUEST, serving)


def test_a_target_is_itself(serving: Serving) -> None:
    target = Target("sip:x")
    assert make_target(target, REQUEST, serving) is target


@pytest.mark.parametrize(
    ("flow", "by_flow", "path", "expected"),
    [
        # over UDP the Contact is honoured, unless the phone is behind a NAT
        ("udp/192.0.2.1:5060/9.9.9.9:5060", False, (), ("", False)),
        ("udp/192.0.2.1:5060/9.9.9.9:5060", True, (), ("FLOW", False)),
        # an open connection is used; only over TCP may another be made
        ("tcp/192.0.2.1:5060/9.9.9.9:4000/c1", False, (), ("FLOW", False)),
        ("tls/192.0.2.1:5061/9.9.9.9:4000/c1", True, (), ("FLOW", True)),
        ("wss/192.0.2.1:7443/9.9.9.9:4000/c1", True, (), ("FLOW", True)),
        # behind an edge proxy the Path leads there
        ("tls/192.0.2.1:5061/9.9.9.9:4000/c1", True, ("<sip:edge;lr>",), ("FLOW", False)),
    ],
)
def test_the_way_to_a_phone(
    serving: Serving,
    flow: str,
    by_flow: bool,
    path: tuple[str, ...],
    expected: tuple[str, bool],
) -> None:
    bound = binding("bob", "9.9.9.9", flow=flow, by_flow=by_flow, path=path, q=700)
    target = make_target(bound, REQUEST, serving)
    assert target.uri == "sip:bob@9.9.9.9:5060"
    assert (target.flow.replace(flow, "FLOW"), target.by_flow) == expected
    assert (target.origin, target.path, target.q) == (flow, path, 700)
    assert target.local == ("192.0.2.1" if flow.startswith("udp/") and not by_flow else "")


def test_further_ways_to_one_phone_are_alternatives() -> None:
    ways = [binding("bob", f"9.9.9.{number}") for number in (1, 2, 3)]
    target = binding_target(ways)
    assert target.uri == "sip:bob@9.9.9.1:5060"
    assert [each.uri for each in target.alternatives] == [
        "sip:bob@9.9.9.2:5060",
        "sip:bob@9.9.9.3:5060",
    ]


@pytest.mark.parametrize(
    ("uri", "request_uri", "expected"),
    [
        ("sip:carrier.example", REQUEST, "sip:+33%201@carrier.example"),
        (
            "sip:carrier.example:5070;transport=tcp",
            "sip:123@h",
            "sip:123@carrier.example:5070;transport=tcp",
        ),
        ("sip:trunk@carrier.example", REQUEST, "sip:trunk@carrier.example"),
        ("sip:carrier.example", "sip:example.com", "sip:carrier.example"),
        ("sip:carrier.example", "tel:+33123", "sip:+33123@carrier.example"),
    ],
)
def test_a_gateway_gets_the_user_at_its_host(
    serving: Serving, uri: str, request_uri: str, expected: str
) -> None:
    target = make_target(Gateway("carrier", uri, "external"), request_uri, serving)
    assert (target.uri, target.profile, target.authorize) == (expected, "external", None)


def test_a_gateway_with_credentials_answers_challenges(serving: Serving) -> None:
    gateway = Gateway("carrier", "sip:carrier.example", "external", "4711", lambda: "secret")
    assert make_target(gateway, REQUEST, serving).authorize is not None


def test_a_gateway_with_a_bad_uri(serving: Serving) -> None:
    with pytest.raises(UsageError, match="gateway carrier"):
        make_target(Gateway("carrier", "carrier.example", "external"), REQUEST, serving)


@pytest.mark.rfc("3261", "16.6")
def test_groups_by_falling_q() -> None:
    low, high, other = Target("sip:l", q=100), Target("sip:h"), Target("sip:o", q=100)
    assert grouped([low, high, other], by_q=True) == [[high], [low, other]]
    assert grouped([low, high, other], by_q=False) == [[low, high, other]]
    assert grouped([], by_q=True) == grouped([], by_q=False) == []
