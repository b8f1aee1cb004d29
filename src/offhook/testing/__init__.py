"""The test kit: exchanges and phones on a virtual wire in virtual time (design: simulation).

    from offhook.testing import World, run

    async def story(world: World) -> None:
        alice, bob = await world.registered("alice"), await world.registered("bob")
        call = await alice.call("bob@example.com")
        assert call.status == 200
        assert await call.hang_up() == 200

    run(story, exchange, seed=7, loss=0.05)

The same seed gives the same run, in every process. Nothing here is imported by a server.
"""

from offhook.testing.builders import build_request, build_response
from offhook.testing.calls import IncomingCall, OutgoingCall, Script, Step
from offhook.testing.dialogs import PhoneDialog
from offhook.testing.loop import Stuck, VirtualLoop, run_virtual
from offhook.testing.nat import Nat, NatBox
from offhook.testing.network import VirtualNetwork
from offhook.testing.peer import Peer
from offhook.testing.phones import ScriptedPhone
from offhook.testing.server import ProfileSettings, ServerSettings, SimulatedExchange, Trunk
from offhook.testing.wire import Link, Packet, Wire
from offhook.testing.world import Leak, World, run

__all__ = [
    "IncomingCall",
    "Leak",
    "Link",
    "Nat",
    "NatBox",
    "OutgoingCall",
    "Packet",
    "Peer",
    "PhoneDialog",
    "ProfileSettings",
    "Script",
    "ScriptedPhone",
    "ServerSettings",
    "SimulatedExchange",
    "Step",
    "Stuck",
    "Trunk",
    "VirtualLoop",
    "VirtualNetwork",
    "Wire",
    "World",
    "build_request",
    "build_response",
    "run",
    "run_virtual",
]
