"""Phones behind edge proxies: registered through them, called by Path (RFC 3327, RFC 5626 5)."""

from __future__ import annotations

import asyncio
import re
from dataclasses import replace

import pytest

from offhook.exchange import Exchange, Fork, Request, Target
from offhook.registrar import RegistrarPolicy
from offhook.testing import (
    ProfileSettings,
    Script,
    ScriptedPhone,
    ServerSettings,
    SimulatedExchange,
    Step,
    World,
    run,
)

DELAY = (0.01, 0.01)
QUICK = Script((Step(0.1, 180), Step(0.2, 200)))
BOB = "sip:bob@example.com"
INSTANCE = "<urn:uuid:00000000-0000-1000-8000-000000000001>"
REGISTRAR = "192.0.2.1"


async def edge(world: World, host: str, next_hop: str) -> SimulatedExchange:
    """A server that passes everything on to the next one."""
    program = Exchange()

    @program.request()
    def onward(request: Request) -> Fork:
        return request.fork(Target(request.message.uri, next_hop=next_hop))

    listen = (f"udp:{host}:5060", f"tcp:{host}:5060", f"tls:{host}:5061")
    profile = ProfileSettings(listen, authenticate=False, registrar=False)
    settings = ServerSettings(domains=("edge.test",), profiles={"edge": profile}, accounts={})
    server = SimulatedExchange(world.wire, program, settings)
    await server.start()
    return server


def behind(
    world: World, name: str, host: str, number: int, *, transport: str = "UDP"
) -> ScriptedPhone:
    """A phone that knows an edge only."""
    phone = ScriptedPhone(
        world.wire,
        (f"198.51.100.{number}", 5060),
        f"{name}@example.com",
        proxy=(host, 5061 if transport == "TLS" else 5060),
        password=f"{name.removeprefix('sips:')}-secret",
        transport=transport,
        script=QUICK,
    )
    world.phones.append(phone)
    return phone


async def both_ways(alice: ScriptedPhone, bob: ScriptedPhone) -> None:
    """Calls from each to the other, ended by either side; ACK and BYE arrive."""
    for caller, callee in ((alice, bob), (bob, alice)):
        for ending in ("caller", "callee"):
            count = len(callee.incoming)
            call = await caller.call(callee.aor)
            assert call.status == 200, call.status
            await asyncio.sleep(1)
            answered = callee.incoming[count]
            assert answered.dialog.confirmed
            assert await (call if ending == "caller" else answered).hang_up() == 200
            assert {call.dialog.ended, answered.dialog.ended} == {"us", "them"}


def hosts(paths: tuple[str, ...]) -> list[str]:
    """The hosts of Path values, and "ob" where it is said."""
    found = [re.search(r"@([\d.]+)", path) for path in paths]
    return [
        f"{match[1] if match else '?'}{' ob' if ';ob' in path else ''}"
        for match, path in zip(found, paths, strict=True)
    ]


@pytest.mark.rfc("3327", "5.2")
@pytest.mark.parametrize("between", ["udp", "tcp"])
@pytest.mark.parametrize("transport", ["UDP", "TCP", "TLS"])
def test_a_phone_behind_an_edge_behind_an_edge_is_called_back(transport: str, between: str) -> None:
    async def story(world: World) -> None:
        outer = await edge(world, "192.0.2.11", f"sip:192.0.2.12;transport={between}")
        inner = await edge(world, "192.0.2.12", f"sip:{REGISTRAR};transport={between}")
        alice = await world.registered("alice", script=QUICK)
        bob = behind(world, "bob", "192.0.2.11", 20, transport=transport)
        await bob.start()
        assert await bob.register() == 200
        (bound,) = world.server.bindings_of(BOB)
        assert hosts(bound.path) == ["192.0.2.12", "192.0.2.11 ob"]
        await both_ways(alice, bob)
        for server in (outer, inner):
            assert server.failures == []
            await server.stop()

    run(story, delay=DELAY)


