"""Live objects as rows of plain values, for `offhook ctl`."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime

from offhook.engine.incoming import Incoming
from offhook.exchange.keep_alive import Health
from offhook.registrar.binding import Binding
from offhook.registrar.nat import nat_of
from offhook.runtime.own_certificates import OwnCertificate
from offhook.server.json_value import Json
from offhook.transaction.owner import ClientTransaction, ServerTransaction, Transaction
from offhook.transport.flow import Address, Flow

__all__ = ["binding_row", "certificate_row", "connection_row", "transaction_row"]


def binding_row(binding: Binding, unix: float, health: Health | None) -> Mapping[str, Json]:
    """One registered contact. `expires` is in seconds from now, `alive` the seconds since when
    every ping was answered, `latency` that of the last one in milliseconds."""
    alive = None if health is None or health.alive is None else round(health.alive)
    latency = None if health is None or health.latency is None else round(health.latency * 1000, 1)
    parts = binding.flow.split("/")
    return {
        "aor": binding.aor,
        "contact": binding.contact,
        "expires": round(binding.expires - unix),
        "q": binding.q / 1000,
        "transport": parts[0].upper(),
        "source": parts[2] if len(parts) > 2 else "",
        "by_flow": binding.by_flow,
        "nat": nat_of(binding),
        "alive": alive,
        "latency": latency,
        "lost": 0 if health is None else health.lost,
        "instance": binding.instance,
        "path": list(binding.path),
        "call_id": binding.call_id,
        "user_agent": binding.user_agent,
    }


def transaction_row(transaction: Transaction) -> Mapping[str, Json]:
    """One live transaction."""
    user = transaction.user
    row: dict[str, Json] = {
        "id": "",
        "kind": "client",
        "method": "",
        "state": transaction.state.name.lower(),
        "remote": _host_and_port(transaction.flow.remote),
        "transport": transaction.flow.transport,
        "call_id": "",
    }
    if isinstance(transaction, ServerTransaction):
        parts = transaction.key.split("\n")
        row.update(id=parts[0], kind="server", method=parts[-1] if len(parts) == 4 else "")
    elif isinstance(transaction, ClientTransaction):
        row.update(id=transaction.branch, method=transaction.method)
    if isinstance(user, Incoming):
        row["call_id"] = user.core.call_id
    return row


def connection_row(flow: Flow) -> Mapping[str, Json]:
    """One open connection."""
    return {
        "transport": flow.transport,
        "local": _host_and_port(flow.local),
        "remote": _host_and_port(flow.remote),
        "profile": flow.profile,
        "flow": flow.name,
    }


def certificate_row(own: OwnCertificate, unix: float) -> Mapping[str, Json]:
    """One certificate of ours; `days_left` is negative once it has expired."""
    expires = datetime.fromtimestamp(own.expires, UTC)
    return {
        "certificate": own.name,
        "file": own.path,
        "names": sorted(own.names),
        "expires": f"{expires:%Y-%m-%dT%H:%M:%SZ}",
        "days_left": round(own.days_left(unix), 1),
    }


def _host_and_port(address: Address) -> str:
    host, port = address
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
