"""Client-initiated connections with real sockets: several flows of one phone, one of them dead,
keep-alives (RFC 5626). The phones here are scripted: none of those packaged sends a reg-id."""

from __future__ import annotations

import time
from pathlib import Path

import pytest

from tests.interop.harness.endpoint import DOMAIN, Account
from tests.interop.harness.exchange import Exchange, Profile, Setup, serving
from tests.interop.harness.flows import FlowPhone
from tests.interop.harness.process import LOOPBACK, until
from tests.interop.harness.wire import Draft, Wire, credentials

pytestmark = [pytest.mark.interop(), pytest.mark.timeout(90)]


def ask(caller: Wire, account: Account, uri: str, method: str = "MESSAGE") -> None:
    """Send a request with credentials; its answer is `final`'s."""
    draft = Draft(method, uri, sender=f"sip:{account.address}", cseq=1)
    challenge = caller.final(draft.write(caller))
    assert challenge is not None
    assert challenge.status == 407, challenge.raw
    caller.send(draft.write(caller, credentials(challenge, account, method, uri)))


def final(caller: Wire, timeout: float = 4.0) -> int:
    """The final status that the caller hears."""
    found = next((one for one in caller.responses(timeout) if one.final), None)
    return found.status if found is not None else 0


@pytest.mark.rfc("5626", "7")
def test_of_two_flows_the_newest_is_tried_and_the_other_when_it_is_gone(
    tmp_path: Path, alice: Account, bob: Account
) -> None:
    setup = Setup((Profile(transports=("udp", "tcp")),), (alice, bob))
    with serving(tmp_path, setup) as exchange:
        ports = exchange.endpoint.ports
        tcp = (LOOPBACK, ports["tcp"])
        uri = f"sip:bob@{DOMAIN}"
        with FlowPhone(bob, [tcp, tcp]) as phone, Wire((LOOPBACK, ports["udp"])) as caller:
            for number in (0, 1):
                response = phone.register(number)
                assert response.status == 200, response.raw
                assert response.header("Require") == "outbound"
            assert len(exchange.ctl("registrations")) == 2

            ask(caller, alice, uri)
            request = phone.take(1)
            assert request is not None
            assert final(caller) == 200
            assert phone.take(0, timeout=0.3) is None  # one phone is asked once

            phone.flows[1].close()
            wait_for_bindings(exchange, 1)
            ask(caller, alice, uri)
            assert phone.take(0) is not None
            assert final(caller) == 200

            phone.flows[0].close()
            wait_for_bindings(exchange, 0)
            begin = time.monotonic()
            ask(caller, alice, uri)
            assert final(caller) == 480
            assert time.monotonic() - begin < 2.0


def wait_for_bindings(exchange: Exchange, count: int) -> None:
    """A flow and its binding are one: it goes at once."""
    until(
        lambda: len(exchange.ctl("registrations")) == count, timeout=3.0, what=f"{count} bindings"
    )


@pytest.mark.rfc("5626", "5.4")
def test_keep_alives_are_answered(tmp_path: Path, bob: Account) -> None:
    with serving(tmp_path, Setup(accounts=(bob,))) as exchange:
        ports = exchange.endpoint.ports
        with Wire((LOOPBACK, ports["udp"])) as wire:
            wire.send(bytes.fromhex("000100002112a442") + b"transactions")
            found = wire.receive(2.0)
            assert found is not None
            assert found.raw[:2] == b"\x01\x01"
            port = int.from_bytes(found.raw[26:28], "big") ^ 0x2112
            assert port == wire.port
        with FlowPhone(bob, [(LOOPBACK, ports["tcp"])]) as phone:
            assert phone.register(0).status == 200
            assert phone.ping(0) == b"\r\n"
