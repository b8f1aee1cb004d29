"""Peers send and keep octets."""

from __future__ import annotations

import asyncio

import pytest

from offhook.testing.builders import build_request, build_response
from offhook.testing.loop import run_virtual
from offhook.testing.peer import Peer
from offhook.testing.wire import Wire

A, B = ("192.0.2.1", 5060), ("192.0.2.2", 5060)
ASK = build_request("OPTIONS", "sip:b@192.0.2.2", source=A)


@pytest.mark.parametrize("transport", ["UDP", "TCP"])
def test_a_question_and_its_answer(transport: str) -> None:
    async def main() -> None:
        wire = Wire()
        a = await Peer.at(wire, A[0], transport=transport)
        b = await Peer.at(wire, B[0], transport=transport)
        await a.send(ASK, B)
        question = await b.next()
        b.reply(build_response(question.to_bytes(), 200))
        assert (await a.next()).status == 200
        with pytest.raises(TimeoutError):
            await a.next(within=5)
        await b.stop()
        await asyncio.sleep(1)
        assert a.lost == (transport == "TCP")
        assert len(a.received) == 1

    run_virtual(main())


def test_what_cannot_be_reached() -> None:
    async def main() -> None:
        wire = Wire()
        a = await Peer.at(wire, A[0])
        await Peer.at(wire, B[0], 7000)
        assert await a.connect(B, "TCP") is None
        await a.send(ASK, B)
        await asyncio.sleep(1)
        assert a.refused == 1

    run_virtual(main())
