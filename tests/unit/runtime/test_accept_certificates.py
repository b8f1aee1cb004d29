"""Client certificates over real sockets: who gets in by which policy, and what a refusal leaves
behind. Loopback, below half a second each.
"""

from __future__ import annotations

import asyncio
import datetime
import socket
import ssl
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import pytest
import structlog
from cryptography import x509
from cryptography.x509.oid import ExtendedKeyUsageOID

from offhook.runtime.limits import Limits
from offhook.runtime.tls_files import KeyPair, ProfileTls, TlsFiles
from tests.interop.harness.certificates import Authority, Certificate
from tests.unit.runtime.loopback import Recorder, Story, listener, network

TRUNK = "trunk.example.com"
POLICIES = {
    "none": ProfileTls(),
    "optional": ProfileTls(ask=True),
    "required": ProfileTls(insist=True),
    "gateways": ProfileTls(insist=True, names=frozenset({TRUNK, "192.0.2.9"})),
}
VERSIONS = {"1.2": ssl.TLSVersion.TLSv1_2, "1.3": ssl.TLSVersion.TLSv1_3}


@dataclass(frozen=True, slots=True)
class Clients:
    """Certificates that peers show, by kind; and the server's own."""

    own: Certificate
    shown: Mapping[str, Certificate | None]

    def files(self, policy: ProfileTls, *, wildcards: bool = False) -> TlsFiles:
        """Of a server that trusts its own authority."""
        return TlsFiles(
            str(self.own.certificate),
            str(self.own.key),
            client_authority=str(self.own.authority),
            wildcards=wildcards,
            profiles={"internal": policy},
        )


@pytest.fixture(scope="module")
def clients(tmp_path_factory: pytest.TempPathFactory) -> Clients:
    folder: Path = tmp_path_factory.mktemp("clients")
    authority = Authority(folder)
    (folder / "stranger").mkdir()
    stranger = Authority(folder / "stranger")
    past, later = datetime.timedelta(hours=-1), datetime.timedelta(days=2)
    client_only = [ExtendedKeyUsageOID.CLIENT_AUTH]
    return Clients(
        authority.issue("own", ["sip.example.com"], ["127.0.0.1"]),
        {
            "nothing": None,
            "good": authority.issue("good", [TRUNK], [], usages=client_only),
            "address": authority.issue("address", ["x"], ["192.0.2.9"]),
            "other": authority.issue("other", ["other.example.com"], []),
            "user": authority.issue(
                "user", ["u"], [], alternatives=[x509.UniformResourceIdentifier(f"sip:a@{TRUNK}")]
            ),
            "wild": authority.issue(
                "wild", ["w"], [], alternatives=[x509.DNSName("*.example.com")]
            ),
            "common name": authority.issue("cn", [TRUNK], [], alternatives=[]),
            "foreign": stranger.issue("foreign", [TRUNK], []),
            "expired": authority.issue("expired", [TRUNK], [], lifetime=past),
            "server only": authority.issue(
                "so", [TRUNK], [], lifetime=later, usages=[ExtendedKeyUsageOID.SERVER_AUTH]
            ),
        },
    )


async def knock(port: int, context: ssl.SSLContext, sink: Recorder) -> asyncio.StreamWriter | None:
    """Connect and wait until the server has let us in or has ended the connection."""
    before = len(sink.accepted)
    try:
        reader, writer = await asyncio.open_connection(
            "127.0.0.1", port, ssl=context, server_hostname="sip.example.com"
        )
        reading = asyncio.ensure_future(reader.read(1))
        accepted = asyncio.ensure_future(sink.until(lambda: len(sink.accepted) > before))
        await asyncio.wait({reading, accepted}, return_when=asyncio.FIRST_COMPLETED)
        entered = accepted.done()
        for each in (reading, accepted):
            each.cancel()
        await asyncio.gather(reading, accepted, return_exceptions=True)
        if entered:
            return writer
        writer.transport.abort()
    except OSError:
        pass
    return None


def context_of(authority: Path, shown: Certificate | None, version: str) -> ssl.SSLContext:
    context = ssl.create_default_context(cafile=str(authority))
    context.minimum_version = context.maximum_version = VERSIONS[version]
    if shown is not None:
        context.load_cert_chain(shown.certificate, shown.key)
    return context


