"""Flows that their phones have promised to keep alive (RFC 5626 4.4): silent ones are given up.

A phone that is told a Flow-Timer sends something at least that often: a STUN request over UDP,
empty lines on a connection, or a message. When nothing was heard for longer the flow is over: a
connection is closed, a datagram flow is reported as lost. Other flows are not looked at.
"""

from __future__ import annotations

from offhook.engine.actions import Close
from offhook.engine.events import FlowLost
from offhook.engine.parts import Parts
from offhook.transport.flow import Flow

__all__ = ["CHECK", "FlowWatch"]

CHECK = 15.0  # seconds between looks at a flow; it may live that much longer


class _Watched:
    """One flow."""

    __slots__ = ("flow", "heard", "patience", "watch")

    def __init__(self, watch: FlowWatch, flow: Flow, patience: float, now: float) -> None:
        self.watch = watch
        self.flow = flow
        self.patience = patience
        self.heard = now

    def fire(self, _letter: int, now: float) -> None:
        """Time to look."""
        self.watch.look(self, now)


class FlowWatch:
    """The flows of one engine that are timed."""

    def __init__(self, parts: Parts) -> None:
        self._parts = parts
        self.flows: dict[str, _Watched] = {}  # by name; empty where no phone has promised anything
        self.timers = 0  # those that are set, for `Engine.pending`

    def keep(self, flow: Flow, patience: float, now: float) -> None:
        """Give the flow up after so many silent seconds, from now on."""
        known = self.flows.get(flow.name)
        if known is not None:
            known.patience = patience
            known.heard = now
            return
        watched = self.flows[flow.name] = _Watched(self, flow, patience, now)
        self._start(watched, now)

    def heard(self, flow: Flow, now: float) -> None:
        """Something came by this flow. Called for every packet while there is any watched flow."""
        known = self.flows.get(flow.name)
        if known is not None:
            known.heard = now

    def forget(self, flow: Flow) -> None:
        """It is not timed any more."""
        self.flows.pop(flow.name, None)

    def look(self, watched: _Watched, now: float) -> None:
        """The timer of a flow has come."""
        self.timers -= 1
        flow = watched.flow
        if self.flows.get(flow.name) is not watched:
            return
        if now - watched.heard < watched.patience:
            self._start(watched, now)
            return
        del self.flows[flow.name]
        if flow.reliable:
            self._parts.actions.append(Close(flow))
        else:
            self._parts.events.append(FlowLost(flow, "no keep-alive"))

    def _start(self, watched: _Watched, now: float) -> None:
        self.timers += 1
        self._parts.timers.start(CHECK, now, watched, 0)
