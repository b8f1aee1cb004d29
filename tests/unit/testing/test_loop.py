"""Virtual time: jumps, order, and what a simulation may not do."""

from __future__ import annotations

import asyncio
import threading

import pytest

from offhook.errors import UsageError
from offhook.testing.loop import Stuck, VirtualLoop, run_virtual


def test_time_jumps_to_the_next_timer_and_no_further() -> None:
    async def main() -> list[float]:
        loop = asyncio.get_running_loop()
        seen = [loop.time()]
        for delay in (0.1, 0.2, 86_400.0, 1e9):
            await asyncio.sleep(delay)
            seen.append(loop.time())
        return seen

    assert run_virtual(main(), start=5.0) == [5.0, 5.1, 5.1 + 0.2, 5.3 + 86_400, 5.3 + 86_400 + 1e9]


def test_timers_of_one_instant_keep_their_order() -> None:
    async def main() -> list[int]:
        loop = asyncio.get_running_loop()
        found: list[int] = []
        for number in range(200):
            loop.call_at(3.0, found.append, number)
        await asyncio.sleep(3)
        return found

    assert run_virtual(main()) == list(range(200))


def test_a_timer_never_fires_early() -> None:
    async def main() -> None:
        loop = asyncio.get_running_loop()
        late: list[float] = []

        def note(when: float) -> None:
            late.append(loop.time() - when)

        for number in range(1000):
            when = 0.1 * number + 1e-9 * number
            loop.call_at(when, note, when)
        await asyncio.sleep(200)
        assert late == [0.0] * 1000

    run_virtual(main())


def test_cancelled_timers_do_not_move_time() -> None:
    async def main() -> float:
        loop = asyncio.get_running_loop()
        loop.call_later(1000, print).cancel()
        await asyncio.sleep(1)
        return loop.time()

    assert run_virtual(main()) == 1.0


def test_timeouts_and_task_groups_work() -> None:
    async def main() -> float:
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(3), asyncio.TaskGroup() as group:
                group.create_task(asyncio.sleep(100))
        return asyncio.get_running_loop().time()

    assert run_virtual(main()) == 3.0


def test_a_deadlock_names_who_waits_and_where() -> None:
    async def waits_for_ever() -> None:
        await asyncio.get_running_loop().create_future()

    async def main() -> None:
        await waits_for_ever()

    with pytest.raises(Stuck, match=r"main > waits_for_ever \(test_loop\.py:\d+\)"):
        run_virtual(main())


def test_a_program_that_never_waits_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("offhook.testing.loop.SPIN_LIMIT", 100)

    async def main() -> None:
        again()
        await asyncio.sleep(1)

    def again() -> None:
        asyncio.get_running_loop().call_soon(again)

    with pytest.raises(Stuck, match="time stands still at 0"):
        run_virtual(main())


@pytest.mark.parametrize(
    "name", ["run_in_executor", "getaddrinfo", "create_connection", "subprocess_exec", "add_reader"]
)
def test_the_world_outside_is_forbidden(name: str) -> None:
    async def main() -> None:
        getattr(asyncio.get_running_loop(), name)(None, None)

    with pytest.raises(UsageError, match="not in virtual time"):
        run_virtual(main())


def test_threads_may_not_call_in() -> None:
    found: list[BaseException] = []

    async def main() -> None:
        loop = asyncio.get_running_loop()

        def call() -> None:
            try:
                loop.call_soon_threadsafe(print)
            except UsageError as error:
                found.append(error)

        thread = threading.Thread(target=call)
        thread.start()
        thread.join()
        loop.call_soon_threadsafe(found.append, UsageError("from here"))
        await asyncio.sleep(0)

    run_virtual(main())
    assert [str(error)[:8] for error in found] == ["a thread", "from her"]


def test_what_nobody_caught_fails_the_run() -> None:
    def fault() -> None:
        raise KeyError("in a callback")

    async def main() -> None:
        asyncio.get_running_loop().call_later(1, fault)
        await asyncio.sleep(2)

    with pytest.raises(KeyError, match="in a callback"):
        run_virtual(main())


def test_a_loop_starts_where_it_is_told() -> None:
    loop = VirtualLoop(42.0)
    assert (loop.time(), loop.failures) == (42.0, [])
    loop.close()
