"""Live objects as rows for `offhook ctl`."""

from __future__ import annotations

import json

import pytest

from offhook.exchange.keep_alive import Health
from offhook.registrar import Binding
from offhook.server.rows import binding_row, connection_row, transaction_row
from offhook.transport import Flow, Listener
from tests.unit.exchange.bench import BOB, Bench, Setting

OPEN = Setting(authenticate=False)


def test_a_binding() -> None:
    binding = Binding(
        "sip:bob@example.com",
        "sip:bob@10.0.0.9",
        1_700_000_060.4,
        500,
        "call-id",
        7,
        "<urn:uuid:1>",
        ("<sip:edge;lr>",),
        "tls/192.0.2.1:5061/9.9.9.9:4000/c1",
        by_flow=True,
        user_agent="phone/1",
        registered=1_700_000_000.0,
    )
    row = binding_row(binding, 1_700_000_000.0, None)
    assert json.loads(json.dumps(row)) == {
        "aor": "sip:bob@example.com",
        "contact": "sip:bob@10.0.0.9",
        "expires": 60,
        "q": 0.5,
        "transport": "TLS",
        "source": "9.9.9.9:4000",
        "by_flow": True,
        "nat": "path",
        "alive": None,
        "latency": None,
        "lost": 0,
        "instance": "<urn:uuid:1>",
        "path": ["<sip:edge;lr>"],
        "call_id": "call-id",
        "user_agent": "phone/1",
    }
    pinged = binding_row(binding, 1_700_000_000.0, Health(61.4, 0.01234, 1))
    assert (pinged["alive"], pinged["latency"], pinged["lost"]) == (61, 12.3, 1)


@pytest.mark.parametrize(
    ("method", "server", "client"),
    [("INVITE", "proceeding", "calling"), ("MESSAGE", "trying", "trying")],
)
def test_transactions(method: str, server: str, client: str) -> None:
    with Bench(setting=OPEN) as bench:
        bench.bind("bob", BOB[0])
        bench.ask(method, "sip:bob@example.com", call_id="this", branch="z9hG4bKthat")
        table = bench.engine.transactions
        (upstream,) = [transaction_row(each) for each in table.servers.values()]
        assert upstream == {
            "id": "z9hG4bKthat",
            "kind": "server",
            "method": method,
            "state": server,
            "remote": "198.51.100.1:5060",
            "transport": "UDP",
            "call_id": "this",
        }
        (downstream,) = [transaction_row(each) for each in table.clients.values()]
        assert (downstream["kind"], downstream["method"]) == ("client", method)
        assert (downstream["state"], downstream["remote"]) == (client, "198.51.100.2:5060")
        assert str(downstream["id"]).startswith("z9hG4bK")


@pytest.mark.parametrize(
    ("local", "remote", "shown"),
    [
        (("192.0.2.1", 5060), ("9.9.9.9", 4000), ("192.0.2.1:5060", "9.9.9.9:4000")),
        (
            ("2001:db8::1", 5060),
            ("2001:db8::2", 4000),
            ("[2001:db8::1]:5060", "[2001:db8::2]:4000"),
        ),
    ],
)
def test_a_connection(
    local: tuple[str, int], remote: tuple[str, int], shown: tuple[str, str]
) -> None:
    flow = Flow(Listener("internal", "TCP", local[0], 5060), local, remote, "c1")
    assert connection_row(flow) == {
        "transport": "TCP",
        "local": shown[0],
        "remote": shown[1],
        "profile": "internal",
        "flow": f"tcp/{shown[0]}/{shown[1]}/c1",
    }
