"""A network in memory for tools: it notes what is sent, and answers by a function."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping, Sequence

from offhook.engine.actions import Open
from offhook.runtime.counters import Counters, Gauges
from offhook.runtime.network import Sink
from offhook.transport.flow import Flow, Listener

__all__ = ["FakeNetwork"]

Answers = Callable[[bytes, int], Sequence[bytes]]  # (what was sent, how many before) -> replies


class FakeNetwork:
    """One peer that is always there. `refuse` and `unknown` hold hosts that are not."""

    def __init__(
        self,
        answers: Answers = lambda _data, _count: (),
        *,
        refuse: Sequence[str] = (),
        names: Mapping[str, Sequence[str]] | None = None,
    ) -> None:
        self.counters = Counters()
        self.sent: list[bytes] = []
        self.opened: list[Open] = []
        self.listeners: list[Listener] = []
        self.closed: list[Flow] = []
        self.stopped = False
        self.flows: list[Flow] = []
        self._answers = answers
        self._refuse = refuse
        self._names = names or {}

    def gauges(self) -> Gauges:
        return Gauges()

    def attach(self, sink: Sink) -> None:
        self.sink = sink

    def now(self) -> float:
        return asyncio.get_running_loop().time()

    def unix(self) -> float:
        return 0.0

    async def listen(self, listener: Listener) -> Listener:
        self.listeners.append(listener)
        return listener

    def send(self, flow: Flow, data: bytes) -> None:
        count = len(self.sent)
        self.sent.append(data)
        for reply in self._answers(data, count):
            self.sink.receive(flow, reply)

    def open(self, request: Open) -> None:
        self.opened.append(request)
        host = request.destination[0]
        if host in self._refuse:
            self.sink.open_failed(request.ticket, "connection refused")
            return
        listener = Listener(request.profile, request.transport, "0.0.0.0", 5555)
        local = ("2001:db8::1" if ":" in host else "192.0.2.1", 5555)
        connection = "" if request.transport == "UDP" else "c1"
        flow = Flow(listener, local, request.destination, connection)
        self.flows.append(flow)
        self.sink.flow_opened(request.ticket, flow)

    def close(self, flow: Flow) -> None:
        self.closed.append(flow)

    def resolve(self, ticket: int, host: str) -> None:
        self.sink.resolved(ticket, self._names.get(host, ()))

    def connections(self) -> Sequence[Flow]:
        return ()

    async def stop(self) -> None:
        self.stopped = True
