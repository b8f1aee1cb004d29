"""Phones behind NAT boxes in network namespaces register, call and are called (RFC 3581, 5626)."""

from __future__ import annotations

import contextlib
import ssl
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import pytest

from offhook.testing import Nat
from tests.interop.conftest import ALICE, BOB
from tests.interop.harness.boxes import Box
from tests.interop.harness.certificates import Authority
from tests.interop.harness.endpoint import DOMAIN, Account
from tests.interop.harness.exchange import Exchange, Profile, Setup, serving
from tests.interop.harness.namespaces import (
    CLOUD,
    PROGRAMS,
    PUBLIC,
    SECOND,
    SECOND_6,
    SERVER,
    SERVER_6,
    Internet,
    Place,
    internet,
    unavailable,
)
from tests.interop.harness.phones import phone, set_up
from tests.interop.harness.process import until
from tests.interop.harness.scripted import ScriptedPhone
from tests.interop.harness.web_wire import WebWire
from tests.interop.harness.wire import Wire

pytestmark = [pytest.mark.interop(*PROGRAMS), pytest.mark.timeout(60)]

ACCOUNTS = (ALICE, BOB)
TRANSPORTS = ("udp", "tcp", "tls", "wss")
PING_SECONDS = 2  # the shortest that can be configured
KINDS = ("full-cone", "restricted", "port-restricted", "symmetric")


@dataclass(slots=True)
class Stage:
    """An internet with a running exchange."""

    net: Internet
    exchange: Exchange

    def phone(self, account: Account, place: Place, transport: str = "udp") -> ScriptedPhone:
        """A phone on a socket of its own."""
        endpoint = self.exchange.endpoint
        address = endpoint.address(transport)
        if transport in ("udp", "tcp"):
            return ScriptedPhone(Wire(address, transport, place=place), account)
        context = ssl.create_default_context(cafile=str(endpoint.authority))
        if transport == "wss":
            return ScriptedPhone(WebWire(address, context, place=place), account)
        return ScriptedPhone(Wire(address, transport, place=place, context=context), account)


@contextlib.contextmanager
def behind(net: Internet, kind: str, *, loss: float = 0.0) -> Iterator[Place]:
    """The place behind a box of this kind: the kernel's where it has it, else our own."""
    if kind in KERNEL_KINDS:
        router = net.translated(*KERNEL_KINDS[kind])
        if loss:
            router.lose(loss)
        yield router.inside
    else:
        with contextlib.closing(Box(net, OWN_KINDS[kind])) as box:
            yield box.inside


KERNEL_KINDS = {
    "port-restricted": ("-j", "MASQUERADE"),
    "symmetric": ("-j", "MASQUERADE", "--random-fully"),
}
OWN_KINDS = {"full-cone": Nat.FULL_CONE, "restricted": Nat.RESTRICTED}


