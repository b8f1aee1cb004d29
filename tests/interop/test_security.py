"""Attacks from the network: relaying, guessing users and passwords, amplification, scanning.

RFC 3261 sections 16.3, 22 and 26; RFC 8760. Nothing here may reach the far server, tell users
apart, or earn more answers than requests.
"""

from __future__ import annotations

import contextlib
import re
import socket
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from offhook.version import __version__
from tests.interop.harness.endpoint import DOMAIN, Account, Endpoint
from tests.interop.harness.exchange import Exchange, Profile, Setup, serving
from tests.interop.harness.process import LOOPBACK
from tests.interop.harness.scanners import scan
from tests.interop.harness.wire import Draft, Response, Wire, answers, credentials

pytestmark = [pytest.mark.interop(), pytest.mark.timeout(90)]

BANNED = '"event": "banned"'
"""What the log says of a source that is shut out, with its address beside it."""
PROFILES = (
    Profile("internal", ("udp", "tcp")),
    Profile("external", ("udp", "tcp"), authenticate=False),
)
each_profile = pytest.mark.parametrize("profile", ["internal", "external"])


class FarServer:
    """A UDP socket that somebody wants to reach through us, and a gateway's address."""

    def __init__(self) -> None:
        self._socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._socket.bind((LOOPBACK, 0))
        self.port = int(self._socket.getsockname()[1])

    def got(self, marker: str) -> list[bytes]:
        """Datagrams that carry ``marker``, a moment after they could have come."""
        self._socket.settimeout(0.4)
        found = []
        with contextlib.suppress(TimeoutError):
            while True:
                found.append(self._socket.recv(65535))
        return [data for data in found if marker.encode() in data]

    def close(self) -> None:
        """Close it."""
        self._socket.close()


@pytest.fixture(scope="module")
def far() -> Iterator[FarServer]:
    """The server outside."""
    server = FarServer()
    yield server
    server.close()


@pytest.fixture(scope="module")
def exchange(
    tmp_path_factory: pytest.TempPathFactory, far: FarServer, alice: Account, bob: Account
) -> Iterator[Exchange]:
    """An exchange with an authenticated and an open side, and a gateway."""
    gateway = f'[gateways.carrier]\nuri = "sip:{LOOPBACK}:{far.port}"\nprofile = "external"\n'
    extensions = [Account(name, "unguessable-7") for name in ("100", "105")]
    setup = Setup(PROFILES, (alice, bob, *extensions), extra=gateway)
    with serving(tmp_path_factory.mktemp("guarded"), setup) as running:
        yield running


def refused(wire: Wire, draft: Draft, headers: dict[str, str] | None = None) -> Response:
    """Send a request that must be refused; the refusal."""
    answer = wire.final(draft.write(wire, headers))
    assert answer is not None, f"no answer to {draft}"
    assert 400 <= answer.status < 700, f"{answer.status} to {draft}"
    return answer


@each_profile
@pytest.mark.parametrize("method", ["INVITE", "MESSAGE", "SUBSCRIBE", "OPTIONS", "INFO"])
def test_a_stranger_reaches_no_foreign_server(
    exchange: Exchange, far: FarServer, profile: str, method: str
) -> None:
    server = exchange.endpoints[profile]
    with Wire(server.address("udp")) as wire:
        target = f"sip:victim@{LOOPBACK}:{far.port}"
        refused(wire, Draft(method, target, "sip:x@elsewhere.invalid", call_id="plain"))
        refused(wire, Draft(method, "sip:+3312345678@carrier", "sip:x@elsewhere.invalid"))
        loose = f"sip:bob@{DOMAIN};maddr={LOOPBACK}"
        assert wire.final(Draft(method, loose, call_id="maddr").write(wire)) is not None
    assert far.got("victim@") == []


@each_profile
@pytest.mark.parametrize("method", ["INVITE", "BYE", "INFO", "UPDATE", "NOTIFY"])
@pytest.mark.parametrize("route", ["", "<{own}>", "<{own};lr>", "<{own};lr>, <{far};lr>"])
def test_a_forged_dialog_opens_no_relay(
    exchange: Exchange, far: FarServer, profile: str, method: str, route: str
) -> None:
    server = exchange.endpoints[profile]
    own = f"sip:{LOOPBACK}:{server.ports['udp']}"
    outside = f"sip:{LOOPBACK}:{far.port}"
    target = f"sip:forged@{LOOPBACK}:{far.port}"
    draft = Draft(method, target, "sip:x@elsewhere.invalid", f"<{target}>;tag=forged")
    with Wire(server.address("udp")) as wire:
        refused(wire, draft, {"Route": route.format(own=own, far=outside)})
        ack = Draft("ACK", draft.uri, draft.sender, draft.to)
        wire.send(ack.write(wire, {"Route": route.format(own=own, far=outside)}))
        assert list(wire.responses(0.3)) == [], "an ACK was answered"
    assert far.got("forged@") == []


