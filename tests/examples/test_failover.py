"""examples/failover.py, played."""

from __future__ import annotations

import asyncio

from offhook.server.program import load_program
from offhook.testing import OutgoingCall, ProfileSettings, Script, ServerSettings, Step, World, run
from tests.architecture.rules import ROOT

HOSTS = ("192.0.2.31", "192.0.2.32")
HANGS = Script((), cancel_delay=None, trying=False)
ANSWERS = Script((Step(0.2, 180), Step(1, 200)))
SETTINGS = ServerSettings(
    profiles={"internal": ProfileSettings(listen=["udp:192.0.2.1:5060"], authenticate=False)}
)


def _calls(first: Script, second: Script, *pauses: float) -> tuple[list[OutgoingCall], list[int]]:
    """Calls with pauses before them, and how many of them each server got."""

    async def story(world: World) -> tuple[list[OutgoingCall], list[int]]:
        servers = [
            await world.phone("bob", address=(host, 5060), script=script)
            for host, script in zip(HOSTS, (first, second), strict=True)
        ]
        caller = await world.phone("alice")
        calls = []
        for pause in pauses:
            await asyncio.sleep(pause)
            call = await caller.call("bob@example.com")
            calls.append(call)
            if call.status == 200:
                await call.hang_up()
        return calls, [len(server.incoming) for server in servers]

    program = load_program(str(ROOT / "examples" / "failover.py"))
    return run(story, program, settings=SETTINGS, leaks=False)


def test_the_first_server_has_the_calls() -> None:
    calls, got = _calls(ANSWERS, ANSWERS, 0, 1)
    assert [call.status for call in calls] == [200, 200]
    assert got == [2, 0]


def test_a_silent_server_is_passed_over_for_a_while() -> None:
    calls, got = _calls(HANGS, ANSWERS, 0, 5, 40)
    assert [call.status for call in calls] == [200, 200, 200]
    assert got == [2, 3]  # not tried for the second call, tried again after half a minute


def test_a_server_that_says_it_cannot() -> None:
    calls, got = _calls(Script([Step(0.1, 503)]), ANSWERS, 0)
    assert (calls[0].status, got) == (200, [1, 1])


def test_busy_is_an_answer() -> None:
    calls, got = _calls(Script([Step(0.1, 486)]), ANSWERS, 0)
    assert (calls[0].status, got) == (486, [1, 0])


def test_both_are_down() -> None:
    calls, got = _calls(HANGS, Script([Step(0.1, 500)]), 0)
    assert calls[0].response is not None
    assert (calls[0].status, calls[0].response.get("retry-after")) == (503, "30")
    assert got == [1, 1]
