"""Kamailio as the edge of our registrar: phones behind it register and are called (RFC 3327)."""

from __future__ import annotations

import contextlib
from pathlib import Path

import pytest

from tests.interop.harness import kamailio
from tests.interop.harness.endpoint import Account
from tests.interop.harness.exchange import Profile, Setup, serving
from tests.interop.harness.phones import (
    CALLEE_TONE,
    CALLER_TONE,
    phone,
    prove_sound,
    set_up,
    talk,
)

pytestmark = [pytest.mark.interop("kamailio", "baresip", "linphonec"), pytest.mark.timeout(90)]


@pytest.mark.rfc("3327", "5.3")
@pytest.mark.parametrize("ending", ["caller", "callee"])
@pytest.mark.parametrize("transport", ["udp", "tcp"])
def test_a_phone_behind_kamailio_is_called_back(
    tmp_path: Path, alice: Account, bob: Account, transport: str, ending: str
) -> None:
    setup = Setup((Profile(transports=("udp", "tcp")),), (alice, bob))
    with contextlib.ExitStack() as stack:
        exchange = stack.enter_context(serving(tmp_path / "exchange", setup))
        edge = kamailio.start_edge(tmp_path / "edge", exchange.endpoint.uri("udp"))
        stack.callback(edge.stop)
        caller = stack.enter_context(
            phone("baresip", tmp_path, alice, exchange.endpoint, transport="udp", tone=CALLER_TONE)
        )
        callee = stack.enter_context(
            phone("linphonec", tmp_path, bob, edge.endpoint, transport=transport, tone=CALLEE_TONE)
        )
        callee.wait_registered()
        (bound,) = [each for each in exchange.ctl("registrations") if each["path"]]
        assert str(bound["aor"]) == bob.uri
        assert not bound["by_flow"]
        set_up(caller, callee)
        talk()
        (caller if ending == "caller" else callee).hang_up()
        caller.wait_ended()
        callee.wait_ended()
        prove_sound(caller, callee)
