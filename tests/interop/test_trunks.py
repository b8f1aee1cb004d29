"""Trunks known by their certificates, on a live server: let in, refused alone, not challenged."""

from __future__ import annotations

import contextlib
import datetime
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.interop.harness.certificates import Authority, Certificate
from tests.interop.harness.endpoint import DOMAIN, Account
from tests.interop.harness.exchange import Exchange, Profile, Setup, serving
from tests.interop.harness.process import LOOPBACK
from tests.interop.harness.tls_wire import TlsWire
from tests.interop.harness.wire import Draft, Response, Wire, credentials

pytestmark = [pytest.mark.interop(), pytest.mark.timeout(60)]

BOB = Account("bob", "battery-staple-2")
GATEWAYS = """
[gateways.carrier]
uri = "sips:carrier.test"
profile = "trunks"
peer_names = ["backup.carrier.test"]
[gateways.partner]
uri = "sip:partner.test"
profile = "internal"
"""


@dataclass(slots=True)
class Stage:
    """A server with a trunk profile, and the certificates that peers show."""

    exchange: Exchange
    authority: Authority
    shown: dict[str, Certificate | None]

    def connect(self, kind: str, profile: str = "trunks") -> TlsWire:
        """A trunk with that certificate. OSError if the handshake fails for us too."""
        address = self.exchange.endpoints[profile].address("tls")
        return TlsWire(address, self.authority.root, shown=self.shown[kind])


@pytest.fixture(scope="module")
def stage(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stage]:
    folder: Path = tmp_path_factory.mktemp("trunks")
    authority = Authority(folder)
    (folder / "stranger").mkdir()
    stranger = Authority(folder / "stranger")
    past = datetime.timedelta(hours=-1)
    shown = {
        "none": None,
        "carrier": authority.issue("carrier", ["carrier.test"], []),
        "backup": authority.issue("backup", ["backup.carrier.test"], []),
        "partner": authority.issue("partner", ["partner.test"], []),
        "other": authority.issue("other", ["other.test"], []),
        "foreign": stranger.issue("foreign", ["carrier.test"], []),
        "expired": authority.issue("expired", ["carrier.test"], [], lifetime=past),
    }
    setup = Setup(
        profiles=(
            Profile(transports=("udp", "tls"), client_certificate="optional"),
            Profile("trunks", ("tls",), authenticate=False, client_certificate="gateways"),
        ),
        accounts=(BOB,),
        certificate=authority.issue("server", [DOMAIN], [LOOPBACK]),
        extra=GATEWAYS,
    )
    with serving(folder / "exchange", setup) as exchange:
        yield Stage(exchange, authority, shown)


@pytest.fixture
def phone(stage: Stage) -> Iterator[Wire]:
    """Bob's, registered over UDP."""
    with Wire(stage.exchange.endpoint.address("udp")) as wire:
        draft = Draft("REGISTER", f"sip:{DOMAIN}", BOB.uri, f"<{BOB.uri}>")
        challenge = wire.final(draft.write(wire))
        assert challenge is not None
        assert challenge.status == 401
        header = credentials(challenge, BOB, "REGISTER", draft.uri)
        again = Draft("REGISTER", f"sip:{DOMAIN}", BOB.uri, f"<{BOB.uri}>", cseq=2)
        done = wire.final(again.write(wire, header))
        assert done is not None
        assert done.status == 200
        yield wire


def call(caller: Wire, callee: str = BOB.uri) -> Response | None:
    """Call a user; the first response that says something."""
    caller.send(Draft("INVITE", callee, "sip:someone@carrier.test").write(caller))
    return next((each for each in caller.responses(4.0) if each.status != 100), None)


