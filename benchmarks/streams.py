"""Messages over TLS and WebSocket against the same messages over TCP: CPU of the server for one
item, in turns, with a second TCP for the noise.

An item is a request with its response; `message` is one that the server relays, so two of each. The
cost of encryption alone is measured beside it and taken off for the verdict.
"""

from __future__ import annotations

import statistics
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from pathlib import Path

from benchmarks.crowd import Crowd
from benchmarks.cryptography_cost import make_certificate, measure_cryptography
from benchmarks.findings import Finding, Verdict
from benchmarks.offhook_server import Offhook
from benchmarks.processes import BenchmarkError, cpu_seconds, free_port
from benchmarks.rounds import Pace
from benchmarks.servers import Access, Place

__all__ = ["Listeners", "measure_streams", "stream_server"]

CONNECTIONS = 200  # of each kind
RATES = {"register": 800.0, "options": 800.0, "message": 400.0}  # items a second
RELAYED = {"register": 1, "options": 1, "message": 2}  # requests that the server reads for one
OCTETS = (430, 400)  # of a request and of a response, near enough for the cost of encryption
LIMIT = 1.5  # times TCP, encryption apart
ENCRYPTED = ("tls", "wss")
Listeners = Mapping[str, int]  # port by transport
Progress = Callable[[str], None]


def stream_server(folder: Path, core: int, *, more: str = "") -> tuple[Offhook, Listeners]:
    """An open exchange that listens on every transport. `more` is added to its configuration."""
    folder.mkdir(parents=True, exist_ok=True)
    certificate, key = make_certificate(folder)
    ports = {kind: free_port() for kind in ("tls", "ws", "wss")}
    listen = [f"{kind}:127.0.0.1:{port}" for kind, port in ports.items()]
    tls = f'[tls]\ncertificate = "{certificate}"\nkey = "{key}"\n'
    place = Place(folder, free_port(), core)
    server = Offhook(place, Access.OPEN, listen=listen, more=tls + more)
    return server, {**ports, "tcp": place.port}


def measure_streams(
    folder: Path, server_core: int, load_core: int, *, pace: Pace, progress: Progress
) -> Finding:
    """All kinds of items over all transports."""
    cipher, encryption = measure_cryptography(
        folder, server_core, request=OCTETS[0], response=OCTETS[1]
    )
    progress(f"encryption alone ({cipher}): {encryption:.1f} µs a request and response")
    server, ports = stream_server(folder / "streams", server_core)
    try:
        with ExitStack() as stack:
            crowds = {
                label: stack.enter_context(
                    Crowd(
                        label.partition("-")[0],
                        ports[label.partition("-")[0]],
                        CONNECTIONS,
                        core=load_core,
                    )
                )
                for label in ("tcp", "tls", "ws", "wss", "tcp-2")
            }
            for crowd in crowds.values():
                crowd.run("register", RATES["register"], 1.0)
            times = {
                kind: _rounds(server, crowds, kind, pace=pace, progress=progress) for kind in RATES
            }
    finally:
        server.stop()
    return _finding(times, cipher, encryption)


def _rounds(
    server: Offhook, crowds: Mapping[str, Crowd], kind: str, *, pace: Pace, progress: Progress
) -> dict[str, list[float]]:
    """µs of the server for one item, by transport, one entry a round."""
    found: dict[str, list[float]] = {label: [] for label in crowds}
    for number in range(pace.rounds):
        for label, crowd in crowds.items():
            before = cpu_seconds(server.pid)
            tally = crowd.run(kind, RATES[kind], pace.seconds / 2)
            used = cpu_seconds(server.pid) - before
            if tally.fault:
                progress(f"{kind} over {label} round {number + 1} thrown away: {tally.fault}")
                continue
            microseconds = used / tally.sent * 1e6
            found[label].append(microseconds)
            progress(f"{kind} over {label:5} round {number + 1} {microseconds:8.1f} µs/item")
    silent = [label for label, values in found.items() if not values]
    if silent:
        raise BenchmarkError(f"{kind}: no round over {', '.join(silent)} counts")
    return found


def _finding(
    times: Mapping[str, Mapping[str, Sequence[float]]], cipher: str, encryption: float
) -> Finding:
    rows: list[Sequence[str]] = []
    verdicts: list[Verdict] = []
    for kind, found in times.items():
        base = statistics.median(found["tcp"])
        for label, values in found.items():
            median = statistics.median(values)
            apart = encryption * RELAYED[kind] if label in ENCRYPTED else 0.0
            ratio = (median - apart) / base
            rows.append(
                (
                    kind,
                    label,
                    f"{median:.1f}",
                    f"{median / base:.2f}",
                    f"{ratio:.2f}",
                    str(len(values)),
                )
            )
            if label not in ("tcp", "tcp-2"):
                what = f"{kind} over {label.upper()}, CPU against TCP, encryption apart"
                verdicts.append(Verdict(what, f"{ratio:.2f}", f"<= {LIMIT}", ratio <= LIMIT))
    return Finding(
        f"CPU of the server for one item (µs) over connections; encryption alone {encryption:.1f}"
        f" ({cipher})",
        ("item", "over", "µs", "ratio", "encryption apart", "rounds"),
        rows,
        verdicts,
        {"times": times, "cipher": cipher, "encryption": encryption},
    )
