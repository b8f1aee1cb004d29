"""What is asked of the servers: kinds of traffic, how much of it, and one measured round of it."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

from benchmarks.processes import cpu_seconds, datagrams_dropped, free_port, is_bound, wait_until
from benchmarks.servers import Access, Server
from benchmarks.sipp import Load, Sipp, Tally

__all__ = ["WORKLOADS", "Bench", "Level", "Round", "Workload", "binding_load", "run_round"]

GRACE_SECONDS = 12.0  # beyond the planned length of a round, before its SIPp is killed
CALLEE_SECONDS = 3.0  # for the called side to end after the caller
SLOWEST_CLOSED_LOOP = 200  # calls a second; a slower closed loop is killed


@dataclass(frozen=True, slots=True)
class Level:
    """A rate in items a second, or a closed loop of `users` items at a time."""

    name: str
    rate: int = 0
    users: int = 0


@dataclass(frozen=True, slots=True)
class Workload:
    """One kind of item (a REGISTER, a challenged REGISTER, a call) with its levels and its budget
    as a ratio to the peer.
    """

    name: str
    scenario: str
    access: Access
    levels: tuple[Level, ...]
    budget: float
    transport: str = "UDP"
    calls: bool = False  # a second SIPp takes the calls
    warm_up: int = 500
    most_items: int = 15000  # of one round: finished transactions stay for 32 s, and have a limit


WORKLOADS = (
    Workload(
        "register",
        "register",
        Access.OPEN,
        (Level("low", rate=500), Level("high", rate=3000), Level("closed", users=32)),
        budget=2.0,
        warm_up=2000,
    ),
    Workload(
        "register-digest",
        "register_digest",
        Access.DIGEST,
        (Level("low", rate=300), Level("high", rate=1000), Level("closed", users=32)),
        budget=2.0,
        warm_up=1000,
        most_items=8000,
    ),
    Workload(
        "call",
        "caller",
        Access.OPEN,
        (Level("low", rate=100), Level("high", rate=1000), Level("closed", users=32)),
        budget=2.0,
        calls=True,
        most_items=6000,
    ),
    Workload(
        "call-tcp",
        "caller",
        Access.OPEN,
        (Level("high", rate=500),),
        budget=2.0,
        transport="TCP",
        calls=True,
    ),
)


@dataclass(slots=True)
class Bench:
    """The load's side of one server: its folder, core and fixed ports."""

    server: Server
    folder: Path
    core: int
    users_file: Path
    users: int
    caller_port: int = field(default_factory=free_port)
    callee_port: int = field(default_factory=free_port)
    rounds: int = 0

    def next_folder(self) -> Path:
        """A fresh folder for the files of one round."""
        self.rounds += 1
        return self.folder / f"{self.server.name}-{self.rounds}"


@dataclass(frozen=True, slots=True)
class Round:
    """One measured round. `fault` is empty if it counts; `microseconds` is the server's CPU time
    for one item.
    """

    items: int
    microseconds: float
    seconds: float
    cpu_share: float
    load_sent: int
    load_received: int
    server_received: int | None
    fault: str = ""


def binding_load(bench: Bench, transport: str = "UDP") -> Load:
    """The REGISTERs that bind every user to the callee. They go over UDP, so that no binding hangs
    on a connection that ends.
    """
    return Load(
        "register",
        calls=bench.users,
        port=bench.callee_port,
        server_port=bench.server.place.port,
        rate=1000,
        contact_port=bench.callee_port,
        contact_transport=transport,
        users_file=bench.users_file,
    )


def run_round(bench: Bench, workload: Workload, level: Level, items: int) -> Round:
    """Send `items` and measure the server while it handles them."""
    server = bench.server
    folder = bench.next_folder()
    callee = _start_callee(bench, workload, items, folder)
    dropped = datagrams_dropped([server.place.port])
    counted = server.received()
    cpu = cpu_seconds(server.pid)
    caller = Sipp(_caller_load(bench, workload, level, items), folder / "caller", bench.core)
    in_time = caller.wait(items / (level.rate or SLOWEST_CLOSED_LOOP) + GRACE_SECONDS)
    seconds = caller.seconds()
    used = cpu_seconds(server.pid) - cpu
    after = server.received()
    in_time = (callee is None or callee.wait(CALLEE_SECONDS)) and in_time
    tallies = [side.tally() for side in (caller, callee) if side is not None]
    return Round(
        items=items,
        microseconds=used / items * 1e6,
        seconds=seconds,
        cpu_share=used / seconds,
        load_sent=sum(tally.sent for tally in tallies),
        load_received=sum(tally.received for tally in tallies),
        server_received=None if counted is None or after is None else after - counted,
        fault=_fault(tallies, items, in_time, datagrams_dropped([server.place.port]) - dropped),
    )


def _start_callee(bench: Bench, workload: Workload, items: int, folder: Path) -> Sipp | None:
    if not workload.calls:
        return None
    load = Load(
        "callee",
        calls=items,
        port=bench.callee_port,
        transport=workload.transport,
        contact_transport=workload.transport,
    )
    callee = Sipp(load, folder / "callee", bench.core)
    wait_until(
        lambda: is_bound(bench.callee_port, workload.transport), 5.0, "SIPp to wait for calls"
    )
    return callee


def _caller_load(bench: Bench, workload: Workload, level: Level, items: int) -> Load:
    port = bench.caller_port if workload.transport == "UDP" else free_port()
    return Load(
        workload.scenario,
        calls=items,
        port=port,
        server_port=bench.server.place.port,
        rate=level.rate,
        users=level.users,
        transport=workload.transport,
        contact_port=port,
        contact_transport=workload.transport,
        users_file=bench.users_file,
    )


def _fault(tallies: list[Tally], items: int, in_time: bool, lost: int) -> str:
    """Why a round does not count: "" if every item got its 200 at the first try."""
    counts = {
        "failed": sum(tally.failed for tally in tallies),
        "retransmitted": sum(tally.retransmitted for tally in tallies),
        "unexpected or timed out": sum(tally.unexpected for tally in tallies),
        "without a 200": items - min(tally.succeeded for tally in tallies),
        "lost at the server's socket": lost,
    }
    faults = [f"{count} {what}" for what, count in counts.items() if count]
    if not in_time:
        faults.append("not finished in time")
    if len(tallies) == 2 and tallies[0].sent != tallies[1].received:
        faults.append(f"caller sent {tallies[0].sent}, callee received {tallies[1].received}")
    return ", ".join(faults)
