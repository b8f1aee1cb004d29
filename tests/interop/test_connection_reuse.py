"""One TLS connection for both directions (RFC 5923), between real servers that know each other by
certificate: two exchanges, and an exchange with Kamailio.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.interop.harness import kamailio
from tests.interop.harness.certificates import Authority, Certificate
from tests.interop.harness.exchange import Exchange, Profile, Setup, choose_ports, serving
from tests.interop.harness.process import LOOPBACK, free_port, until
from tests.interop.harness.wire import Draft, Response, Wire

pytestmark = [pytest.mark.interop(), pytest.mark.timeout(90)]

ROUTING = """
from offhook import Decision, Exchange, Request

exchange = Exchange()


@exchange.request("MESSAGE")
@exchange.request("INVITE")
async def outward(request: Request) -> Decision:
    \"\"\"From the other side to our user, from our side to theirs.\"\"\"
    if request.gateway is not None:
        return await request.fork(await exchange.location.lookup("sip:user@{own}"))
    return await request.fork(exchange.gateways["other"])
"""


@dataclass(slots=True)
class Side:
    """One exchange with a phone that is registered there."""

    exchange: Exchange
    domain: str
    phone: Wire

    def tls_connections(self) -> list[dict[str, object]]:
        """Those of the trunk profile."""
        return [row for row in self.exchange.ctl("connections") if row["profile"] == "trunks"]


def setup_of(domain: str, certificate: Certificate, other: str, port: int) -> Setup:
    """An exchange that has the other one for a gateway."""
    extra = f"""
