"""Who writes the bindings, as far as it shows without a server: what stands in the row."""

from __future__ import annotations

import asyncio

import pytest

from offhook.storage import owner as subject
from offhook.storage.owner import Owner, Tenure


def test_a_tenure_comes_back_from_its_row() -> None:
    tenure = Tenure("0a1b", 17, "host, process 4, since 2026-01-01T00:00:00+00:00")
    assert Tenure.decode(tenure.encode()) == tenure


@pytest.mark.parametrize("value", [b"", b"x", b"x y z", b"\xff\xfe 1", b"x -1 who"])
def test_a_row_of_an_unknown_form_is_nobodys(value: bytes) -> None:
    found = Tenure.decode(value)
    assert found.token != "0a1b"
    assert found.count in (0, 1)


class Frozen:
    """A connection to a server that stands still."""

    async def fetchval(self, *_: object) -> bool:
        await asyncio.Event().wait()
        return True


async def test_a_server_that_stands_still_keeps_nobody_from_giving_up(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    async def connect() -> Frozen:
        return Frozen()

    monkeypatch.setattr(subject, "PATIENCE", 0.0)
    monkeypatch.setattr(subject, "QUESTION", 0.02)
    async with asyncio.timeout(1.0):
        with pytest.raises(TimeoutError):
            await Owner("db", connect).take()


async def test_a_server_that_stands_still_hears_no_good_bye(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    class Deaf:
        async def close(self, timeout: float | None = None) -> None:  # noqa: ASYNC109  # asyncpg's
            async with asyncio.timeout(timeout):
                await asyncio.Event().wait()

    async def connect() -> Deaf:
        return Deaf()

    monkeypatch.setattr(subject, "QUESTION", 0.02)
    owner = Owner("db", connect)
    owner._connection = await connect()
    async with asyncio.timeout(5):
        await owner.leave()
