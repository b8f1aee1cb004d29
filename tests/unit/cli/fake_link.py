"""A link with a clock of its own: waiting costs no time."""

from __future__ import annotations

from collections.abc import Sequence

from offhook.cli.link import Arrival, Link, NoAnswerError
from offhook.message import Message, Uri, parse
from offhook.transport.flow import Flow, Listener
from tests.unit.cli.fake_network import FakeNetwork

__all__ = ["FakeLink", "flow_over"]


def flow_over(transport: str = "UDP") -> Flow:
    """A flow from 192.0.2.1:5555 to 192.0.2.9:5060."""
    listener = Listener("tool", transport, "192.0.2.1", 5555)
    return Flow(
        listener, ("192.0.2.1", 5555), ("192.0.2.9", 5060), "" if transport == "UDP" else "c"
    )


class FakeLink(Link):
    """Answers the n-th sending as `script` says: (seconds later, octets, reason of a loss).

    In octets `{branch}` and `{cseq}` are those of what was sent.
    """

    def __init__(
        self,
        *script: Sequence[tuple[float, str, str]],
        flow: Flow | None = None,
        refuse: str = "",
    ) -> None:
        super().__init__(FakeNetwork())
        self.clock = 100.0
        self.flow = flow or flow_over()
        self.sent: list[tuple[float, bytes]] = []
        self._script = list(script)
        self._coming: list[Arrival] = []
        self._refuse = refuse

    @property
    def requests(self) -> list[Message]:
        """What was sent, parsed."""
        return [parse(data) for _, data in self.sent]

    def now(self) -> float:
        return self.clock

    async def connect(self, uri: Uri) -> Flow:
        if self._refuse:
            raise NoAnswerError(f"{uri}: {self._refuse}")
        return self.flow

    def send(self, flow: Flow, data: bytes) -> None:
        assert flow is self.flow
        self.sent.append((self.clock, data))
        if not parse(data).is_request:
            return
        core = parse(data).core()
        for delay, text, lost in self._script.pop(0) if self._script else ():
            filled = text.replace("{branch}", core.branch).replace("{cseq}", str(core.cseq))
            octets = filled.replace("\n", "\r\n").encode()
            self._coming.append(Arrival(self.flow, octets, self.clock + delay, lost))
        self._coming.sort(key=lambda arrival: arrival.at)

    async def next_arrival(self, until: float) -> Arrival | None:
        if self._coming and self._coming[0].at <= until:
            arrival = self._coming.pop(0)
            self.clock = max(self.clock, arrival.at)
            return arrival
        self.clock = max(self.clock, until)
        return None
