"""Look-ups of programs."""

from __future__ import annotations

import pytest

from offhook.errors import NotServing
from offhook.exchange import Exchange
from offhook.exchange.location import lookup_now
from offhook.message import parse_uri
from tests.unit.exchange.bench import Bench, Setting
from tests.unit.recording_network import EPOCH


@pytest.mark.parametrize("immediate", [True, False])
def test_a_user_and_its_phones(immediate: bool) -> None:
    with Bench(setting=Setting(immediate=immediate)) as bench:
        bench.bind("bob", "9.9.9.1", q=200)
        bench.bind("bob", "9.9.9.2")
        bench.bind("bob", "9.9.9.3", expires=EPOCH - 1)
        location = bench.exchange.location
        for uri in ("sip:bob@example.com", parse_uri("sip:bob@192.0.2.1")):
            phones = bench.run(location.lookup(uri))
            assert [each.uri for each in phones] == ["sip:bob@9.9.9.2:5060", "sip:bob@9.9.9.1:5060"]
            bindings = bench.run(location.bindings(uri))
            assert [each.contact for each in bindings] == [
                "sip:bob@9.9.9.1:5060",
                "sip:bob@9.9.9.2:5060",
            ]
        found: list[object] = []
        bench.play(lambda: found.append(lookup_now(bench.serving, "sip:bob@example.com")))
        assert (found == [phones]) is immediate
        assert (found == [None]) is not immediate


def test_one_phone_with_two_ways_is_one_target() -> None:
    with Bench() as bench:
        bench.bind("bob", "9.9.9.1", instance="<urn:uuid:1>", registered=EPOCH)
        bench.bind("bob", "9.9.9.2", instance="<urn:uuid:1>", registered=EPOCH + 5)
        (phone,) = bench.run(bench.exchange.location.lookup("sip:bob@example.com"))
        assert phone.uri == "sip:bob@9.9.9.2:5060"
        assert [each.uri for each in phone.alternatives] == ["sip:bob@9.9.9.1:5060"]


@pytest.mark.parametrize(
    "uri", ["sip:nobody@example.com", "sip:bob@elsewhere.example", "tel:+331", "what?"]
)
def test_nobody(uri: str) -> None:
    with Bench() as bench:
        bench.bind("bob", "9.9.9.1")
        assert bench.run(bench.exchange.location.lookup(uri)) == []
        assert bench.run(bench.exchange.location.bindings(uri)) == []


def test_before_a_server_runs() -> None:
    with Bench() as bench:
        with pytest.raises(NotServing, match="no server runs yet"):
            bench.run(Exchange().location.lookup("sip:bob@example.com"))
        with pytest.raises(NotServing):
            bench.run(Exchange().location.bindings("sip:bob@example.com"))
