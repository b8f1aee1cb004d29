"""Linphone with a GRUU: called after its connection died and came back, and hung up on in a call
that it had when that happened (RFC 5627 6.1)."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.interop.harness.certificates import Certificate
from tests.interop.harness.endpoint import Account, Endpoint
from tests.interop.harness.exchange import Exchange, Profile, Setup, serving
from tests.interop.harness.linphone import Linphone
from tests.interop.harness.phones import (
    CALLEE_TONE,
    CALLER_TONE,
    Phone,
    phone,
    prove_sound,
    set_up,
    talk,
)
from tests.interop.harness.process import until
from tests.interop.harness.relay import Relay

pytestmark = [pytest.mark.interop("baresip", "linphonec"), pytest.mark.timeout(120)]


@dataclass
class Stage:
    """alice (baresip, directly) and bob (linphonec, through a relay)."""

    exchange: Exchange
    relay: Relay
    alice: Phone
    bob: Linphone

    def flow(self) -> str:
        """The far end of the flow that bob is bound to, "" while he is not registered."""
        return next(
            (
                str(each["source"])
                for each in self.exchange.ctl("registrations")
                if str(each["aor"]).startswith("sip:bob@")
            ),
            "",
        )

    def lose_and_come_back(self) -> None:
        """bob's connection ends; he notices, connects and registers again by himself."""
        before = self.flow()
        assert before
        assert self.relay.drop() >= 1
        until(lambda: self.flow() not in ("", before), timeout=45.0, what="bob registers once more")


@pytest.fixture(params=["tls", "tcp"])
def stage(
    request: pytest.FixtureRequest,
    tmp_path: Path,
    certificate: Certificate,
    alice: Account,
    bob: Account,
) -> Iterator[Stage]:
    transport: str = request.param
    setup = Setup((Profile(transports=("udp", "tcp", "tls")),), (alice, bob), certificate)
    with contextlib.ExitStack() as stack:
        exchange = stack.enter_context(serving(tmp_path / "exchange", setup))
        relay = stack.enter_context(Relay(exchange.endpoint.ports[transport]))
        behind = Endpoint({transport: relay.port}, exchange.endpoint.authority)
        calling = stack.enter_context(
            phone("baresip", tmp_path, alice, exchange.endpoint, transport="udp", tone=CALLER_TONE)
        )
        called = stack.enter_context(
            phone("linphonec", tmp_path, bob, behind, transport=transport, tone=CALLEE_TONE)
        )
        assert isinstance(called, Linphone)
        calling.wait_registered()
        called.wait_registered()
        yield Stage(exchange, relay, calling, called)


@pytest.mark.rfc("5627", "6.1")
def test_a_phone_with_a_gruu_is_called_and_hung_up_on_after_its_connection_died(
    stage: Stage,
) -> None:
    assert 'pub-gruu="sip:bob@' in stage.bob.program.output
    stage.lose_and_come_back()
    set_up(stage.alice, stage.bob)
    talk()
    stage.lose_and_come_back()
    stage.alice.hang_up()
    stage.bob.wait_ended()
    stage.alice.wait_status("BYE", 200)
    prove_sound(stage.alice, stage.bob)


def test_the_phone_itself_hangs_up_over_its_new_connection(stage: Stage) -> None:
    set_up(stage.alice, stage.bob)
    talk()
    stage.lose_and_come_back()
    stage.bob.hang_up()
    stage.alice.wait_ended()
    stage.bob.wait_status("BYE", 200)