@pytest.fixture(scope="module")
def stage(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stage]:
    """The exchange on a public address."""
    if reason := unavailable():
        pytest.skip(reason)
    folder = tmp_path_factory.mktemp("nat")
    with internet() as net:
        setup = Setup(
            (Profile(transports=TRANSPORTS),),
            ACCOUNTS,
            Authority(folder).issue("server", [DOMAIN], [SERVER]),
            place=net.server,
            extra=f"[registrar]\nkeep_alive_interval = {PING_SECONDS}",
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


@pytest.mark.parametrize("transport", TRANSPORTS)
@pytest.mark.parametrize("kind", KINDS)
def test_a_phone_behind_a_box_calls_and_is_called(
    stage: Stage, alice: Account, bob: Account, kind: str, transport: str
) -> None:
    """The other one is behind a box of the same kind, over UDP, with the same private address."""
    with contextlib.ExitStack() as stack:
        homes = [stack.enter_context(behind(stage.net, kind)) for _ in range(2)]
        one = stage.phone(alice, homes[0], transport)
        other = stage.phone(bob, homes[1])
        for phone in (one, other):
            stack.callback(phone.wire.close)
        for phone in (one, other):
            assert phone.register() == 200
        for caller, callee in ((one, other), (other, one)):
            for ends in ("caller", "callee"):
                call(caller, callee, ends=ends)
        for phone in (one, other):
            assert phone.register(0) == 200


@pytest.mark.parametrize("kind", KINDS)
def test_whatever_a_dialog_has_comes_through_boxes(
    stage: Stage, alice: Account, bob: Account, kind: str
) -> None:
    """All Contacts are private, and every target refresh names one again."""
    with contextlib.ExitStack() as stack:
        homes = [stack.enter_context(behind(stage.net, kind)) for _ in range(2)]
        one, other = stage.phone(alice, homes[0]), stage.phone(bob, homes[1])
        for phone in (one, other):
            stack.callback(phone.wire.close)
        for phone in (one, other):
            assert phone.register() == 200
        one.dial(bob.uri)
        theirs = other.accept(other.rung())
        ours = one.connected()
        other.hear("ACK")
        for method in ("UPDATE", "INVITE", "REFER", "NOTIFY", "INFO", "MESSAGE"):
            for here, there, talk in ((one, other, ours), (other, one, theirs)):
                here.say(method, talk)
                there.hear(method)
                here.response(200)
                if method == "INVITE":
                    here.acknowledge(talk)
                    there.hear("ACK")
        # RFC 6665 4.1.2.4: the first NOTIFY may cross the 200 of its SUBSCRIBE
        one.dial(bob.uri, "SUBSCRIBE", "Event: dialog", "Expires: 60")
        subscribe = other.request("SUBSCRIBE")
        notifier = other.dialog_of(subscribe)
        other.say("NOTIFY", notifier)
        one.hear("NOTIFY")
        other.response(200)
        other.accept(subscribe)
        one.response(200)
        for phone in (one, other):
            assert phone.register(0) == 200


@pytest.mark.parametrize(
    ("contact", "nat"),
    [
        ("192.168.1.2:9", "private contact"),  # a port where nobody listens
        ("0.0.0.0:5060", "private contact"),  # an address that it does not know
        ("{outer}:9", "port"),  # its public address, from STUN, with the port of another socket
        ("203.0.113.250:5060", "address"),  # the public address of yesterday
    ],
)
def test_a_phone_with_a_wrong_contact_behind_a_box_just_works(
    stage: Stage, alice: Account, bob: Account, contact: str, nat: str
) -> None:
    with contextlib.ExitStack() as stack:
        box = stack.enter_context(contextlib.closing(Box(stage.net, Nat.RESTRICTED)))
        wrong, other = stage.phone(alice, box.inside), stage.phone(bob, stage.net.host)
        wrong.contact = f"sip:alice@{contact.format(outer=box.outer)}"
        for phone in (wrong, other):
            stack.callback(phone.wire.close)
            assert phone.register() == 200
        shown = row_of(stage, alice)
        assert shown is not None
        assert (shown["nat"], shown["by_flow"]) == (nat, True)
        for caller, callee in ((wrong, other), (other, wrong)):
            for ends in ("caller", "callee"):
                call(caller, callee, ends=ends)
        for phone in (wrong, other):
            assert phone.register(0) == 200


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
        off = '[registrar]\nkeep_alive = "off"'
        setup = Setup((profile,), ACCOUNTS, place=place, extra=off)
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


@pytest.mark.interop("baresip", "linphonec")
@pytest.mark.parametrize(
    ("kind", "transport", "lossy"),
    [("restricted", "udp", False), ("symmetric", "udp", True), ("port-restricted", "tls", True)],
)
def test_real_phones_behind_boxes_ring_and_hang_up(
    stage: Stage,
    alice: Account,
    bob: Account,
    tmp_path: Path,
    kind: str,
    transport: str,
    lossy: bool,
) -> None:
    """baresip and linphonec; where packets are lost, the boxes drop one in twenty."""
    server = stage.exchange.endpoint
    with contextlib.ExitStack() as stack:
        phones = []
        for program, account in (("baresip", alice), ("linphonec", bob)):
            place = stack.enter_context(behind(stage.net, kind, loss=0.05 if lossy else 0.0))
            opened = phone(
                program, tmp_path, account, server, transport=transport, tone=440.0, place=place
            )
            phones.append(stack.enter_context(opened))
        for caller, callee in (phones, reversed(phones)):
            for ends in (caller, callee):
                # nothing repeats a 180 that is lost (RFC 3261 13.3.1.1)
                set_up(caller, callee, progress=not lossy or transport != "udp")
                ends.hang_up()
                caller.wait_ended()
                callee.wait_ended()


FORGETFUL = 3.0  # seconds that a mapping lives in the boxes of the next tests


def row_of(stage: Stage, account: Account) -> dict[str, object] | None:
    """What `offhook ctl registrations` shows of an account, None if it has no contact."""
    rows = [row for row in stage.exchange.ctl("registrations") if row["aor"] == account.uri]
    assert len(rows) <= 1, rows
    return rows[0] if rows else None


def test_pings_hold_a_mapping_and_show_what_is_alive(
    stage: Stage, alice: Account, bob: Account
) -> None:
    with contextlib.ExitStack() as stack:
        box = stack.enter_context(
            contextlib.closing(Box(stage.net, Nat.FULL_CONE, lifetime=FORGETFUL))
        )
        inner, outer = stage.phone(alice, box.inside), stage.phone(bob, stage.net.host)
        for phone in (inner, outer):
            stack.callback(phone.wire.close)
            assert phone.register() == 200
        inner.listen(20.0, pings=4)  # longer than the box remembers
        assert inner.pings == 4
        call(outer, inner, ends="callee")
        natted, public = row_of(stage, alice), row_of(stage, bob)
        assert natted is not None
        assert public is not None
        assert (natted["nat"], natted["by_flow"], natted["lost"]) == ("private contact", True, 0)
        assert isinstance(natted["latency"], float)
        assert 0 < natted["latency"] < 1000
        assert isinstance(natted["alive"], int)
        assert (public["nat"], public["by_flow"], public["alive"]) == ("none", False, None)
        # the phone is switched off: three pings later its contact is gone
        inner.answers_pings = False
        until(lambda: row_of(stage, alice) is None, timeout=15.0, what="the dead contact is gone")
        stage.exchange.running.wait_for("alice@example.com.*contact_silent", timeout=1.0)
        outer.register(0)


def test_without_pings_a_forgetful_box_loses_the_phone(
    stage: Stage, cloud: tuple[Stage, Place], alice: Account, bob: Account
) -> None:
    """What pings hold in the test above is lost where they are off, so that one can fail."""
    quiet, _ = cloud
    address = (CLOUD, quiet.exchange.endpoint.ports["udp"])
    with contextlib.ExitStack() as stack:
        boxes = [
            stack.enter_context(contextlib.closing(Box(net, Nat.FULL_CONE, lifetime=FORGETFUL)))
            for net in (quiet.net, stage.net)
        ]
        silent = ScriptedPhone(Wire(address, place=boxes[0].inside), alice)
        caller = ScriptedPhone(Wire(address, place=quiet.net.host), bob)
        clock = stage.phone(bob, boxes[1].inside)
        for phone in (silent, caller, clock):
            stack.callback(phone.wire.close)
            assert phone.register() == 200
        call(caller, silent, ends="callee")  # as long as the box remembers
        clock.listen(20.0, pings=4)
        assert clock.pings == 4
        assert silent.pings == 0
        caller.dial(alice.uri)
        with pytest.raises(AssertionError, match="INVITE did not come"):
            silent.request("INVITE", timeout=2.0)
        assert clock.register(0) == 200


@dataclass(frozen=True, slots=True)
class Move:
    """What stays the same when a phone comes by another network."""

    transport: str
    instance: str = ""
    call_id: str = ""


@pytest.mark.parametrize(
    "move",
    [
        Move("udp", call_id="same-call-id"),
        Move("udp", instance="<urn:uuid:00000000-0000-1000-8000-00000a11ce00>"),
        Move("udp"),
        Move("tcp", instance="<urn:uuid:00000000-0000-1000-8000-00000a11ce00>"),
        Move("tls", instance="<urn:uuid:00000000-0000-1000-8000-00000a11ce00>"),
        Move("wss"),
    ],
    ids=lambda move: f"{move.transport}-{'instance' if move.instance else move.call_id or 'bare'}",
)
def test_a_phone_that_comes_by_another_network_is_reachable_at_once(
    stage: Stage, alice: Account, bob: Account, move: Move
) -> None:
    """Wi-Fi to LTE: another box, another address and port; the old network is silent now."""
    with contextlib.ExitStack() as stack:
        wifi, lte = (
            stack.enter_context(contextlib.closing(Box(stage.net, Nat.RESTRICTED)))
            for _ in range(2)
        )
        caller = stage.phone(bob, stage.net.host)
        old, new = (stage.phone(alice, box.inside, move.transport) for box in (wifi, lte))
        for phone in (old, new):
            phone.instance = move.instance
            phone.call_id = move.call_id or phone.call_id
            stack.callback(phone.wire.close)
        stack.callback(caller.wire.close)
        assert (caller.register(), old.register()) == (200, 200)
        call(caller, old, ends="caller")
        wifi.forget()
        new.cseq = old.cseq
        assert new.register() == 200
        registered = time.monotonic()
        caller.dial(alice.uri)
        invite = new.rung()
        assert time.monotonic() - registered < 2.0
        caller.response(180)
        talk = new.accept(invite)
        caller.connected()
        new.hear("ACK")
        new.say("BYE", talk)
        caller.hear("BYE")
        new.response(200)
        assert (caller.register(0), new.register(0)) == (200, 200)


@pytest.fixture(
    scope="module",
    params=[("0.0.0.0", SERVER, SECOND, PUBLIC), ("[::]", SERVER_6, SECOND_6, SERVER_6)],
    ids=["IPv4", "IPv6"],
)
def wild(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[tuple[Stage, Sequence[str]]]:
    """An exchange on every address of its IP version, with two addresses of its machine and one of
    the phones."""
    if reason := unavailable():
        pytest.skip(reason)
    wildcard, *hosts = request.param
    with internet() as net:
        place = Place(wildcard, net.public)
        setup = Setup((Profile(transports=("udp", "tcp")),), ACCOUNTS, place=place)
        with serving(tmp_path_factory.mktemp("wild") / "exchange", setup) as exchange:
            yield Stage(net, exchange), hosts


@pytest.mark.parametrize("transport", ["udp", "tcp"])
def test_a_wildcard_answers_from_the_address_that_was_hit(
    wild: tuple[Stage, Sequence[str]], alice: Account, bob: Account, transport: str
) -> None:
    """One phone uses the first address of the exchange, the other the second; each sees its own in
    the route set, and no other in the source of a datagram. The kernel would choose the first."""
    stage, (first, second, own) = wild
    hosts = (first, second)
    with contextlib.ExitStack() as stack:
        port = stage.exchange.endpoint.ports[transport]
        phones = []
        for host, account in zip(hosts, (alice, bob), strict=True):
            wire = Wire((host, port), transport, place=Place(own, stage.net.public))
            phones.append(ScriptedPhone(wire, account))
            stack.callback(wire.close)
            assert phones[-1].register() == 200
        for caller, callee in (phones, phones[::-1]):
            for ends in ("caller", "callee"):
                call(caller, callee, ends=ends)
        if transport == "udp":
            for host, phone in zip(hosts, phones, strict=True):
                assert isinstance(phone.wire, Wire)
                assert set(phone.wire.sources) == {host}