IN: dict[str, set[str]] = {
    "none": {"*"},
    "optional": {"nothing", "good", "address", "other", "user", "wild", "common name"},
    "required": {"good", "address", "other", "user", "wild", "common name"},
    "gateways": {"good", "address", "common name"},
}
REASONS = {
    "nothing": "peer did not return a certificate",
    "other": "the certificate names other.example.com, which is no gateway here",
    "user": "the certificate names nobody, which is no gateway here",
    "wild": "the certificate names nobody, which is no gateway here",
    "foreign": "unable to get local issuer certificate",
    "expired": "certificate has expired",
    "server only": "certificate purpose",
}


@pytest.mark.rfc("5922", "7.4")
@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize("policy", POLICIES)
def test_who_gets_in(run: Story, clients: Clients, policy: str, version: str) -> None:
    """Each is judged alone: whoever comes after a refused peer is judged by its own merits."""

    async def story() -> None:
        async with network(tls=clients.files(POLICIES[policy])) as (sockets, sink):
            real = await sockets.listen(listener("TLS"))
            for kind, shown in clients.shown.items():
                refused = sockets.counters.certificates_refused
                with structlog.testing.capture_logs() as lines:
                    context = context_of(clients.own.authority, shown, version)
                    writer = await knock(real.port, context, sink)
                if kind in IN[policy] or "*" in IN[policy]:
                    assert writer is not None, (kind, lines)
                    writer.transport.abort()
                    assert not lines
                else:
                    assert writer is None, kind
                    (line,) = lines
                    assert line["event"] == "client_certificate_refused"
                    assert line["source"] == "127.0.0.1"
                    assert line["profile"] == "internal"
                    assert REASONS[kind] in line["reason"]
                    assert sockets.counters.certificates_refused == refused + 1

    run(story())


@pytest.mark.rfc("5922", "7.1")
@pytest.mark.parametrize(
    ("kind", "wildcards", "names"),
    [
        ("good", False, {TRUNK}),
        ("address", False, {"x", "192.0.2.9"}),
        ("common name", False, {TRUNK}),
        ("user", False, set()),
        ("wild", False, set()),
        ("wild", True, {"*.example.com"}),
        ("nothing", False, set()),
    ],
)
def test_a_flow_knows_what_its_peer_proved(
    run: Story, clients: Clients, kind: str, wildcards: bool, names: set[str]
) -> None:
    async def story() -> None:
        files = clients.files(POLICIES["optional"], wildcards=wildcards)
        async with network(tls=files) as (sockets, sink):
            real = await sockets.listen(listener("TLS"))
            context = context_of(clients.own.authority, clients.shown[kind], "1.3")
            writer = await knock(real.port, context, sink)
            assert writer is not None
            (flow,) = sink.accepted
            assert flow.identities == names
            writer.transport.abort()

    run(story())


def test_a_wildcard_may_name_a_gateway_where_that_is_allowed(run: Story, clients: Clients) -> None:
    async def story() -> None:
        files = clients.files(POLICIES["gateways"], wildcards=True)
        async with network(tls=files) as (sockets, sink):
            real = await sockets.listen(listener("TLS"))
            context = context_of(clients.own.authority, clients.shown["wild"], "1.3")
            writer = await knock(real.port, context, sink)
            assert writer is not None
            writer.transport.abort()

    run(story())


@pytest.mark.parametrize("version", VERSIONS)
def test_sessions_are_resumed_only_where_nobody_is_asked(
    run: Story, clients: Clients, version: str
) -> None:
    """A resumed session is not verified again: a certificate that is refused by now would pass."""

    async def reused(policy: str) -> bool:
        async with network(tls=clients.files(POLICIES[policy])) as (sockets, _):
            real = await sockets.listen(listener("TLS"))
            context = context_of(clients.own.authority, clients.shown["good"], version)
            return await asyncio.to_thread(resumed, real.port, context)

    async def story() -> None:
        assert await reused("none")
        if version == "1.3":
            assert not await reused("required")

    run(story())


def resumed(port: int, context: ssl.SSLContext) -> bool:
    """Whether the second connection takes up the session of the first."""
    session = None
    for _ in range(2):
        with (
            socket.create_connection(("127.0.0.1", port), timeout=3) as plain,
            context.wrap_socket(
                plain, server_hostname="sip.example.com", session=session
            ) as connection,
        ):
            connection.settimeout(0.1)
            with suppress(TimeoutError):
                connection.recv(1)  # TLS 1.3 sends tickets after the handshake
            session, again = connection.session, connection.session_reused
    return bool(again)


