"""Calls of scripted phones: both sides of an INVITE, and the dialog that comes of it.

RFC 3261 12, 13, 15, as far as a test needs them: a 2xx is repeated until its ACK comes, every
further 2xx of a fork is acknowledged and ended at once (13.2.2.4).
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple, Protocol

from offhook.errors import UsageError
from offhook.message import Message
from offhook.testing.agent import Agent, Arrival, OnResponse
from offhook.testing.dialogs import PhoneDialog, callee_dialog, caller_dialog, way_of
from offhook.transaction import T1, T2, ClientTransaction
from offhook.transport.flow import Flow
from offhook.transport.next_hop import NextHop

__all__ = [
    "CallOwner",
    "IncomingCall",
    "OutgoingCall",
    "Script",
    "Step",
]

GIVE_UP = 64 * T1  # seconds: of a 2xx without ACK, of a CANCEL without an end


class Step(NamedTuple):
    """One response of a script, `after` seconds from the INVITE. Another `tag` is another dialog,
    as from a fork further down."""

    after: float
    status: int
    tag: str = ""


@dataclass(frozen=True, slots=True)
class Script:
    """What a phone does when it is called: responses in time, and the seconds from a CANCEL to its
    487 (None: never).

    `trying=False` sends not even a 100: with no steps, a phone that hangs.
    """

    steps: Sequence[Step] = (Step(0.2, 180), Step(1.0, 200))
    cancel_delay: float | None = 0.05
    trying: bool = True
    headers: Sequence[tuple[str, str]] = ()


class CallOwner(Protocol):
    """The phone, as its calls see it."""

    agent: Agent
    contact: str  # Contact value

    def authorize(self, request: Message, response: Message) -> Message | None:
        """The request again with credentials, None if the challenge cannot be answered."""

    def add_dialog(self, dialog: PhoneDialog) -> None:
        """A dialog has begun."""


class OutgoingCall:
    """The caller's side. `status` is the final one (0 while there is none): 408 if nothing came,
    503 if there was no way."""

    def __init__(self, owner: CallOwner, invite: Message, hop: NextHop) -> None:
        self.call_id = invite.get("call-id") or ""
        self.provisionals: list[int] = []  # 101-199, in order
        self.finals: list[int] = []  # every final response that was not a retransmission
        self.status = 0
        self.response: Message | None = None
        self.dialogs: dict[str, PhoneDialog] = {}  # by the callee's tag; the first is the call
        self._owner = owner
        self._agent = owner.agent
        self._invite = invite
        self._hop = hop
        self._machine: ClientTransaction | None = None
        self._acks: dict[str, tuple[Flow, bytes]] = {}
        self._wants_cancel = False
        self._heard = False  # a provisional, so that a CANCEL is allowed
        self._changed = asyncio.Event()

    @property
    def dialog(self) -> PhoneDialog:
        """The dialog of the first 2xx. Raises UsageError if there is none."""
        for dialog in self.dialogs.values():
            return dialog
        raise UsageError(f"the call was not answered: {self.status}")

    def start(self) -> None:
        """Send the INVITE."""
        self._agent.with_flow(self._hop, self._send)

    async def final(self) -> int:
        """Wait for the final status."""
        while not self.status:
            await self._change()
        return self.status

    async def ringing(self) -> int:
        """Wait for a 101-199 or the final response: the status that came first of these."""
        while not self.provisionals and not self.status:
            await self._change()
        return self.provisionals[0] if self.provisionals else self.status

    def cancel(self) -> None:
        """Give up: CANCEL now or at the first provisional (RFC 3261 9.1). A 2xx may cross; it is
        acknowledged and ended."""
        if self._wants_cancel or self.status:
            return
        self._wants_cancel = True
        if self._machine is not None and self._heard:
            self._cancel()

    async def hang_up(self, dialog: PhoneDialog | None = None) -> int:
        """End a dialog, the first one if not said: the status of the BYE, 0 if it was over."""
        return await bye(self._agent, dialog or self.dialog)

    # inside -------------------------------------------------------------------------------------
    async def _change(self) -> None:
        self._changed.clear()
        await self._changed.wait()

    def _send(self, flow: Flow | None) -> None:
        if flow is None:
            self._finish(503, None)
        else:
            self._machine = self._agent.send_request(self._invite.copy(), flow, self._answered)

    def _cancel(self) -> None:
        if self._machine is not None and not self._machine.answered:
            self._agent.send_cancel(self._machine)
            self._agent.loop.call_later(GIVE_UP, self._give_up, self._machine)

    def _give_up(self, machine: ClientTransaction) -> None:
        """No final response 64*T1 after the CANCEL (RFC 3261 9.1)."""
        if not machine.answered:
            machine.abandon(self._agent.loop.time())
            self._finish(408, None)

    def _answered(self, response: Message | None) -> None:
        if response is None:
            self._finish(408, None)
        elif response.status < 200:
            self._provisional(response.status)
        elif response.status < 300:
            self._accepted(response)
        else:
            self._refused(response)

    def _provisional(self, status: int) -> None:
        first = not self._heard
        self._heard = True
        if status > 100:
            self.provisionals.append(status)
            self._changed.set()
        if first and self._wants_cancel:
            self._cancel()

    def _refused(self, response: Message) -> None:
        flow = self._machine.flow if self._machine is not None else None
        if response.status in (401, 407) and flow is not None:
            again = self._owner.authorize(self._invite, response)
            if again is not None:
                self._invite = again
                self._heard = False
                self._send(flow)
                return
        self.finals.append(response.status)
        self._finish(response.status, response)

    def _accepted(self, response: Message) -> None:
        tag = response.core().to_tag
        if tag in self._acks:
            flow, data = self._acks[tag]
            self._agent.network.send(flow, data)  # RFC 3261 13.2.2.4: for each copy of the 2xx
            return
        if tag in self.dialogs:
            return  # its ACK is still looking for a way
        first = not self.dialogs
        dialog = caller_dialog(self._invite, response)
        self.dialogs[tag] = dialog
        self.finals.append(response.status)
        self._owner.add_dialog(dialog)
        ack = dialog.request("ACK", cseq=dialog.cseq)
        unwanted = self._wants_cancel or bool(self.status) or not first
        self._agent.with_flow(
            self._agent.outlet or way_of(ack), lambda flow: self._acknowledge(ack, flow, tag)
        )
        self._finish(response.status, response)
        if unwanted:
            self._agent.loop.call_soon(start_bye, self._agent, dialog)

    def _acknowledge(self, ack: Message, flow: Flow | None, tag: str) -> None:
        if flow is not None:
            self._acks[tag] = (flow, self._agent.send_ack(ack, flow))

    def _finish(self, status: int, response: Message | None) -> None:
        if not self.status:
            self.status = status
            self.response = response
            self._changed.set()


class IncomingCall:
    """The callee's side. `status` is the final one that was sent, 0 while there is none."""

    def __init__(self, owner: CallOwner, arrival: Arrival, script: Script) -> None:
        self.arrival = arrival
        self.call_id = arrival.message.core().call_id
        self.status = 0
        self.cancelled = False
        self.unacknowledged = False  # a 2xx never got its ACK
        self.dialogs: dict[str, PhoneDialog] = {}  # by own tag
        self._owner = owner
        self._agent = owner.agent
        self._script = script
        self._tag = owner.agent.token()

    @property
    def dialog(self) -> PhoneDialog:
        """The dialog of the first 2xx. Raises UsageError if there is none."""
        for dialog in self.dialogs.values():
            return dialog
        raise UsageError(f"the call was not answered: {self.status}")

    def start(self) -> None:
        """Follow the script."""
        for step in self._script.steps:
            if step.after <= 0:
                self.answer(step.status, step.tag)
            else:
                self._agent.loop.call_later(step.after, self.answer, step.status, step.tag)

    def answer(self, status: int, tag: str = "") -> None:
        """Send a response, unless a final one went before; several 2xx of different tags may."""
        local_tag = self._tag + tag
        if self.status and not (self.status < 300 and 200 <= status < 300):
            return
        if local_tag in self.dialogs:
            return
        headers = [("Contact", self._owner.contact), *self._script.headers]
        arrival = self.arrival
        if status >= 200:
            self.status = status
        data = self._agent.respond(arrival, status, to_tag=local_tag, headers=headers)
        if 200 <= status < 300:
            dialog = callee_dialog(arrival.message, local_tag)
            self.dialogs[local_tag] = dialog
            self._owner.add_dialog(dialog)
            self._agent.loop.call_later(T1, self._repeat, dialog, (status, data), T1, T1)

    def cancel(self) -> None:
        """A CANCEL came; its 200 is sent."""
        self.cancelled = True
        delay = self._script.cancel_delay
        if delay is not None:
            self._agent.loop.call_later(delay, self.answer, 487)

    async def hang_up(self, dialog: PhoneDialog | None = None) -> int:
        """End a dialog, the first one if not said: the status of the BYE, 0 if it was over."""
        return await bye(self._agent, dialog or self.dialog)

    def _repeat(
        self, dialog: PhoneDialog, sent: tuple[int, bytes], interval: float, passed: float
    ) -> None:
        """The 2xx again, until its ACK comes (RFC 3261 13.3.1.4)."""
        if dialog.confirmed or dialog.ended:
            return
        if passed >= GIVE_UP:
            self.unacknowledged = True
            start_bye(self._agent, dialog)
            return
        self._agent.repeat(self.arrival, *sent)
        following = min(2 * interval, T2)
        self._agent.loop.call_later(
            following, self._repeat, dialog, sent, following, passed + following
        )


async def bye(agent: Agent, dialog: PhoneDialog) -> int:
    """End a dialog: the status of the BYE, 408 if nothing came; 0 if the other side was first."""
    if dialog.ended:
        return 0
    done: asyncio.Future[int] = agent.loop.create_future()

    def answered(response: Message | None) -> None:
        status = 408 if response is None else response.status
        if status >= 200 and not done.done():
            done.set_result(status)

    _send_bye(agent, dialog, answered)
    return await done


def start_bye(agent: Agent, dialog: PhoneDialog) -> None:
    """End a dialog without waiting."""
    if not dialog.ended:
        _send_bye(agent, dialog, lambda _response: None)


def _send_bye(agent: Agent, dialog: PhoneDialog, answered: OnResponse) -> None:
    message = dialog.request("BYE")
    dialog.end("us")

    def send(flow: Flow | None) -> None:
        if flow is None:
            answered(None)
        else:
            agent.send_request(message, flow, answered)

    agent.with_flow(agent.outlet or way_of(message), send)
