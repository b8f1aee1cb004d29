"""Each story of the real network is told on the stock event loop and on uvloop."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from pathlib import Path

import pytest
import uvloop

from tests.interop.harness.certificates import Authority, Certificate
from tests.unit.runtime.loopback import PATIENCE, Story

LOOPS = {"asyncio": asyncio.new_event_loop, "uvloop": uvloop.new_event_loop}


@pytest.fixture(params=sorted(LOOPS))
def run(request: pytest.FixtureRequest) -> Story:
    """Runs one coroutine; what a callback of the loop raises fails the test."""

    def runner(story: Coroutine[object, object, None]) -> None:
        faults: list[object] = []

        async def told() -> None:
            loop = asyncio.get_running_loop()
            loop.set_exception_handler(lambda _, context: faults.append(context))
            async with asyncio.timeout(PATIENCE):
                await story

        with asyncio.Runner(loop_factory=LOOPS[request.param]) as loop_runner:
            loop_runner.run(told())
        assert not faults, faults

    return runner


@pytest.fixture(scope="session")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return Authority(tmp_path_factory.mktemp("certificates"))


@pytest.fixture(scope="session")
def certificate(authority: Authority) -> Certificate:
    """Of a server called sip.example.com at 127.0.0.1."""
    return authority.issue("server", ["sip.example.com"], ["127.0.0.1"])


@pytest.fixture(scope="session")
def stranger(tmp_path_factory: pytest.TempPathFactory) -> Certificate:
    """The same name, signed by somebody whom nobody trusts."""
    folder: Path = tmp_path_factory.mktemp("stranger")
    return Authority(folder).issue("stranger", ["sip.example.com"], ["127.0.0.1"])