[gateways.other]
uri = "sip:{LOOPBACK}:{port};transport=tls"
profile = "trunks"
peer_names = ["{other}"]
"""
    return Setup(
        profiles=(
            Profile(transports=("udp",), authenticate=False, registrar=True),
            Profile(
                "trunks", ("tls",), authenticate=False, extra='client_certificate = "gateways"'
            ),
        ),
        certificate=certificate,
        routing=ROUTING.replace("{own}", domain),
        extra=extra,
        domains=(domain,),
    )


def register(wire: Wire, domain: str) -> None:
    """Register the user of an open exchange."""
    aor = f"sip:user@{domain}"
    done = wire.final(Draft("REGISTER", f"sip:{domain}", aor, f"<{aor}>").write(wire))
    assert done is not None
    assert done.status == 200


def pass_message(sender: Wire, domain: str, receiver: Wire) -> Response:
    """Send a MESSAGE out of the sender's exchange; what the other side's phone gets."""
    draft = Draft("MESSAGE", f"sip:331@{domain}", "sip:somebody@elsewhere.test")
    sender.send(draft.write(sender))
    got = receiver.receive(5.0)
    assert got is not None, list(sender.responses(1.0))
    assert got.raw.startswith(b"MESSAGE ")
    return got


@pytest.fixture
def sides(tmp_path: Path) -> Iterator[tuple[Side, Side]]:
    authority = Authority(tmp_path)
    names = ("one.test", "two.test")
    certificates = [authority.issue(name, [name], [LOOPBACK]) for name in names]
    blank = [setup_of(name, each, "", 0) for name, each in zip(names, certificates, strict=True)]
    ports = [choose_ports(each) for each in blank]
    one = setup_of(names[0], certificates[0], names[1], ports[1]["trunks"].ports["tls"])
    two = setup_of(names[1], certificates[1], names[0], ports[0]["trunks"].ports["tls"])
    with (
        serving(tmp_path / "one", one, ports=ports[0]) as first,
        serving(tmp_path / "two", two, ports=ports[1]) as second,
        Wire(first.endpoint.address("udp")) as here,
        Wire(second.endpoint.address("udp")) as there,
    ):
        register(here, names[0])
        register(there, names[1])
        yield Side(first, names[0], here), Side(second, names[1], there)


@pytest.mark.rfc("5923", "8.2")
def test_two_exchanges_share_one_connection(sides: tuple[Side, Side]) -> None:
    one, two = sides
    got = pass_message(one.phone, one.domain, two.phone)
    assert b";alias" in got.raw
    (opened,) = one.tls_connections()
    (accepted,) = two.tls_connections()
    assert opened["local"] == accepted["remote"]
    pass_message(two.phone, two.domain, one.phone)  # the other way, by the same connection
    assert one.tls_connections() == [opened]
    assert two.tls_connections() == [accepted]


FAR = """
request_route {{
    if (!mf_process_maxfwd_header("20")) {{ sl_send_reply("483", "Too Many Hops"); exit; }}
    if (proto == TLS) {{
        xlog("L_ERR", "from trunk cn=$tls_peer_subject_cn verified=$tls_peer_verified\\n");
        force_tcp_alias();
        sl_send_reply("200", "Taken"); exit;
    }}
    $du = "sip:{host}:{port};transport=tls";
    if (!t_relay()) sl_reply_error();
}}
"""


@pytest.fixture
def far(tmp_path: Path) -> Iterator[tuple[Side, kamailio.Kamailio]]:
    authority = Authority(tmp_path)
    port = free_port()
    ours = setup_of("one.test", authority.issue("one", ["one.test"], [LOOPBACK]), "k.test", port)
    ports = choose_ports(ours)
    peer = kamailio.start_trunk(
        tmp_path / "kamailio",
        FAR.format(host=LOOPBACK, port=ports["trunks"].ports["tls"]),
        certificate=authority.issue("k", ["k.test"], [LOOPBACK]),
        tls_port=port,
    )
    try:
        with (
            serving(tmp_path / "one", ours, ports=ports) as first,
            Wire(first.endpoint.address("udp")) as phone,
        ):
            register(phone, "one.test")
            yield Side(first, "one.test", phone), peer
    finally:
        peer.stop()


@pytest.mark.interop("kamailio")
@pytest.mark.rfc("5923", "8.1")
def test_kamailio_sends_back_by_the_connection_that_we_made(
    far: tuple[Side, kamailio.Kamailio],
) -> None:
    side, peer = far
    answer = side.phone.final(
        Draft("MESSAGE", "sip:331@one.test", "sip:somebody@elsewhere.test").write(side.phone)
    )
    assert answer is not None
    assert answer.status == 200
    peer.program.wait_for(r"from trunk cn=one\.test verified=1")
    (opened,) = side.tls_connections()
    with Wire(peer.endpoint.address("udp")) as outside:
        pass_message(outside, "one.test", side.phone)
    until(lambda: len(side.tls_connections()) == 1, timeout=2.0, what="one connection is left")
    assert side.tls_connections() == [opened]


def headers(message: Response, name: str) -> list[str]:
    """All values of a header, in their order."""
    found = re.findall(rb"(?im)^" + name.encode() + rb":[ \t]*(.*?)\r?$", message.raw)
    return [each.decode() for each in found]


def reply(phone: Wire, request: Response, status: str, tag: str = "") -> None:
    """Answer a request, with a Contact of ours."""
    lines = [f"SIP/2.0 {status}"]
    for name in ("Via", "Record-Route", "From", "Call-ID", "CSeq"):
        lines += [f"{name}: {value}" for value in headers(request, name)]
    lines.append(f"To: {request.header('to')}{tag}")
    lines += [f"Contact: <sip:user@{LOOPBACK}:{phone.port}>", "Content-Length: 0", "", ""]
    phone.send("\r\n".join(lines).encode())


@pytest.mark.rfc("5923", "8.2")
def test_a_dialog_outlives_the_connection_of_its_trunk(sides: tuple[Side, Side]) -> None:
    """The far exchange is started anew during a call; its user is hung up on all the same."""
    one, two = sides
    call = Draft("INVITE", f"sip:331@{one.domain}", "sip:somebody@elsewhere.test")
    one.phone.send(call.write(one.phone))
    invite = two.phone.receive(5.0)
    assert invite is not None
    assert invite.raw.startswith(b"INVITE ")
    reply(two.phone, invite, "200 OK", ";tag=two")
    answered = next((each for each in one.phone.responses(5.0) if each.status == 200), None)
    assert answered is not None
    assert one.exchange.stop() == 0
    one.exchange.start()
    until(lambda: not two.tls_connections(), timeout=5.0, what="the old connection is gone")
    routes = [value for line in headers(invite, "Record-Route") for value in line.split(", ")]
    bye = Draft("BYE", headers(invite, "Contact")[0].strip("<>"), cseq=7)
    fields = {
        "From": answered.header("to"),
        "To": invite.header("from"),
        "Call-ID": invite.header("call-id"),
        "Route": ", ".join(routes),
        "Contact": "",
    }
    two.phone.send(bye.write(two.phone, fields))
    got = one.phone.receive(5.0)
    assert got is not None, list(two.phone.responses(1.0))
    assert got.raw.startswith(b"BYE ")
    reply(one.phone, got, "200 OK")
    ended = next((each for each in two.phone.responses(5.0) if b"BYE" in each.raw), None)
    assert ended is not None
    assert ended.status == 200
