"""Client x feature x transport: what was tried with whose program and what came of it, as a page.

Tests mark a cell around the part that proves it. The page ``docs/reference/clients.md`` is written
at the end of a session when OFFHOOK_WRITE_MATRIX=1; otherwise only the results file is.
"""

from __future__ import annotations

import contextlib
import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from tests.interop.harness.endpoint import TRANSPORTS

CLIENTS = {
    "baresip": "baresip 1.0",
    "linphonec": "Linphone 5.1",
    "sipp": "SIPp 3.6",
    "sipsak": "sipsak 0.9",
    "kamailio": "Kamailio 5.6",
    "jssip": "JsSIP 3.13 in Chromium",
    "sipjs": "SIP.js 0.21 in Chromium",
}
PHONE_FEATURES = (
    "register, MD5",
    "wrong password refused",
    "call placed",
    "call received",
    "audio both ways",
    "hang-up by caller",
    "hang-up by callee",
    "CANCEL",
    "refusal by callee",
    "unknown user",
)
FEATURES: dict[str, tuple[str, ...]] = {
    "baresip": PHONE_FEATURES,
    "linphonec": (*PHONE_FEATURES[:1], "register, SHA-256", *PHONE_FEATURES[1:]),
    "sipp": ("stock scenarios", "calls under load"),
    "sipsak": ("OPTIONS",),
    "kamailio": ("proxy between two exchanges", "spiral", "loop refused"),
    "jssip": (
        *PHONE_FEATURES,
        "reload of the page",
        "restart of the server",
        "page of a foreign site refused",
    ),
    "sipjs": (
        "register, MD5",
        "call placed",
        "call received",
        "audio both ways",
        "hang-up by caller",
        "hang-up by callee",
    ),
}
COLUMNS = {"jssip": ("ws", "wss"), "sipjs": ("wss",)}  # else TRANSPORTS


@dataclass(slots=True)
class Matrix:
    """Results of one session: ``(client, feature, transport)`` to passed."""

    results: dict[tuple[str, str, str], bool] = field(default_factory=dict)

    @contextlib.contextmanager
    def cell(self, feature: str, transport: str, *clients: str) -> Iterator[None]:
        """The block shows ``feature`` over ``transport`` with each of ``clients``."""
        for client in clients:
            if feature not in FEATURES[client]:
                raise ValueError(f"{feature!r} is not among the features of {client}")
        passed = False
        try:
            yield
            passed = True
        finally:
            for client in clients:
                key = (client, feature, transport)
                self.results[key] = passed and self.results.get(key, True)

    def write_results(self, path: Path) -> None:
        """Save the results as JSON."""
        entries = [
            {"client": client, "feature": feature, "transport": transport, "passed": passed}
            for (client, feature, transport), passed in sorted(self.results.items())
        ]
        path.write_text(json.dumps(entries, indent=1) + "\n")

    def write_page(self, path: Path) -> None:
        """Write the reference page."""
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(self.page())

    def page(self) -> str:
        """The page: one table a client, one row a feature."""
        lines = [
            "# Clients",
            "",
            "What was shown with which program. Written by the interoperability tests",
            "(`OFFHOOK_WRITE_MATRIX=1 python -m pytest tests/interop`). Empty: not tried.",
        ]
        for client, features in FEATURES.items():
            columns = COLUMNS.get(client, TRANSPORTS)
            lines += ["", f"## {CLIENTS[client]}", "", row("feature", *columns)]
            lines.append(row(*["---"] * (len(columns) + 1)))
            lines += [row(feature, *self._marks(client, feature)) for feature in features]
        return "\n".join(lines) + "\n"

    def _marks(self, client: str, feature: str) -> list[str]:
        marks = {None: "", True: "yes", False: "**no**"}
        columns = COLUMNS.get(client, TRANSPORTS)
        return [marks[self.results.get((client, feature, name))] for name in columns]


def row(*cells: str) -> str:
    """One line of a table."""
    return "| " + " | ".join(cells) + " |"


def missing_rows(page: str) -> list[str]:
    """Features of the tests for which the page has no row under their client."""
    missing = []
    for client, features in FEATURES.items():
        _, _, section = page.partition(f"## {CLIENTS[client]}\n")
        section = section.partition("\n## ")[0]
        missing += [f"{client}: {name}" for name in features if f"\n| {name} |" not in section]
    return missing
