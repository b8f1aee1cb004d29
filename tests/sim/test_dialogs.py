"""Requests inside dialogs: route sets, tokens, strict routers, two profiles, BYE both ways."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

import pytest

from offhook.exchange import Decision, Exchange, Request
from offhook.message import Message
from offhook.testing import (
    Peer,
    ProfileSettings,
    Script,
    ServerSettings,
    Step,
    World,
    build_request,
    build_response,
    run,
)
from tests.sim.stage import OPEN

DELAY = (0.01, 0.01)
QUICK = Script((Step(0.1, 180), Step(0.2, 200)))
SERVER = ("192.0.2.1", 5060)
TWO = ServerSettings(
    profiles={
        "internal": ProfileSettings(listen=("udp:192.0.2.1:5060", "tcp:192.0.2.1:5060")),
        "external": ProfileSettings(
            listen=("udp:203.0.113.9:5080", "tcp:203.0.113.9:5080"),
            authenticate=False,
            registrar=False,
        ),
    }
)


def methods_at(world: World, host: str) -> list[str]:
    """The requests that were sent to a host, without REGISTER and retransmissions."""
    found: list[str] = []
    for packet in world.wire.packets:
        method = packet.data.partition(b" ")[0].decode()
        if packet.destination[0] == host and not method.startswith("SIP") and method not in found:
            found.append(method)
    return found


@pytest.mark.parametrize("who", ["caller", "callee"])
@pytest.mark.parametrize("transports", [("UDP", "UDP"), ("UDP", "TCP"), ("TCP", "UDP")])
@pytest.mark.rfc("3261", "16.6")
def test_bye_from_both_sides(transports: tuple[str, str], who: str) -> None:
    async def story(world: World) -> None:
        alice = await world.registered("alice", transport=transports[0])
        bob = await world.registered("bob", transport=transports[1], script=QUICK)
        call = await alice.call("bob@example.com")
        assert call.status == 200
        await asyncio.sleep(1)
        answered = bob.incoming[0]
        assert answered.dialog.confirmed
        routes = 1 if transports[0] == transports[1] else 2
        assert len(call.dialog.routes) == len(answered.dialog.routes) == routes
        side = call if who == "caller" else answered
        assert await side.hang_up() == 200
        assert {call.dialog.ended, answered.dialog.ended} == {"us", "them"}
        used = {each.transport for each in world.wire.packets if b" BYE\r\n" in each.data}
        assert used == set(transports)

    run(story, delay=DELAY)


@pytest.mark.parametrize("transport", ["UDP", "TCP"])
@pytest.mark.parametrize("who", ["caller", "callee"])
def test_calls_between_profiles_have_two_record_routes(transport: str, who: str) -> None:
    exchange = Exchange()

    @exchange.request("INVITE")
    async def invite(request: Request) -> Decision:
        phones = await exchange.location.lookup("sip:bob@example.com")
        return await request.fork(phones)

    async def story(world: World) -> None:
        bob = await world.phone("bob", script=QUICK, profile="internal")
        assert await bob.register() == 200
        far = await world.phone("far@elsewhere.test", profile="external", transport=transport)
        call = await far.call("sip:bob@example.com")
        assert call.status == 200
        await asyncio.sleep(1)
        assert bob.incoming[0].dialog.confirmed
        assert len(call.dialog.routes) == 2
        assert "203.0.113.9:5080" in call.dialog.routes[0]
        assert "192.0.2.1:5060" in bob.incoming[0].dialog.routes[0]
        side = call if who == "caller" else bob.incoming[0]
        assert await side.hang_up() == 200
        assert {call.dialog.ended, bob.incoming[0].dialog.ended} == {"us", "them"}

    run(story, exchange, delay=DELAY, settings=TWO)


async def answered_call(world: World) -> tuple[Peer, Peer, Message]:
    """A call between two peers that is up: caller, callee, the 200 as the caller got it."""
    caller = await Peer.at(world.wire, "198.51.100.31")
    callee = await Peer.at(world.wire, "198.51.100.32")
    invite = build_request("INVITE", "sip:x@example.com", source=caller.address)
    await caller.send(invite, SERVER)
    request = await callee.next()
    answer = build_response(
        request.to_bytes(),
        200,
        to_tag="callee",
        headers=[("Contact", "<sip:x@198.51.100.32:5060>")],
    )
    callee.reply(answer)
    while (response := await caller.next()).status < 200:
        pass
    return caller, callee, response


def in_dialog(
    method: str, response: Message, *, uri: str = "", routes: Sequence[str] = (), cseq: int = 2
) -> bytes:
    """A request of the caller inside the dialog of a 200."""
    return build_request(
        method,
        uri or "sip:x@198.51.100.32:5060",
        source=("198.51.100.31", 5060),
        branch=f"z9hG4bKdialog{method}{cseq}",
        callee=response.get("to") or "",
        cseq=cseq,
        headers=[("Route", route) for route in routes],
    )


def to_callee() -> Exchange:
    """A program that sends every INVITE to the callee of `answered_call`."""
    exchange = Exchange()

    @exchange.request("INVITE")
    async def invite(request: Request) -> Decision:
        return await request.fork("sip:x@198.51.100.32:5060")

    return exchange


@pytest.mark.rfc("3261", "16.4")
def test_a_strict_router_is_understood() -> None:
    """It puts our Record-Route into the Request-URI and the target last into the Route."""

    async def story(world: World) -> None:
        caller, callee, response = await answered_call(world)
        route = response.get_all("record-route")[0]
        uri = route.strip("<>")
        await caller.send(
            in_dialog("BYE", response, uri=uri, routes=["<sip:x@198.51.100.32:5060>"]), SERVER
        )
        bye = await callee.next()
        assert (bye.method, bye.uri) == ("BYE", "sip:x@198.51.100.32:5060")
        assert bye.get("route") is None
        callee.reply(build_response(bye.to_bytes(), 200))
        assert (await caller.next()).status == 200

    run(story, to_callee(), delay=DELAY, settings=OPEN)


@pytest.mark.rfc("3261", "16.6")
def test_a_strict_next_hop_gets_its_own_form() -> None:
    """A Route without lr behind ours: that router finds itself in the Request-URI (step 6)."""

    async def story(world: World) -> None:
        caller, callee, response = await answered_call(world)
        own = response.get_all("record-route")[0]
        await caller.send(
            in_dialog("BYE", response, routes=[own, "<sip:198.51.100.32:5060>"]), SERVER
        )
        bye = await callee.next()
        assert bye.uri == "sip:198.51.100.32:5060"
        assert bye.get_all("route") == ["<sip:x@198.51.100.32:5060>"]
        callee.reply(build_response(bye.to_bytes(), 200))
        assert (await caller.next()).status == 200

    run(story, to_callee(), delay=DELAY, settings=OPEN)


def test_the_ack_of_a_2xx_goes_the_whole_way() -> None:
    async def story(world: World) -> None:
        caller, callee, response = await answered_call(world)
        own = response.get_all("record-route")
        await caller.send(in_dialog("ACK", response, routes=own, cseq=1), SERVER)
        ack = await callee.next()
        assert ack.method == "ACK"
        assert ack.get("route") is None

    run(story, to_callee(), delay=DELAY, settings=OPEN)


@pytest.mark.parametrize("forged", ["plain", "token of another call", "token bent"])
def test_a_forged_to_tag_with_our_route_relays_nothing(forged: str) -> None:
    async def story(world: World) -> None:
        caller, callee, response = await answered_call(world)
        own = response.get_all("record-route")[0]
        call_id = "built@198.51.100.99"
        if forged == "plain":
            own = "<sip:192.0.2.1:5060;lr>"
        elif forged == "token of another call":
            call_id = "another@198.51.100.99"
        else:
            start = own.index("@")
            own = own[: start - 1] + ("A" if own[start - 1] != "A" else "B") + own[start:]
        attack = build_request(
            "MESSAGE",
            "sip:victim@198.51.100.32:5060",
            source=caller.address,
            branch="z9hG4bKattack",
            callee="<sip:victim@198.51.100.32>;tag=callee",
            call_id=call_id,
            headers=[("Route", own)],
        )
        count = len(callee.received)
        await caller.send(attack, SERVER)
        answer = await caller.next()
        assert answer.status in (403, 404, 407, 481)
        await asyncio.sleep(40)
        assert len(callee.received) == count

    run(story, to_callee(), delay=DELAY, settings=OPEN)


@pytest.mark.rfc("3261", "17.2.1")
def test_the_ack_of_a_refusal_ends_here() -> None:
    async def story(world: World) -> None:
        alice = await world.registered("alice")
        bob = await world.registered("bob", script=Script((Step(0.3, 486),)))
        call = await alice.call("bob@example.com")
        assert call.status == 486
        await asyncio.sleep(40)
        acks = [each for each in world.wire.packets if each.data.startswith(b"ACK")]
        # alice for the 407 and the 486, the server for bob's 486; none is forwarded
        assert [each.source[0] for each in acks].count("198.51.100.1") == 2
        assert [each.source[0] for each in acks].count("192.0.2.1") == 1
        assert bob.incoming[0].status == 486

    run(story, delay=DELAY)


def test_both_sides_hang_up_at_once() -> None:
    async def story(world: World) -> None:
        alice = await world.registered("alice")
        bob = await world.registered("bob", script=QUICK)
        call = await alice.call("bob@example.com")
        await asyncio.sleep(1)
        one, other = await asyncio.gather(call.hang_up(), bob.incoming[0].hang_up())
        assert {one, other} <= {200, 481}

    run(story, delay=DELAY)
