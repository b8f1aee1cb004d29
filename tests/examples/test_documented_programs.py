"""The routing programs of the documents take calls, and their tests pass."""

from __future__ import annotations

import importlib
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
import structlog

from offhook.exchange import Exchange
from offhook.server.program import load_program
from offhook.testing import OutgoingCall, Script, ServerSettings, Step, Trunk, World, run
from tests.architecture.documents import Block, blocks

PROGRAMS = [block for block in blocks("python") if "exchange = Exchange()" in block.text]
TESTS = [block for block in blocks("python") if "from program import" in block.text]
OFFICE = ServerSettings(
    domains=["example.com", "offhook.local", "media.internal"],
    gateways={"carrier": Trunk("sip:192.0.2.99", "internal")},
)


@pytest.fixture(autouse=True)
def modules_put_back() -> Iterator[None]:
    """Each program is its own module."""
    path = sys.path[:]
    yield
    sys.path[:] = path
    for name in ("program", "test_program", "offhook_program"):
        sys.modules.pop(name, None)


def _load(block: Block, folder: Path) -> Exchange:
    program = folder / "program.py"
    program.write_text(block.text, encoding="utf-8")
    return load_program(str(program))


def _call(exchange: Exchange, *, registered: bool, script: Script) -> OutgoingCall:
    async def story(world: World) -> OutgoingCall:
        if registered:
            await world.registered("bob", script=script)
        alice = await world.registered("alice")
        call = await alice.call("bob@example.com")
        if call.status == 200:
            await call.hang_up()
        return call

    return run(story, exchange, settings=OFFICE)


def test_there_are_programs() -> None:
    places = {block.place.partition(":")[0] for block in PROGRAMS}
    assert {"README.md", "docs/tutorial/first-program.md", "docs/how-to/fork.md"} <= places
    assert TESTS


@pytest.mark.parametrize("block", PROGRAMS, ids=lambda block: block.place)
@pytest.mark.parametrize("registered", [True, False], ids=["phone", "nobody"])
def test_a_program_takes_a_call(block: Block, registered: bool, tmp_path: Path) -> None:
    """Whatever it decides: the caller has an answer, and nothing has failed."""
    exchange = _load(block, tmp_path)
    with structlog.testing.capture_logs() as logs:
        call = _call(
            exchange, registered=registered, script=Script([Step(0.2, 180), Step(15, 200)])
        )
    assert 200 <= call.status <= 699
    assert [log for log in logs if log["log_level"] == "error"] == []


@pytest.mark.parametrize(
    "block",
    [block for block in PROGRAMS if "lookup(request.uri)" in block.text and "[*" not in block.text],
    ids=lambda block: block.place,
)
def test_a_program_that_looks_up_reaches_the_phone(block: Block, tmp_path: Path) -> None:
    call = _call(
        _load(block, tmp_path), registered=True, script=Script([Step(0.2, 180), Step(1, 200)])
    )
    assert (call.status, call.provisionals) == (200, [180])


@pytest.mark.parametrize("block", TESTS, ids=lambda block: block.place)
def test_documented_tests_pass(block: Block, tmp_path: Path) -> None:
    """Beside the first program of the same page."""
    page = block.place.partition(":")[0]
    program = next(each for each in PROGRAMS if each.place.startswith(f"{page}:"))
    (tmp_path / "program.py").write_text(program.text, encoding="utf-8")
    (tmp_path / "test_program.py").write_text(block.text, encoding="utf-8")
    sys.path.insert(0, str(tmp_path))
    module = importlib.import_module("test_program")
    tests = [value for name, value in vars(module).items() if name.startswith("test_")]
    assert tests
    for test in tests:
        test()