def test_a_certificate_is_chosen_by_the_name_that_is_asked_for(
    run: Story, authority: Authority, certificate: Certificate
) -> None:
    second = authority.issue("sni-second", ["second.test", "shared.test"], [])
    own = authority.issue("sni-own", ["own.test", "shared.test"], [])
    wild = authority.issue("sni-wild", ["w"], [], alternatives=[x509.DNSName("*.wild.test")])
    pairs = {
        name: KeyPair(str(each.certificate), str(each.key))
        for name, each in (("second", second), ("own", own), ("wild", wild))
    }
    files = TlsFiles(
        str(certificate.certificate),
        str(certificate.key),
        others=pairs,
        profiles={"other": ProfileTls("own")},
    )
    asked = {
        ("internal", "sip.example.com"): "sip.example.com",
        ("internal", "second.test"): "second.test",
        ("internal", "SECOND.test"): "second.test",
        ("internal", "a.wild.test"): "*.wild.test",
        ("internal", "unknown.test"): "sip.example.com",  # the default, as without a name
        ("internal", ""): "sip.example.com",
        ("other", "shared.test"): "own.test",  # the profile's own goes first
        ("other", "second.test"): "second.test",
        ("other", ""): "own.test",
    }

    async def story() -> None:
        async with network(tls=files) as (sockets, _):
            ports = {
                profile: (await sockets.listen(listener("TLS", profile=profile))).port
                for profile in ("internal", "other")
            }
            context = ssl.create_default_context(cafile=str(authority.root))
            context.check_hostname = False
            for (profile, name), expected in asked.items():
                _, writer = await asyncio.open_connection(
                    "127.0.0.1", ports[profile], ssl=context, server_hostname=name or None
                )
                shown = writer.get_extra_info("peercert")["subjectAltName"]
                assert ("DNS", expected) in shown, (profile, name, shown)
                writer.transport.abort()

    run(story())


@pytest.mark.parametrize(
    "sent",
    [
        b"OPTIONS sip:example.com SIP/2.0\r\n\r\n",
        b"GET / HTTP/1.1\r\n\r\n",
        b"\x16\x03\x01\xff\xff" + bytes(100),
        b"\x16\x03\x01\x00\x05\x01\x00\x00\x01\x00",
        b"\x80\x2e\x01\x00\x02",
        bytes(1000),
    ],
)
def test_what_is_no_handshake_costs_that_connection(
    run: Story, clients: Clients, sent: bytes
) -> None:
    """Plain SIP on a TLS port, HTTP, records that lie, SSLv2, zeros."""

    async def story() -> None:
        limits = Limits(handshake_deadline=0.3)
        async with network(limits=limits, tls=clients.files(POLICIES["none"])) as (sockets, sink):
            real = await sockets.listen(listener("TLS"))
            with structlog.testing.capture_logs() as lines:
                reader, writer = await asyncio.open_connection("127.0.0.1", real.port)
                writer.write(sent)
                try:
                    while await reader.read(1000):
                        pass
                except ConnectionResetError:
                    pass
                writer.transport.abort()
            assert sockets.counters.handshake_failures == 1
            assert sockets.counters.certificates_refused == 0
            (line,) = lines
            assert line["event"] == "handshake_failed"
            assert line["reason"]
            context = context_of(clients.own.authority, None, "1.3")
            after = await knock(real.port, context, sink)
            assert after is not None
            after.transport.abort()

    run(story())


@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1, ssl.TLSVersion.TLSv1_1])
def test_old_versions_are_refused(run: Story, clients: Clients, version: ssl.TLSVersion) -> None:
    async def story() -> None:
        async with network(tls=clients.files(POLICIES["none"])) as (sockets, sink):
            real = await sockets.listen(listener("TLS"))
            context = ssl.create_default_context(cafile=str(clients.own.authority))
            context.set_ciphers("DEFAULT@SECLEVEL=0")
            with pytest.warns(DeprecationWarning, match="is deprecated"):
                context.minimum_version = context.maximum_version = version
            assert await knock(real.port, context, sink) is None
            assert sockets.counters.handshake_failures == 1

    run(story())
