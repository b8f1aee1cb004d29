"""The driver: feeds one engine from a network, hands its events to the application, does what it
asks, arms one timer.

Decides nothing. Events are handed over before the next input, so that a request is decided (or has
its transaction) before a copy of it can come. Actions leave together once a batch of inputs is
done.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence

from offhook.engine.actions import Close, Open, Resolve, Send
from offhook.engine.application import Application
from offhook.engine.engine import Engine
from offhook.runtime.network import Network
from offhook.transport.flow import Flow, Listener
from offhook.transport.records import Answer

__all__ = ["Driver"]

Failure = Callable[[BaseException], None]


class Driver:
    """Joins an engine, a network and an application on the running event loop. A `network.Sink`.

    `failure` is told of an exception that the engine, the application or the network let out: it
    costs that input or action, never the driver.
    """

    def __init__(
        self,
        engine: Engine,
        network: Network,
        application: Application,
        failure: Failure,
    ) -> None:
        self.engine = engine
        self.network = network
        self.application = application
        self._failure = failure
        self._loop = asyncio.get_running_loop()
        self._timer: asyncio.TimerHandle | None = None
        self._armed = 0.0
        self._stopped = False
        network.attach(self)

    async def listen(self, listeners: Sequence[Listener]) -> list[Listener]:
        """Bind all listeners; returns them with their real ports. Raises StartError."""
        bound = []
        for listener in listeners:
            real = await self.network.listen(listener)
            self.engine.add_listener(real)
            bound.append(real)
        return bound

    async def stop(self) -> None:
        """Close the network; from now on no message is taken any more."""
        self._stopped = True
        if self._timer is not None:
            self._timer.cancel()
        await self.network.stop()

    # Sink ----------------------------------------------------------------------------------------
    def receive(self, flow: Flow, data: bytes) -> None:
        """A datagram, or the next octets of a stream."""
        if self._stopped:
            return  # a connection says its last words while it is closed
        engine = self.engine
        try:
            engine.receive(flow, data, self.network.now())
        except Exception as error:
            self._failure(error)
        if engine.has_events:
            self._events()

    def flow_accepted(self, flow: Flow) -> None:
        """A peer connected to us."""
        self._feed(self.engine.flow_accepted, flow)

    def flow_opened(self, ticket: int, flow: Flow) -> None:
        """The answer to `Open`."""
        self._feed(self.engine.flow_opened, ticket, flow)

    def open_failed(self, ticket: int, reason: str) -> None:
        """The other answer to `Open`."""
        self._feed(self.engine.open_failed, ticket)

    def flow_lost(self, flow: Flow, reason: str) -> None:
        """A connection ended."""
        self._feed(self.engine.flow_lost, flow, reason)

    def send_failed(self, flow: Flow) -> None:
        """A datagram did not arrive."""
        self._feed(self.engine.send_failed, flow)

    def resolved(self, ticket: int, answers: Sequence[Answer]) -> None:
        """The answer to `Resolve`."""
        self._feed(self.engine.resolved, ticket, answers)

    def flush(self) -> None:
        """The end of a batch, or of a decision made outside one: everything asked for is done, the
        timer armed."""
        if self._stopped:
            return
        engine = self.engine
        network = self.network
        sent = engine.counters.traffic.sent
        while engine.has_actions:
            for action in engine.actions():
                try:
                    if type(action) is Send:
                        network.send(action.flow, action.data)
                        sent(action.flow, action.data)
                    elif type(action) is Open:
                        network.open(action)
                    elif type(action) is Resolve:
                        network.resolve(action.ticket, action.questions)
                    elif type(action) is Close:
                        network.close(action.flow)
                except Exception as error:  # it costs that action: the others and the timer follow
                    self._failure(error)
            if engine.has_events:
                self._events()
        self._arm()

    # inside --------------------------------------------------------------------------------------
    def _feed(self, tell: Callable[..., None], *what: object) -> None:
        try:
            tell(*what, self.network.now())
        except Exception as error:
            self._failure(error)
        self._events()

    def _events(self) -> None:
        engine = self.engine
        while engine.has_events:
            for event in engine.events():
                try:
                    self.application.handle(event)
                except Exception as error:
                    self._failure(error)

    def _arm(self) -> None:
        deadline = self.engine.next_deadline()
        timer = self._timer
        if timer is not None:
            if deadline is not None and deadline >= self._armed:
                return  # the timer that runs is early enough and will be armed anew
            timer.cancel()
            self._timer = None
        if deadline is not None:
            self._armed = deadline
            self._timer = self._loop.call_at(deadline, self._advance)

    def _advance(self) -> None:
        self._timer = None
        try:
            self.engine.advance(self.network.now())
        except Exception as error:
            self._failure(error)
        self._events()
        self.flush()
