"""Phones behind NAT boxes in network namespaces register, call and are called (RFC 3581, 5626)."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from dataclasses import dataclass

import pytest

from tests.interop.harness.certificates import Authority
from tests.interop.harness.endpoint import DOMAIN, Account
from tests.interop.harness.exchange import Exchange, Profile, Setup, serving
from tests.interop.harness.namespaces import (
    PROGRAMS,
    SERVER,
    Internet,
    Place,
    internet,
    unavailable,
)
from tests.interop.harness.scripted import ScriptedPhone
from tests.interop.harness.wire import Wire

pytestmark = [pytest.mark.interop(*PROGRAMS), pytest.mark.timeout(60)]

BOXES = {
    "port-restricted": ("-j", "MASQUERADE"),
    "symmetric": ("-j", "MASQUERADE", "--random-fully"),
}


@dataclass(slots=True)
class Stage:
    """An internet with a running exchange."""

    net: Internet
    exchange: Exchange

    def phone(self, account: Account, place: Place, transport: str = "udp") -> ScriptedPhone:
        """A phone on a socket of its own."""
        address = self.exchange.endpoint.address(transport)
        return ScriptedPhone(Wire(address, transport, place=place), account)


@pytest.fixture(scope="module")
def stage(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stage]:
    """The exchange on a public address."""
    if reason := unavailable():
        pytest.skip(reason)
    folder = tmp_path_factory.mktemp("nat")
    accounts = (Account("alice", "correct-horse-1"), Account("bob", "battery-staple-2"))
    with internet() as net:
        setup = Setup(
            (Profile(transports=("udp", "tcp", "tls")),),
            accounts,
            Authority(folder).issue("server", [DOMAIN], [SERVER]),
            place=net.server,
        )
        with serving(folder / "exchange", setup) as exchange:
            yield Stage(net, exchange)


def call(caller: ScriptedPhone, callee: ScriptedPhone, *, ends: str) -> None:
    """Ring, answer, talk, hang up; `ends` says who does."""
    caller.dial(callee.account.uri)
    invite = callee.rung()
    caller.response(180)
    theirs = callee.accept(invite)
    ours = caller.connected()
    callee.hear("ACK")
    one, other, talk = (caller, callee, ours) if ends == "caller" else (callee, caller, theirs)
    one.say("BYE", talk)
    other.hear("BYE")
    one.response(200)


@pytest.mark.parametrize("box", BOXES)
def test_a_phone_behind_a_box_calls_and_is_called(
    stage: Stage, alice: Account, bob: Account, box: str
) -> None:
    router = stage.net.translated(*BOXES[box])
    inner = stage.phone(alice, router.inside)
    outer = stage.phone(bob, stage.net.host)
    with contextlib.closing(inner.wire), contextlib.closing(outer.wire):
        assert inner.register() == 200
        assert outer.register() == 200
        for caller, callee in ((inner, outer), (outer, inner)):
            for ends in ("caller", "callee"):
                call(caller, callee, ends=ends)