def answer(phone: Wire, request: Response, status: str = "200 OK") -> None:
    """Answer what the phone has got."""
    head = request.raw.split(b"\r\n\r\n")[0].decode()
    kept = [
        line
        for line in head.split("\r\n")[1:]
        if re.match(r"(?i)(via|from|call-id|cseq|record-route):", line)
    ]
    to = (
        f"{request.header('to')};tag=bob"
        if "tag=" not in request.header("to")
        else request.header("to")
    )
    lines = [f"SIP/2.0 {status}", *kept, f"To: {to}"]
    lines += [f"Contact: <sip:bob@{LOOPBACK}:{phone.port}>", "Content-Length: 0", "", ""]
    phone.send("\r\n".join(lines).encode())


@pytest.mark.parametrize("kind", ["carrier", "backup"])
def test_a_trunk_calls_and_is_hung_up_on(stage: Stage, phone: Wire, kind: str) -> None:
    """The BYE finds the trunk by its connection, though its Contact names nothing in the DNS."""
    with stage.connect(kind) as trunk:
        contact = {"Contact": "<sip:4711@carrier.test;transport=tls>"}
        trunk.send(Draft("INVITE", BOB.uri, "sip:+331@carrier.test").write(trunk, contact))
        invite = phone.receive(4.0)
        assert invite is not None
        assert invite.raw.startswith(b"INVITE ")
        answer(phone, invite)
        taken = next((each for each in trunk.responses(4.0) if each.status == 200), None)
        assert taken is not None
        routes = [line for line in invite.raw.split(b"\r\n") if line.startswith(b"Record-Route:")]
        bye = [
            "BYE sip:4711@carrier.test;transport=tls SIP/2.0",
            f"Via: SIP/2.0/UDP {LOOPBACK}:{phone.port};branch=z9hG4bKbye{kind};rport",
            *[line.decode().replace("Record-Route", "Route") for line in routes],
            f"From: {taken.header('to')}",
            f"To: {invite.header('from')}",
            f"Call-ID: {invite.header('call-id')}",
            "CSeq: 1 BYE",
            "Max-Forwards: 70",
            "Content-Length: 0",
            "",
            "",
        ]
        phone.send("\r\n".join(bye).encode())
        got = next((each for each in trunk.responses(4.0) if each.raw.startswith(b"BYE ")), None)
        assert got is not None, list(phone.responses(0.5))
        answer(trunk, got)
        ended = [each.status for each in phone.responses(1.0) if b"BYE" in each.raw]
        assert 200 in ended


@pytest.mark.parametrize(
    ("kind", "reason"),
    [
        ("none", "peer did not return a certificate"),
        ("other", "the certificate names other.test, which is no gateway here"),
        ("partner", "the certificate names partner.test, which is no gateway here"),
        ("foreign", "unable to get local issuer certificate"),
        ("expired", "certificate has expired"),
    ],
)
def test_a_trunk_with_a_wrong_certificate_is_refused_alone(
    stage: Stage, phone: Wire, kind: str, reason: str
) -> None:
    mark = stage.exchange.running.mark()
    with stage.connect("carrier") as good:
        with contextlib.suppress(OSError), stage.connect(kind) as bad:
            assert call(bad) is None
            assert bad.closed
        stage.exchange.running.wait_for(f"{reason}.*client_certificate_refused", after=mark)
        good.send(Draft("INVITE", BOB.uri, "sip:+331@carrier.test").write(good))
        assert phone.receive(4.0) is not None


def test_a_certificate_counts_in_the_profile_of_its_gateway(stage: Stage, phone: Wire) -> None:
    """Where callers are challenged, the gateway is not; others are, whatever they prove."""
    for kind, challenged in (
        ("none", True),
        ("other", True),
        ("carrier", True),
        ("partner", False),
    ):
        with stage.connect(kind, "internal") as peer:
            got = call(peer) if challenged else None
            if challenged:
                assert got is not None
                assert got.status == 407, kind
            else:
                peer.send(Draft("INVITE", BOB.uri, "sip:+331@partner.test").write(peer))
                invite = phone.receive(4.0)
                assert invite is not None
                assert b"INVITE" in invite.raw[:6]