@pytest.mark.rfc("5626", "5.3.1")
@pytest.mark.parametrize("transport", ["TCP", "TLS"])
def test_a_flow_that_is_gone_at_the_edge_is_a_430_and_the_next_edge_is_tried(
    transport: str,
) -> None:
    async def story(world: World) -> None:
        edges = [
            await edge(world, host, f"sip:{REGISTRAR};transport=tcp")
            for host in ("192.0.2.11", "192.0.2.12")
        ]
        alice = await world.registered("alice", script=QUICK)
        flows = [
            behind(world, "bob", host, 20 + number, transport=transport)
            for number, host in enumerate(("192.0.2.11", "192.0.2.12"))
        ]  # two sockets of one phone
        for number, flow in enumerate(flows):
            await flow.start()
            contact = f'{flow.contact};reg-id={number + 1};+sip.instance="{INSTANCE}"'
            headers = [("Supported", "outbound, path")]
            assert await flow.register(contact=contact, headers=headers) == 200
            await asyncio.sleep(1)
        assert len(world.server.bindings_of(BOB)) == 2
        call = await alice.call("bob@example.com")
        assert (call.status, len(flows[0].incoming), len(flows[1].incoming)) == (200, 0, 1)
        assert await call.hang_up() == 200

        flows[1].agent.drop_connections()
        await asyncio.sleep(1)
        start = world.now
        call = await alice.call("bob@example.com")
        assert world.now - start < 1.0
        assert (call.status, len(flows[0].incoming), len(flows[1].incoming)) == (200, 1, 1)
        assert await call.hang_up() == 200
        assert len(world.server.bindings_of(BOB)) == 1  # the edge's 430 was believed

        flows[0].agent.drop_connections()
        await asyncio.sleep(1)
        assert (await alice.call("bob@example.com")).status == 480
        for server in edges:
            await server.stop()

    run(story, delay=DELAY)


@pytest.mark.rfc("5626", "6")
def test_an_edge_without_outbound_is_told_of_by_439() -> None:
    async def story(world: World) -> None:
        program = Exchange()

        @program.request("REGISTER")
        def onward(request: Request) -> Fork:
            target = Target(request.message.uri, next_hop=f"sip:{REGISTRAR}")
            return request.fork(target, branch=lambda message: message.remove("path"))

        profile = ProfileSettings(("udp:192.0.2.11:5060",), authenticate=False, registrar=False)
        settings = ServerSettings(domains=("edge.test",), profiles={"edge": profile}, accounts={})
        server = SimulatedExchange(world.wire, program, settings)
        await server.start()
        bob = behind(world, "bob", "192.0.2.11", 20)
        await bob.start()
        contact = f'{bob.contact};reg-id=1;+sip.instance="{INSTANCE}"'
        headers = [("Supported", "outbound, path")]
        assert await bob.register(contact=contact, headers=headers) == 439
        assert await bob.register(contact=bob.contact) == 200
        await server.stop()

    run(story, delay=DELAY)


def test_the_path_of_one_phone_lends_nobody_the_edge() -> None:
    """A Path value is known to its phone; with another Route behind it, it is worth nothing."""

    async def story(world: World) -> None:
        outer = await edge(world, "192.0.2.11", "sip:192.0.2.12;transport=tcp")
        inner = await edge(world, "192.0.2.12", f"sip:{REGISTRAR};transport=tcp")
        bob = behind(world, "bob", "192.0.2.11", 20)
        await bob.start()
        assert await bob.register() == 200
        (bound,) = world.server.bindings_of(BOB)
        stranger = behind(world, "mallory", "192.0.2.12", 66)
        await stranger.start()
        far = "sip:victim@203.0.113.9:5060"
        for routes in (
            [bound.path[0]],  # the Path behind it left out
            [bound.path[0], "<sip:203.0.113.9;lr>"],
            [bound.path[0].replace("@192", "x@192")],
        ):
            headers = [("Route", value) for value in routes]
            assert await stranger.send("MESSAGE", far, headers=headers) == 403
        # what it does say is true: this phone, whatever the Request-URI
        headers = [("Route", value) for value in bound.path]
        assert await stranger.send("MESSAGE", far, headers=headers) == 200
        assert [each.uri for each in bob.requests] == [far]
        for server in (outer, inner):
            await server.stop()

    run(story, delay=DELAY)


