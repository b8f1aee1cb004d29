"""examples/redirect.py, played."""

from __future__ import annotations

from offhook.server.program import load_program
from offhook.testing import World, run
from tests.architecture.rules import ROOT


def _program() -> str:
    return str(ROOT / "examples" / "redirect.py")


def test_callers_are_told_where_somebody_is() -> None:
    async def story(world: World) -> None:
        desk = await world.registered("bob", q="0.5")
        mobile = await world.registered("bob")
        alice = await world.registered("alice")
        call = await alice.call("bob@example.com")
        assert call.status == 302
        assert call.response is not None
        assert call.response.get_all("contact") == [f"<{mobile.uri}>;q=1", f"<{desk.uri}>;q=0.5"]
        assert desk.incoming == mobile.incoming == []

    run(story, load_program(_program()))


def test_nobody_there() -> None:
    async def story(world: World) -> None:
        alice = await world.registered("alice")
        assert (await alice.call("bob@example.com")).status == 404
        assert (await alice.call("bob@elsewhere.example")).status == 404

    run(story, load_program(_program()))