@pytest.fixture
def recorded_route(exchange: Exchange, alice: Account, bob: Account) -> str:
    """The Record-Route of a real call from alice to bob, as bob's phone sees it."""
    address = exchange.endpoints["internal"].address("udp")
    with Wire(address) as callee, Wire(address) as caller:
        contact = {"Contact": f"<sip:bob@{LOOPBACK}:{callee.port}>", "Expires": "60"}
        binding = Draft("REGISTER", f"sip:{DOMAIN}", bob.uri, f"<{bob.uri}>")
        assert authenticated(callee, binding, bob, contact).status == 200
        draft = Draft("INVITE", bob.uri, alice.uri)
        challenge = caller.final(draft.write(caller))
        assert challenge is not None
        caller.send(draft.write(caller, credentials(challenge, alice, "INVITE", bob.uri)))
        invite = callee.receive(4.0)
        assert invite is not None, "the call did not reach its callee"
        lines = re.findall(rb"(?im)^Record-Route[ \t]*:[ \t]*(.*?)\r?$", invite.raw)
        head = invite.raw.partition(b"\r\n\r\n")[0].split(b"\r\n")[1:]
        kept = [line for line in head if re.match(rb"(?i)(via|from|to|call-id|cseq) *:", line)]
        kept = [re.sub(rb"(?i)^(to *:.*)$", rb"\1;tag=b", line) for line in kept]
        decline = [b"SIP/2.0 603 Decline", *kept, b"Content-Length: 0", b"", b""]
        callee.send(b"\r\n".join(decline))
        return b", ".join(lines).decode()


def authenticated(
    wire: Wire, draft: Draft, account: Account, headers: dict[str, str] | None = None
) -> Response:
    """The final answer to a request sent again with an answer to its challenge."""
    challenge = wire.final(draft.write(wire, headers))
    assert challenge is not None
    assert challenge.status in {401, 407}, challenge
    proof = credentials(challenge, account, draft.method, draft.uri)
    answer = wire.final(draft.write(wire, {**(headers or {}), **proof}))
    assert answer is not None
    return answer


@each_profile
@pytest.mark.parametrize("method", ["INVITE", "BYE", "INFO"])
def test_a_route_of_one_call_is_worth_nothing_in_another(
    exchange: Exchange, far: FarServer, recorded_route: str, profile: str, method: str
) -> None:
    assert recorded_route, "the exchange did not record-route"
    target = f"sip:replayed@{LOOPBACK}:{far.port}"
    draft = Draft(method, target, "sip:x@elsewhere.invalid", f"<{target}>;tag=replayed")
    with Wire(exchange.endpoints[profile].address("udp")) as wire:
        refused(wire, draft, {"Route": recorded_route})
    assert far.got("replayed@") == []


def test_a_stranger_may_not_speak_for_a_user(exchange: Exchange, alice: Account) -> None:
    for profile, statuses in (("internal", {407}), ("external", {403})):
        with Wire(exchange.endpoints[profile].address("udp")) as wire:
            answer = refused(wire, Draft("INVITE", f"sip:bob@{DOMAIN}", alice.uri))
            assert answer.status in statuses


def test_a_user_may_not_speak_for_another(exchange: Exchange, alice: Account, bob: Account) -> None:
    with Wire(exchange.endpoints["internal"].address("udp")) as wire:
        call = authenticated(wire, Draft("INVITE", bob.uri, bob.uri), alice)
        assert call.status == 403
        theft = Draft("REGISTER", f"sip:{DOMAIN}", alice.uri, f"<{bob.uri}>")
        assert authenticated(wire, theft, alice).status == 403
    assert not any(
        f"{entry['aor']}" == bob.uri and "tester@" in f"{entry['contact']}"
        for entry in exchange.ctl("registrations")
    )


def test_the_open_side_takes_no_registrations(exchange: Exchange, alice: Account) -> None:
    with Wire(exchange.endpoints["external"].address("udp")) as wire:
        refused(wire, Draft("REGISTER", f"sip:{DOMAIN}", alice.uri, f"<{alice.uri}>"))


@each_profile
@pytest.mark.parametrize("method", ["REGISTER", "INVITE", "OPTIONS", "SUBSCRIBE", "MESSAGE"])
def test_existing_and_unknown_users_get_the_same_answer(
    exchange: Exchange, alice: Account, profile: str, method: str
) -> None:
    server = exchange.endpoints[profile]
    assert _shape(server, method, alice.user) == _shape(server, method, "nosuch")


