"""Whom we connect to must be whom we wanted: the table of RFC 5922 over real sockets, on new
connections and on reused ones. Loopback, below half a second each.
"""

from __future__ import annotations

import datetime
from functools import partial
from ipaddress import ip_address
from pathlib import Path

import pytest
import structlog
from cryptography import x509
from cryptography.x509.oid import ExtendedKeyUsageOID

from offhook.engine.actions import Open
from offhook.runtime.tls_files import KeyPair, ProfileTls, TlsFiles
from offhook.transport.flow import Address, Flow
from tests.interop.harness.certificates import Authority, Certificate
from tests.unit.runtime.loopback import Story, listener, network, opened, refused

URI, DNS, IP = x509.UniformResourceIdentifier, x509.DNSName, x509.IPAddress
ADDRESS = IP(ip_address("127.0.0.1"))
Names = list[x509.GeneralName]


@pytest.fixture(scope="module")
def own(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return Authority(tmp_path_factory.mktemp("names"))


def server(certificate: Certificate, policy: ProfileTls | None = None) -> TlsFiles:
    return TlsFiles(
        str(certificate.certificate),
        str(certificate.key),
        str(certificate.authority),
        profiles={"internal": policy or ProfileTls()},
    )


TABLE: list[tuple[Names, str, bool, bool]] = [
    # what the certificate lists, the name that is wanted, with and without wildcards allowed
    ([URI("sip:example.com")], "example.com", True, True),
    ([URI("sip:example.com")], "EXAMPLE.COM", True, True),
    ([URI("sip:example.com"), DNS("host.example.com")], "host.example.com", False, False),
    ([URI("sip:alice@example.com")], "example.com", False, False),
    ([URI("sips:example.com")], "example.com", False, False),
    ([URI("https://example.com"), DNS("example.com")], "example.com", True, True),
    ([DNS("example.com")], "example.com", True, True),
    ([DNS("example.com")], "sub.example.com", False, False),
    ([DNS("sub.example.com")], "example.com", False, False),
    ([DNS("*.example.com")], "sub.example.com", False, True),
    ([DNS("*.example.com")], "a.sub.example.com", False, False),
    ([DNS("*.example.com")], "example.com", False, False),
    ([URI("sip:other.com"), DNS("*.example.com")], "sub.example.com", False, False),
    ([ADDRESS], "", True, True),  # no name: the address itself is wanted
    ([ADDRESS], "127.0.0.1", True, True),
    ([ADDRESS], "cn.example.com", False, False),
    ([DNS("127.0.0.1")], "", False, False),
    ([], "cn.example.com", True, True),  # the common name, for want of anything else
    ([DNS("example.com")], "cn.example.com", False, False),
]


@pytest.mark.rfc("5922", "7.1")
@pytest.mark.rfc("5922", "7.2")
@pytest.mark.rfc("5922", "7.3")
@pytest.mark.parametrize("row", range(len(TABLE)))
@pytest.mark.parametrize("wildcards", [False, True])
def test_names_on_new_and_on_reused_connections(
    run: Story, own: Authority, row: int, wildcards: bool
) -> None:
    alternatives, name, strict, loose = TABLE[row]
    certificate = own.issue("row", ["cn.example.com"], [], alternatives=alternatives)
    good = loose if wildcards else strict

    async def story() -> None:
        us = TlsFiles(authority=str(own.root), wildcards=wildcards)
        async with network(tls=server(certificate)) as (far, _), network(tls=us) as (near, sink):
            there = ("127.0.0.1", (await far.listen(listener("TLS"))).port)
            wanted = Open(1, "internal", "TLS", there, "", name)
            if good:
                flow = await opened(near, sink, wanted)
                wanted.ticket = 2
                assert await opened(near, sink, wanted) is flow
                assert near.counters.connections_opened == 1
            else:
                with structlog.testing.capture_logs() as lines:
                    why = await refused(near, sink, wanted)
                assert why == f"the certificate does not name {(name or there[0]).lower()}"
                (line,) = lines
                assert (line["event"], line["reason"]) == ("connect_failed", why)
                assert not near.connections()
            # an open connection is not lent to another name, nor closed for it
            before = list(near.connections())
            stolen = Open(3, "internal", "TLS", there, "", "victim.example.net")
            assert "does not name victim" in await refused(near, sink, stolen)
            assert list(near.connections()) == before

    run(story())


@pytest.mark.rfc("5922", "7.3")
def test_a_connection_is_reused_for_each_name_that_it_proves(run: Story, own: Authority) -> None:
    certificate = own.issue("many", ["a.test", "b.test"], [])

    async def story() -> None:
        us = TlsFiles(authority=str(own.root))
        async with network(tls=server(certificate)) as (far, _), network(tls=us) as (near, sink):
            there = ("127.0.0.1", (await far.listen(listener("TLS"))).port)
            first = await opened(near, sink, Open(1, "internal", "TLS", there, "", "a.test"))
            second = await opened(near, sink, Open(2, "internal", "TLS", there, "", "b.test"))
            assert first is second
            assert first.identities == {"a.test", "b.test"}

    run(story())


@pytest.mark.rfc("5923", "9.3")
def test_each_gateway_sees_its_own_certificate(run: Story, own: Authority) -> None:
    """Also where both are one machine: what was opened for one does not serve the other."""
    certificate = own.issue("carriers", ["one.test", "two.test", "three.test"], [])
    ours = {name: own.issue(f"as-{name}", [f"as-{name}.test"], []) for name in ("main", "c1", "p")}
    pairs = {name: KeyPair(str(each.certificate), str(each.key)) for name, each in ours.items()}
    us = TlsFiles(
        pairs["main"].certificate,
        pairs["main"].key,
        str(own.root),
        others={name: pairs[name] for name in ("c1", "p")},
        profiles={"partner": ProfileTls("p")},
        shown={("internal", "one.test"): "c1"},
    )
    expected = {
        ("internal", "one.test"): "as-c1.test",
        ("internal", "two.test"): "as-main.test",
        ("internal", "three.test"): "as-main.test",
        ("partner", "one.test"): "as-p.test",
    }

    async def story() -> None:
        policy = ProfileTls(insist=True)
        async with (
            network(tls=server(certificate, policy)) as (far, far_sink),
            network(tls=us) as (near, sink),
        ):
            there = ("127.0.0.1", (await far.listen(listener("TLS"))).port)
            flows = []
            for ticket, (profile, name) in enumerate(expected):
                flow = await opened(near, sink, Open(ticket, profile, "TLS", there, "", name))
                wanted = {expected[(profile, name)]}
                await far_sink.until(partial(_shown, far_sink.accepted, flow.local, wanted))
                flows.append(flow)
            assert len(set(flows)) == 3
            assert flows[1] is flows[2]

    run(story())


def _shown(accepted: list[Flow], local: Address, names: set[str]) -> bool:
    """True if the connection from this address came with a certificate of these names."""
    return any(flow.remote == local and flow.identities == names for flow in accepted)


def test_a_certificate_for_servers_only_is_kept_from_servers(run: Story, own: Authority) -> None:
    """It would be refused, where nothing at all is taken."""
    ours = own.issue("web", ["web.test"], [], usages=[ExtendedKeyUsageOID.SERVER_AUTH])
    certificate = own.issue("far", ["far.test"], [])

    async def story() -> None:
        us = TlsFiles(str(ours.certificate), str(ours.key), str(own.root))
        there_files = server(certificate, ProfileTls(ask=True))
        async with network(tls=there_files) as (far, far_sink), network(tls=us) as (near, sink):
            there = ("127.0.0.1", (await far.listen(listener("TLS"))).port)
            await opened(near, sink, Open(1, "internal", "TLS", there, "", "far.test"))
            await far_sink.until(lambda: bool(far_sink.accepted))
            assert not far_sink.accepted[0].identities

    run(story())


@pytest.mark.parametrize(
    ("kind", "says"),
    [
        ("expired", "certificate has expired"),
        ("foreign", "unable to get local issuer certificate"),
    ],
)
def test_a_server_whose_certificate_is_not_valid(
    run: Story, own: Authority, tmp_path: Path, kind: str, says: str
) -> None:
    past = datetime.timedelta(hours=-1)
    certificate = (
        own.issue("e", ["far.test"], [], lifetime=past)
        if kind == "expired"
        else Authority(tmp_path).issue("f", ["far.test"], [])
    )

    async def story() -> None:
        us = TlsFiles(authority=str(own.root))
        async with network(tls=server(certificate)) as (far, _), network(tls=us) as (near, sink):
            there = ("127.0.0.1", (await far.listen(listener("TLS"))).port)
            why = await refused(near, sink, Open(1, "internal", "TLS", there, "", "far.test"))
            assert why.startswith("certificate refused: ")
            assert says in why
            assert near.counters.connects_failed == 1

    run(story())


@pytest.mark.rfc("5923", "8.1")
@pytest.mark.parametrize(
    ("ours", "listening", "offered"),
    [
        (["us.test"], True, False),  # the Via shows an address, which that certificate lacks
        (["127.0.0.1"], True, True),
        (["127.0.0.1"], False, False),  # nobody could reach us at the Via's port anyway
        ([], True, False),
    ],
)
def test_an_alias_is_offered_where_the_peer_can_verify_us(
    run: Story, own: Authority, ours: list[str], listening: bool, offered: bool
) -> None:
    certificate = own.issue("alias-far", ["far.test"], [])
    addresses = [each for each in ours if each[0].isdigit()]
    shown = own.issue("alias-us", ["us.test"], addresses) if ours else None

    async def story() -> None:
        us = (
            TlsFiles(str(shown.certificate), str(shown.key), str(own.root))
            if shown is not None
            else TlsFiles(authority=str(own.root))
        )
        async with network(tls=server(certificate)) as (far, _), network(tls=us) as (near, sink):
            if listening and shown is not None:
                await near.listen(listener("TLS"))
            there = ("127.0.0.1", (await far.listen(listener("TLS"))).port)
            flow = await opened(near, sink, Open(1, "internal", "TLS", there, "", "far.test"))
            assert (";alias;" in flow.via) is offered
            assert flow.via.endswith(";branch=")

    run(story())
