"""The suite's side of `streamer`: connections that stay open between rounds, and their load."""

from __future__ import annotations

import json
from dataclasses import dataclass
from types import TracebackType

from benchmarks.dialogue import Dialogue

__all__ = ["Crowd", "Tally"]

GRACE_SECONDS = 15.0  # beyond the planned length of a round
OPEN_SECONDS = 0.02  # for each connection, of a slow machine's handshakes


@dataclass(frozen=True, slots=True)
class Tally:
    """What became of one round's requests."""

    sent: int
    good: int
    bad: int
    lost: int  # connections that have ended
    seconds: float

    @property
    def fault(self) -> str:
        """Why the round does not count, "" if every request got its 200."""
        if self.lost:
            return f"{self.lost} connections lost"
        if self.good != self.sent:
            return f"{self.sent} sent, {self.good} answered with 200, {self.bad} otherwise"
        return ""


class Crowd:
    """`count` open connections to one port, over "tcp", "tls", "ws" or "wss". Use as a context
    manager: the connections end with it."""

    def __init__(self, kind: str, port: int, count: int, *, core: int) -> None:
        """Returns when all are open. Raises BenchmarkError if they cannot be opened."""
        arguments = [kind, "--server", str(port), "--connections", str(count)]
        self._dialogue = Dialogue("streamer", arguments, core)
        try:
            self._dialogue.hear(GRACE_SECONDS + count * OPEN_SECONDS)
        except BaseException:
            self._dialogue.close()
            raise

    def __enter__(self) -> Crowd:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._dialogue.close()

    def run(self, kind: str, rate: float, seconds: float) -> Tally:
        """One round of `options`, `register` or `message` requests; `rate` 0 is a closed loop."""
        self.start(kind, rate, seconds)
        return self.finish(seconds)

    def start(self, kind: str, rate: float, seconds: float) -> None:
        """Begin a round."""
        self._dialogue.tell(f"run {kind} {rate} {seconds}")

    def finish(self, seconds: float) -> Tally:
        """Wait for the end of the round that was begun."""
        return Tally(**json.loads(self._dialogue.hear(seconds + GRACE_SECONDS)))