@pytest.mark.rfc("3608", "5")
def test_requests_by_a_service_route_go_through_the_edge_to_where_it_says() -> None:
    """The edge follows the Route that the phone was told; nobody needs a next hop."""

    async def story(world: World) -> None:
        program = Exchange()

        @program.request()
        def onward(request: Request) -> Fork:
            registering = Target(request.message.uri, next_hop=f"sip:{REGISTRAR};transport=tcp")
            return request.fork(registering if request.method == "REGISTER" else request.uri)

        profile = ProfileSettings(("udp:192.0.2.11:5060",), authenticate=False, registrar=False)
        profile = replace(profile, listen=("udp:192.0.2.11:5060", "tcp:192.0.2.11:5060"))
        settings = ServerSettings(domains=("edge.test",), profiles={"edge": profile}, accounts={})
        server = SimulatedExchange(world.wire, program, settings)
        await server.start()
        alice = await world.registered("alice", script=QUICK)
        bob = behind(world, "bob", "192.0.2.11", 20)
        await bob.start()
        assert await bob.register() == 200
        told = next(
            packet.data
            for packet in reversed(world.wire.packets)
            if b"Service-Route" in packet.data
        )
        assert b"Service-Route: <sip:192.0.2.1:5060;transport=tcp;lr>" in told
        routes = ["<sip:192.0.2.11;lr>", f"<sip:{REGISTRAR}:5060;transport=tcp;lr>"]
        call = bob.dial("alice@example.com", headers=[("Route", value) for value in routes])
        assert await call.final() == 200
        await asyncio.sleep(1)
        assert await alice.incoming[0].hang_up() == 200
        assert call.dialog.ended == "them"
        await server.stop()

    policy = RegistrarPolicy(service_route=(f"sip:{REGISTRAR}:5060;transport=tcp;lr",))
    settings = ServerSettings(profiles={"internal": ProfileSettings(policy=policy)})
    run(story, delay=DELAY, settings=settings)


@pytest.mark.rfc("5626", "4.4")
@pytest.mark.parametrize("transport", ["UDP", "TCP"])
def test_a_phone_that_uses_outbound_and_falls_silent_is_given_up(transport: str) -> None:
    async def story(world: World) -> None:
        bob = await world.phone("bob", transport=transport, script=QUICK)
        contact = f'{bob.contact};reg-id=1;+sip.instance="{INSTANCE}"'
        headers = [("Supported", "outbound, path")]
        assert await bob.register(contact=contact, headers=headers) == 200
        await asyncio.sleep(55 if transport == "UDP" else 140)
        assert len(world.server.bindings_of(BOB)) == 1
        await asyncio.sleep(30)
        assert world.server.bindings_of(BOB) == []
        assert world.server.network.connections() == []

    run(story, delay=DELAY)


@pytest.mark.rfc("5630", "5.2")
def test_a_sips_phone_behind_an_edge() -> None:
    async def story(world: World) -> None:
        server = await edge(world, "192.0.2.11", f"sips:{REGISTRAR}")
        alice = await world.registered("sips:alice", transport="TLS", script=QUICK)
        bob = behind(world, "sips:bob", "192.0.2.11", 20, transport="TLS")
        await bob.start()
        assert await bob.register() == 200
        (bound,) = world.server.bindings_of(BOB)
        assert [path[:6] for path in bound.path] == ["<sips:"]
        call = await alice.call("sips:bob@example.com")
        assert call.status == 200
        await asyncio.sleep(1)
        assert await bob.incoming[0].hang_up() == 200
        assert server.failures == []
        await server.stop()

    run(story, delay=DELAY)
