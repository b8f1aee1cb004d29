"""The races of a forking program with its caller and its phones, each at its worst instant.

The contract is design: fork contract and the caller's CANCEL (RFC 3261 9, 16.7, 16.10).
"""

from __future__ import annotations

import asyncio
import sys

import pytest

from offhook import CallerCancelled
from offhook.exchange import Decision, Reply, Request
from offhook.testing import Script, Step
from tests.sim.stage import HANGS, RINGS, TARGET, play, rings_then


@pytest.mark.rfc("3261", "16.10")
def test_cancel_during_the_await() -> None:
    seen: list[str] = []

    async def handler(request: Request) -> Decision:
        for name in ("a", "b", "c"):
            try:
                await request.fork(TARGET[name])
            except CallerCancelled:
                seen.append(name)
        return Reply(480)

    result = play(handler, {"a": RINGS, "b": RINGS, "c": RINGS}, cancel=5)
    assert seen == ["a", "b", "c"]  # the loop ran out at once; b and c were never rung
    assert result.sent("a") == [(0.01, "INVITE"), (5.01, "CANCEL"), (5.08, "ACK")]
    assert result.sent("b") == result.sent("c") == []
    assert result.statuses == [180, 487]


def test_cancel_ends_a_handler_that_does_not_look() -> None:
    ended: list[type[BaseException] | None] = []

    async def handler(request: Request) -> Decision:
        try:
            return await request.fork(TARGET["a"])
        finally:
            ended.append(sys.exc_info()[0])

    assert play(handler, {"a": RINGS}, cancel=5).statuses == [180, 487]
    assert ended == [CallerCancelled]


@pytest.mark.rfc("3261", "16.10")
def test_cancel_crosses_200() -> None:
    async def handler(request: Request) -> Decision:
        return await request.fork(TARGET["a"])

    result = play(handler, {"a": rings_then(4.995, 200)}, cancel=5)
    assert (5.01, "CANCEL") in result.sent("a")
    assert result.statuses == [180, 200]
    assert result.call.dialog.ended == "us"  # the caller took it, and ended it


def test_handler_leaves_while_branches_are_alive() -> None:
    async def handler(request: Request) -> Decision:
        try:
            async with asyncio.timeout(3):
                await request.fork([TARGET["a"], TARGET["b"]])
        except TimeoutError:
            return Reply(480)
        raise AssertionError("nobody answered")

    result = play(handler, {"a": RINGS, "b": HANGS})
    assert (3.01, "CANCEL") in result.sent("a")
    assert result.sent("b") == [(0.01, "INVITE")]  # no CANCEL before a provisional response
    assert result.up[-1][1] == 480
    assert result.up[0] == (0.14, 180)
    first = next(time for time, status in result.up if status == 480)
    assert 32 <= first <= 35.1  # held for the silent branch, 64*T1 at most


def test_fork_in_the_background_ends_with_the_handler() -> None:
    async def handler(request: Request) -> Decision:
        async def ring() -> None:
            await request.fork(TARGET["a"])

        tasks.append(asyncio.create_task(ring()))
        await asyncio.sleep(2)
        return Reply(603)

    tasks: list[asyncio.Task[None]] = []
    result = play(handler, {"a": RINGS})
    assert (2.01, "CANCEL") in result.sent("a")
    assert result.statuses == [180, 603]
    assert tasks[0].done()


@pytest.mark.rfc("3261", "16.7")
def test_2xx_after_the_handler_ended() -> None:
    async def handler(request: Request) -> Decision:
        await request.fork(TARGET["a"], ring=4)
        return Reply(480)

    result = play(handler, {"a": rings_then(4.0, 200)})
    assert result.statuses == [180, 200]  # the 480 was held, the 200 won; nothing after it


def test_serial_fork_runs_on_when_nobody_answers() -> None:
    result = play(_with_voicemail, _late_phones(()))
    assert result.statuses == [180, 180, 200]
    assert (4.01, "INVITE") in result.sent("voicemail")


@pytest.mark.rfc("3261", "16.7")
def test_late_2xx_of_an_earlier_fork_wins() -> None:
    result = play(_with_voicemail, _late_phones((Step(4.0, 200),)))
    assert (4.01, "INVITE") in result.sent("voicemail")
    assert result.up[1] == (4.04, 200)
    assert any(method == "CANCEL" for _, method in result.sent("voicemail"))
    assert result.statuses[-1] == 200


async def _with_voicemail(request: Request) -> Decision:
    outcome = await request.fork([TARGET["a"], TARGET["b"]], ring=4)
    assert outcome.status == 408
    return await request.fork(TARGET["voicemail"])


def _late_phones(late: tuple[Step, ...]) -> dict[str, Script]:
    return {
        "a": Script((Step(0.1, 180), *late), cancel_delay=None if late else 0.05),
        "b": Script((Step(0.2, 486),)),
        "voicemail": Script((Step(0.3, 180), Step(0.5, 200))),
    }


def test_serial_after_failure() -> None:
    async def handler(request: Request) -> Decision:
        outcome = await request.fork(TARGET["a"])
        return await request.fork(TARGET["b"]) if outcome.status == 486 else outcome

    result = play(handler, {"a": Script((Step(0.2, 486),)), "b": rings_then(1.0, 200)})
    assert result.statuses == [180, 200]
    assert result.sent("b")[0] == (0.23, "INVITE")


def test_cancel_while_the_handler_awaits_a_database() -> None:
    done: list[bool] = []

    async def handler(request: Request) -> Decision:
        await asyncio.sleep(2)
        done.append(request.cancelled)
        return await request.fork(TARGET["a"])

    result = play(handler, {"a": Script((Step(0.1, 200),))}, cancel=1)
    assert done == [True]  # not torn
    assert result.up[0] == (1.02, 487)  # answered at once
    assert result.sent("a") == []


@pytest.mark.rfc("3261", "16.7")
def test_two_200s_go_up() -> None:
    async def handler(request: Request) -> Decision:
        return await request.fork([TARGET["a"], TARGET["b"]])

    late = Script((Step(0.1, 180), Step(1.01, 200)))
    result = play(handler, {"a": Script((Step(1.0, 200),)), "b": late})
    assert result.statuses == [180, 200, 200]
    assert len(result.call.dialogs) == 2
    assert all(dialog.ended for dialog in result.call.dialogs.values())


@pytest.mark.rfc("3261", "16.7")
def test_6xx_cancels_the_others_and_waits_for_them() -> None:
    async def handler(request: Request) -> Decision:
        return await request.fork([TARGET["a"], TARGET["b"]])

    result = play(handler, {"a": Script((Step(1.0, 603),)), "b": RINGS})
    assert (1.03, "CANCEL") in result.sent("b")
    assert result.statuses == [180, 603]
    assert result.up[-1][0] > 1.05


def test_200_after_a_6xx_still_wins() -> None:
    async def handler(request: Request) -> Decision:
        return await request.fork([TARGET["a"], TARGET["b"]])

    phones = {"a": Script((Step(1.0, 603),)), "b": rings_then(1.015, 200)}
    assert play(handler, phones).statuses == [180, 200]


def test_exception_is_500() -> None:
    async def handler(request: Request) -> Decision:
        raise KeyError(request.call_id)

    assert play(handler, {}).statuses == [500]


def test_cancel_in_the_same_turn_as_the_invite() -> None:
    async def handler(request: Request) -> Decision:
        return await request.fork(TARGET["a"])

    result = play(handler, {"a": RINGS}, cancel=0)
    assert result.statuses in ([487], [180, 487])
