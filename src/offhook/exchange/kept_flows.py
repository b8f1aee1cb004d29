"""What a phone is told about keeping its flow alive, and what happens if it does not (RFC 5626 4.4,
5.4).

Only a phone that uses outbound, and whose flow ends here, has promised anything. Over WebSocket
browsers cannot send keep-alives, and the network pings them itself.
"""

from __future__ import annotations

from offhook.exchange.request import Request
from offhook.exchange.serving import Serving
from offhook.registrar.registration import Registration
from offhook.transport.flow import WEBSOCKET

__all__ = ["DATAGRAM_TIMER", "MARGIN", "keep_flow"]

DATAGRAM_TIMER = 30  # seconds: most NATs forget a UDP mapping after that (RFC 5626 4.4.2)
MARGIN = 32.0  # seconds, 64*T1: a keep-alive that was lost is sent again for that long


def keep_flow(
    serving: Serving, request: Request, registration: Registration
) -> tuple[tuple[str, str], ...]:
    """The Flow-Timer header of a 200 to REGISTER, if the flow is timed from now on."""
    flow = request.incoming.flow
    timer = registration.policy.flow_timer
    if not (registration.outbound and timer and _binds_flow(registration)) or (
        flow.transport in WEBSOCKET
    ):
        serving.engine.release_flow(flow)
        return ()
    if not flow.reliable:
        timer = min(timer, DATAGRAM_TIMER)
    serving.engine.keep_flow(flow, timer + MARGIN, serving.clock.now())
    return (("Flow-Timer", str(timer)),)


def _binds_flow(registration: Registration) -> bool:
    return not registration.path and any(
        contact.expires and contact.reg_id for contact in registration.contacts
    )
