"""Phones behind NAT boxes in network namespaces register, call and are called (RFC 3581, 5626)."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from dataclasses import dataclass

import pytest

from tests.interop.conftest import ALICE, BOB
from tests.interop.harness.certificates import Authority
from tests.interop.harness.endpoint import DOMAIN, Account
from tests.interop.harness.exchange import Exchange, Profile, Setup, serving
from tests.interop.harness.namespaces import (
    CLOUD,
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

ACCOUNTS = (ALICE, BOB)
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
    with internet() as net:
        setup = Setup(
            (Profile(transports=("udp", "tcp", "tls")),),
            ACCOUNTS,
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


@pytest.fixture(scope="module")
def cloud(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Stage, Place]]:
    """The exchange behind a one-to-one NAT, and the place of a private peer."""
    if reason := unavailable():
        pytest.skip(reason)
    folder = tmp_path_factory.mktemp("cloud")
    with internet() as net:
        place, neighbour = net.cloud()
        extra = f'advertise = "{CLOUD}"\nadvertise_to = {{ private = "" }}'
        profile = Profile(transports=("udp", "tcp"), extra=extra)
        setup = Setup((profile,), ACCOUNTS, place=place)
        with serving(folder / "exchange", setup) as exchange:
            yield Stage(net, exchange), neighbour


@pytest.mark.parametrize("inner", ["udp", "tcp"])
@pytest.mark.parametrize("outer", ["udp", "tcp"])
def test_one_socket_shows_each_side_the_address_that_it_can_reach(
    cloud: tuple[Stage, Place], alice: Account, bob: Account, outer: str, inner: str
) -> None:
    """Every request inside a dialog is sent to where the route set leads."""
    stage, neighbour = cloud
    ports = stage.exchange.endpoint.ports
    public = ScriptedPhone(Wire((CLOUD, ports[outer]), outer, place=stage.net.host), alice)
    private = stage.phone(bob, neighbour, inner)
    with contextlib.closing(public.wire), contextlib.closing(private.wire):
        assert (public.register(), private.register()) == (200, 200)
        for caller, callee in ((public, private), (private, public)):
            for ends in ("caller", "callee"):
                call(caller, callee, ends=ends)
