"""What `offhook ctl` may ask for."""

from __future__ import annotations

import io
import json
from collections.abc import Mapping
from pathlib import Path

import pytest

from offhook.server.control import Control
from offhook.server.json_value import Json
from offhook.server.logging import Log
from offhook.server.nouns import register_nouns
from tests.unit.server.fake_instance import FakeInstance

pytestmark = pytest.mark.usefixtures("logging_put_back")


class Live:
    """A control socket with every noun on a fake instance."""

    def __init__(self) -> None:
        self.instance = FakeInstance()
        self.ended = 0
        self._control = Control(Path("/nowhere"))
        register_nouns(
            self._control,
            self.instance,
            Log("info", io.StringIO()),
            status=self._status,
            end=self._end,
        )

    async def ask(self, noun: str, *words: str) -> Mapping[str, Json]:
        line = json.dumps({"noun": noun, "words": words}).encode()
        return await self._control._answer(line)

    async def _status(self) -> Mapping[str, Json]:
        return {"status": "ok"}

    def _end(self) -> None:
        self.ended += 1


async def test_status() -> None:
    assert await Live().ask("status") == {"ok": True, "result": {"status": "ok"}}


async def test_registrations_are_a_list_with_one_object_a_binding() -> None:
    live = Live()
    live.instance.bindings = {"sip:alice@example.com": 2, "sip:bob@example.com": 1}
    rows = (await live.ask("registrations"))["result"]
    assert isinstance(rows, list)
    assert len(rows) == 3
    assert (await live.ask("registrations", "bob@example.com"))["result"] == [
        {"aor": "sip:bob@example.com", "contact": "sip:0@192.0.2.1"}
    ]


@pytest.mark.parametrize("aor", ["alice@example.com", "sip:alice@EXAMPLE.com;transport=tcp"])
async def test_unregister_takes_an_aor_as_people_write_it(aor: str) -> None:
    live = Live()
    assert (await live.ask("unregister", aor))["result"] == {
        "aor": "sip:alice@example.com",
        "removed": 2,
    }
    answer = await live.ask("unregister", aor)
    assert answer == {"ok": False, "error": "sip:alice@example.com has no registration"}


@pytest.mark.parametrize(
    ("words", "error"),
    [
        (["unregister"], "name one address-of-record"),
        (["unregister", "a", "b"], "name one address-of-record"),
        (["unregister", "sip:a b"], "is not an address-of-record"),
        (["status", "now"], '"now" is not expected here'),
        (["transactions", "x"], "is not expected"),
        (["connections", "x"], "is not expected"),
        (["drain", "x"], "is not expected"),
        (["log-level", "loud"], "is not a log level"),
        (["log-level", "a", "b"], "give one level"),
        (["calls"], "calls is not available yet"),
        (["hangup", "id"], "hangup is not available yet"),
    ],
)
async def test_wrong_questions(words: list[str], error: str) -> None:
    answer = await Live().ask(*words)
    assert answer["ok"] is False
    assert error in str(answer["error"])


async def test_lists_of_what_runs() -> None:
    live = Live()
    assert (await live.ask("transactions"))["result"] == [{"id": "1", "method": "INVITE"}]
    assert (await live.ask("connections"))["result"] == []


async def test_log_level_is_shown_and_changed() -> None:
    live = Live()
    assert (await live.ask("log-level"))["result"] == "info"
    assert (await live.ask("log-level", "DEBUG"))["result"] == "debug"
    assert (await live.ask("log-level"))["result"] == "debug"


async def test_drain_ends_the_server() -> None:
    live = Live()
    assert (await live.ask("drain"))["result"] == "draining"
    assert live.ended == 1


async def test_reload_tells_what_it_loaded_or_why_not() -> None:
    live = Live()
    rows = [{"certificate": "tls", "days_left": 30}]
    assert await live.ask("reload") == {"ok": True, "result": rows}
    assert await live.ask("certificates") == {"ok": True, "result": rows}
    live.instance.reload_error = "tls.key: cannot read /x"
    assert await live.ask("reload") == {"ok": False, "error": "tls.key: cannot read /x"}
    assert live.instance.history == ["reload", "reload"]
    assert (await live.ask("reload", "routes"))["ok"] is False
