"""Redirections followed by a real server; SIPp plays phones that forward (RFC 3261 16.7 step 4)."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.interop.harness.endpoint import DOMAIN
from tests.interop.harness.exchange import Exchange, Profile, Setup, serving
from tests.interop.harness.process import LOOPBACK
from tests.interop.harness.sipp import Load, Result, Sipp
from tests.interop.harness.wire import Draft, Wire

pytestmark = [pytest.mark.interop("sipp"), pytest.mark.timeout(60)]

CALLS = 20


@pytest.fixture
def exchange(tmp_path: Path) -> Iterator[Exchange]:
    """An open exchange that follows redirections to its own users."""
    profile = Profile("open", ("udp",), authenticate=False, registrar=True, redirect="follow")
    with serving(tmp_path / "exchange", Setup((profile,))) as running:
        yield running


@contextlib.contextmanager
def phones(folder: Path, exchange: Exchange, forwards: dict[str, str]) -> Iterator[dict[str, Sipp]]:
    """A phone for each user: it forwards to another one, or answers ("")."""
    with contextlib.ExitStack() as stack:
        made: dict[str, Sipp] = {}
        for user, following in forwards.items():
            scenario = "moved" if following else "answerer"
            load = Load(CALLS, keys={"next": following} if following else {})
            made[user] = phone = Sipp(folder / user, scenario, load)
            stack.callback(phone.stop)
            bind(exchange, user, phone.port)
        yield made


def bind(exchange: Exchange, user: str, port: int) -> None:
    """Register a user at a port here."""
    aor = f"sip:{user}@{DOMAIN}"
    contact = {"Contact": f"<sip:{user}@{LOOPBACK}:{port}>", "Expires": "600"}
    with Wire(exchange.endpoint.address("udp")) as wire:
        draft = Draft("REGISTER", f"sip:{DOMAIN}", aor, f"<{aor}>")
        headers = {**contact, "Via": f"SIP/2.0/UDP {LOOPBACK}:{wire.port};branch=z9hG4bK{user}"}
        answer = wire.final(draft.write(wire, headers))
        assert answer is not None
        assert answer.status == 200


def place(folder: Path, exchange: Exchange, scenario: str, user: str) -> None:
    """Place the calls, all of which must go as the scenario says."""
    target = exchange.endpoint.address("udp")
    caller = Sipp(folder, scenario, Load(CALLS, 20, user), target=target)
    try:
        result = caller.finish(timeout=30)
        assert result == Result(CALLS, CALLS, 0, 0, 0), caller.explain()
    finally:
        caller.stop()


def test_a_chain_of_four_reaches_the_last(exchange: Exchange, tmp_path: Path) -> None:
    chain = {"m0": "m1", "m1": "m2", "m2": "m3", "m3": "service", "service": ""}
    with phones(tmp_path, exchange, chain) as made:
        place(tmp_path, exchange, "caller", "m0")
        for phone in made.values():
            result = phone.finish(timeout=15)
            assert result == Result(CALLS, CALLS, 0, 0, 0), phone.explain()


def test_a_chain_of_five_with_a_loop_ends_in_482_and_no_storm(
    exchange: Exchange, tmp_path: Path
) -> None:
    chain = {"m0": "m1", "m1": "m2", "m2": "m3", "m3": "m4", "m4": "m0"}
    with phones(tmp_path, exchange, chain) as made:
        place(tmp_path, exchange, "loop", "m0")
        for phone in made.values():
            result = phone.finish(timeout=15)
            assert result == Result(CALLS, CALLS, 0, 0, 0), phone.explain()