def _shape(server: Endpoint, method: str, user: str) -> list[str]:
    """Start line and headers of the answer, with what differs by nature left out."""
    aor = f"sip:{user}@{DOMAIN}"
    own = method == "REGISTER"
    sender = aor if own else "sip:x@elsewhere.invalid"
    draft = Draft(method, f"sip:{DOMAIN}" if own else aor, sender, f"<{aor}>")
    with Wire(server.address("udp")) as wire:
        answer = refused(wire, draft)
    lines = answer.raw.decode().replace(user, "USER").split("\r\n")
    changing = re.compile(
        r'(nonce=")[^"]*|(branch=)[^;]*|(rport=)\d+|(tag=)\S+|^(Call-ID: ).*|'
        rf"({LOOPBACK}:)\d+|^(Date: ).*"
    )
    return [
        changing.sub(lambda match: "".join(filter(None, match.groups())), line) for line in lines
    ]


@pytest.mark.interop("svwar")
@each_profile
@pytest.mark.parametrize("method", ["REGISTER", "INVITE", "OPTIONS"])
def test_svwar_cannot_tell_users_apart(
    exchange: Exchange, tmp_path: Path, profile: str, method: str
) -> None:
    port = str(exchange.endpoints[profile].ports["udp"])
    words = ["svwar", "--force", "-e", "100-109", "-m", method, "-p", port]
    words += ["--maximumtime", "1", "--domain", DOMAIN, LOOPBACK]
    found = scan(tmp_path, *words, seconds=12)
    assert exchange.running.running
    kinds = {found.rows.get(str(number)) for number in range(100, 110)}
    assert len(kinds) == 1, found.output


@pytest.mark.interop("svcrack")
def test_svcrack_does_not_find_a_short_password(tmp_path: Path) -> None:
    victim = Account("100", "2500", LOOPBACK)  # the domain that svcrack attacks is what it dialled
    setup = Setup(PROFILES[:1], (victim,), domains=(LOOPBACK,))
    with serving(tmp_path / "exchange", setup) as exchange:
        port = str(exchange.endpoint.ports["udp"])
        words = ["svcrack", "-u", "100", "-p", port, "--maximumtime", "3", LOOPBACK]
        lucky = scan(tmp_path, *words, "-r", "2499-2501", seconds=15)
        assert "2500" in lucky.rows.values(), f"the attack itself does not work: {lucky.output}"
        found = scan(tmp_path, *words, "-r", "1000-9999", seconds=20)
        assert exchange.running.running
        assert "2500" not in found.rows.values(), found.output
        assert BANNED in exchange.running.output, "thousands of wrong passwords and no ban"


@pytest.mark.interop("svmap")
def test_svmap_learns_no_product_and_no_version(exchange: Exchange, tmp_path: Path) -> None:
    server = exchange.endpoints["external"]
    port = str(server.ports["udp"])
    found = scan(tmp_path, "svmap", "-p", port, LOOPBACK, seconds=20)
    assert found.rows, f"no answer at all: {found.output}"
    assert __version__ not in found.output
    assert "offhook" not in " ".join(found.rows.values()).lower()


@each_profile
def test_a_spoofed_invite_earns_one_answer_at_most(exchange: Exchange, profile: str) -> None:
    server = exchange.endpoints[profile]
    for user in ("bob", "nobody-here"):
        with Wire(server.address("udp")) as wire:
            draft = Draft("INVITE", f"sip:{user}@{DOMAIN}", "sip:x@elsewhere.invalid")
            wire.send(draft.write(wire))
            got = [answer.status for answer in wire.responses(1.8)]  # 500 ms, 1 s: two would show
        assert len(got) <= 1, got


def test_wrong_passwords_slow_and_then_ban(tmp_path: Path, alice: Account) -> None:
    guess = Account(alice.user, "wrong")
    with serving(tmp_path / "exchange", Setup(PROFILES, (alice,))) as exchange:
        address = exchange.endpoint.address("udp")
        deadline = time.monotonic() + 20
        while BANNED not in exchange.running.output:
            assert time.monotonic() < deadline, "20 s of wrong passwords and no ban"
            with Wire(address) as wire:
                draft = Draft("REGISTER", f"sip:{DOMAIN}", alice.uri, f"<{alice.uri}>")
                for _ in range(10):
                    challenge = wire.final(draft.write(wire), timeout=1.0)
                    if challenge is None or challenge.status not in {401, 407}:
                        break
                    proof = credentials(challenge, guess, "REGISTER", draft.uri)
                    wire.final(draft.write(wire, proof), timeout=1.0)
        assert not answers(address), "a banned source is still answered"
