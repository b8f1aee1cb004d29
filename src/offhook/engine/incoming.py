"""One request that arrived and has to be decided: what the application holds while it does."""

from __future__ import annotations

from dataclasses import dataclass

from offhook.message.interface import Core
from offhook.message.message import Message
from offhook.proxy.breadth import MAX_BREADTH
from offhook.proxy.path_token import PathToken
from offhook.proxy.response_context import ResponseContext
from offhook.proxy.route_token import RouteToken
from offhook.transaction.server_invite import ServerInvite
from offhook.transaction.server_non_invite import ServerNonInvite
from offhook.transport.flow import Flow

__all__ = ["Incoming", "OwnReply"]


@dataclass(slots=True)
class OwnReply:
    """A final answer of the application. Not frozen: one is made for each REGISTER (0.3 µs against
    0.9)."""

    status: int
    reason: str = ""
    headers: tuple[tuple[str, str], ...] = ()
    body: bytes = b""


class Incoming:
    """A new request, with what the engine found out about it. Handed to `Engine.respond`,
    `Engine.fork` and the like.

    Until it is accepted it has no transaction: a refusal that needs no wait is then stateless.
    """

    __slots__ = (
        "breadth",
        "cancel_reason",
        "cancelled",
        "context",
        "core",
        "drop_routes",
        "edge",
        "flow",
        "forged",
        "handle",
        "invite",
        "key",
        "loop_hash",
        "message",
        "next_route",
        "onward",
        "own_reply",
        "reply_flow",
        "server",
        "token",
    )

    def __init__(self, message: Message, core: Core, flow: Flow, key: str) -> None:
        self.message = message
        self.core = core
        self.flow = flow
        self.key = key
        self.invite = message.method == "INVITE"
        self.server: ServerInvite | ServerNonInvite | None = None
        self.context: ResponseContext | None = None
        self.reply_flow = flow  # where responses go (RFC 3261 18.2.2)
        self.token: RouteToken | None = (
            None  # of our topmost Route, if it is valid: the request belongs to a dialog we routed
        )
        # of the Path value that we put into a REGISTER: the request goes on by that phone's flow
        self.edge: PathToken | None = None
        self.forged = False  # it has a Route that claims to be such a Path value and is none
        self.drop_routes = 0  # leading Route values that are ours
        self.next_route = ""  # URI of the first that is not
        self.onward = ""  # the address of ours in the last of them, if there are several
        self.loop_hash = ""
        self.breadth = MAX_BREADTH  # what its Max-Breadth lets it divide
        self.cancelled = False
        self.cancel_reason = ""  # the Reason value of the CANCEL
        self.own_reply: OwnReply | None = None  # held until no branch is pending
        self.handle: object = None  # the application's

    @property
    def done(self) -> bool:
        """True once it is answered for good and its message is let go."""
        return self.message is _ANSWERED

    def release(self) -> None:
        """Answered, and nothing pending: what only the decision needed is let go, since the
        transaction stays for half a minute (RFC 6026)."""
        self.message = _ANSWERED
        self.handle = None
        self.own_reply = None

    def settle(self) -> None:
        """Released, and no program asks any more: all that is left is the way of a late 2xx."""
        self.context = None
        self.core = _SETTLED
        self.token = None
        self.loop_hash = self.next_route = self.cancel_reason = ""
        server = self.server
        if not self.invite and server is not None and server.answered:
            server.user = None


_ANSWERED = Message()  # stands for the message of every request that is done with
_SETTLED = Core("", "", 0, "", False, "", 0, "", "", "", 0, "")
