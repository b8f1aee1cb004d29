"""A request that arrived starts undecided."""

from __future__ import annotations

import pytest

from offhook.engine.incoming import Incoming
from offhook.message import parse
from offhook.testing.builders import build_request
from tests.unit.engine.rig import CALLER, datagram


@pytest.mark.parametrize("method", ["INVITE", "MESSAGE"])
def test_nothing_is_decided_at_first(method: str) -> None:
    message = parse(build_request(method, "sip:bob@example.com"))
    incoming = Incoming(message, message.core(), datagram(CALLER), "key")
    assert incoming.invite is (method == "INVITE")
    assert incoming.reply_flow is incoming.flow
    assert (incoming.server, incoming.context, incoming.token) == (None, None, None)
    assert not incoming.cancelled
