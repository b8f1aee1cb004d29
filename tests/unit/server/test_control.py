"""The control socket, from its file to the line that it answers."""

from __future__ import annotations

import asyncio
import json
import socket
import stat
from collections.abc import AsyncIterator, Sequence
from contextlib import suppress
from pathlib import Path

import pytest
import pytest_asyncio

from offhook.errors import StartError, UsageError
from offhook.server import control as module
from offhook.server.control import Control
from offhook.server.json_value import Json


@pytest_asyncio.fixture
async def control(tmp_path: Path) -> AsyncIterator[Control]:
    made = Control(tmp_path / "s")
    await made.start()
    yield made
    await made.stop()


async def ask(path: Path, line: bytes) -> dict[str, object]:
    reader, writer = await asyncio.open_unix_connection(str(path), limit=1 << 20)
    writer.write(line)
    answer = await reader.readline()
    writer.close()
    await writer.wait_closed()
    result: dict[str, object] = json.loads(answer)
    return result


def question(noun: str, *words: str) -> bytes:
    return json.dumps({"noun": noun, "words": words}).encode() + b"\n"


async def test_answers_one_line_with_one_line(control: Control, tmp_path: Path) -> None:
    control.register("echo", "", lambda words: list(words))
    assert await ask(tmp_path / "s", question("echo", "a", "b")) == {
        "ok": True,
        "result": ["a", "b"],
    }


async def test_several_questions_on_one_connection(control: Control, tmp_path: Path) -> None:
    control.register("echo", "", lambda words: list(words))
    reader, writer = await asyncio.open_unix_connection(str(tmp_path / "s"))
    writer.write(question("echo", "1") + question("echo", "2"))
    lines = [json.loads(await reader.readline())["result"] for _ in range(2)]
    assert lines == [["1"], ["2"]]
    writer.close()


async def test_the_first_word_is_the_verb_if_there_is_one(control: Control, tmp_path: Path) -> None:
    async def drop(words: Sequence[str]) -> Json:
        return {"dropped": list(words)}

    control.register("bans", "", lambda words: ["all", *words])
    control.register("bans", "drop", drop)
    assert (await ask(tmp_path / "s", question("bans", "drop", "x")))["result"] == {
        "dropped": ["x"]
    }
    assert (await ask(tmp_path / "s", question("bans", "other")))["result"] == ["all", "other"]
    control.register("only", "verb", drop)
    assert (await ask(tmp_path / "s", question("only")))["error"] == "say what: only verb"


async def test_help_lists_the_nouns(control: Control, tmp_path: Path) -> None:
    control.register("unregister", "", lambda _: None, usage="AOR", help="remove its bindings")
    assert (await ask(tmp_path / "s", question("help")))["result"] == [
        {"noun": "help", "does": "the nouns of this server"},
        {"noun": "unregister AOR", "does": "remove its bindings"},
    ]


@pytest.mark.parametrize(
    ("line", "error"),
    [
        (b"nonsense\n", "not one line of JSON"),
        (b"[" * 50_000 + b"\n", "not one line of JSON"),
        (b"\xff\xfe\n", "not one line of JSON"),
        (b"5\n", '{"noun": "...", "words": [...]}'),
        (b'{"noun": 5}\n', '{"noun": "...", "words": [...]}'),
        (b'{"noun": "help", "words": "x"}\n', '{"noun": "...", "words": [...]}'),
        (b'{"noun": "help", "words": [1]}\n', "must be texts"),
        (b'{"noun": "nothing"}\n', 'there is no "nothing"; there are: help'),
    ],
)
@pytest.mark.usefixtures("control")
async def test_bad_questions_get_one_line(tmp_path: Path, line: bytes, error: str) -> None:
    answer = await ask(tmp_path / "s", line)
    assert answer["ok"] is False
    assert error in str(answer["error"])
    assert (await ask(tmp_path / "s", question("help")))["ok"] is True


async def test_errors_of_handlers_are_told(control: Control, tmp_path: Path) -> None:
    def refuse(_words: Sequence[str]) -> Json:
        raise UsageError("do it otherwise")

    def fail(_words: Sequence[str]) -> Json:
        raise ZeroDivisionError

    control.register("refuse", "", refuse)
    control.register("fail", "", fail)
    assert (await ask(tmp_path / "s", question("refuse")))["error"] == "do it otherwise"
    assert "internal error" in str((await ask(tmp_path / "s", question("fail")))["error"])


async def test_a_handler_has_a_deadline(control: Control, monkeypatch: pytest.MonkeyPatch) -> None:
    async def hang(_words: Sequence[str]) -> Json:
        return await asyncio.Event().wait()

    monkeypatch.setattr(module, "ANSWER_SECONDS", 0.0)
    control.register("hang", "", hang)
    answer = await module.Control._answer(control, question("hang"))
    assert answer == {"ok": False, "error": "no answer within 0 s"}


async def test_a_long_list_is_one_line_too(control: Control, tmp_path: Path) -> None:
    rows: list[Json] = [{"number": number, "text": "é"} for number in range(1001)]
    control.register("rows", "", lambda _: rows)
    assert (await ask(tmp_path / "s", question("rows")))["result"] == rows


@pytest.mark.usefixtures("control")
async def test_a_line_without_end_closes_the_connection(tmp_path: Path) -> None:
    reader, writer = await asyncio.open_unix_connection(str(tmp_path / "s"))
    writer.write(b"x" * (2 * module.LONGEST_QUESTION))
    with suppress(ConnectionError):
        assert await reader.read() == b""
    writer.close()
    assert (await ask(tmp_path / "s", question("help")))["ok"] is True


async def test_an_asker_that_does_not_read_is_cut_off(
    control: Control, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "ANSWER_SECONDS", 0.05)
    control.register("much", "", lambda _: "x" * 5_000_000)
    reader, writer = await asyncio.open_unix_connection(str(tmp_path / "s"), limit=1024)
    writer.write(question("much"))
    await asyncio.sleep(0.3)
    got = 0
    with suppress(ConnectionError):
        while data := await reader.read(1_000_000):
            got += len(data)
    assert got < 5_000_000
    writer.close()
    with suppress(ConnectionError):
        await writer.wait_closed()


@pytest.mark.usefixtures("control")
async def test_connections_are_limited(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "MOST_CONNECTIONS", 1)
    _, first = await asyncio.open_unix_connection(str(tmp_path / "s"))
    await asyncio.sleep(0)
    reader, second = await asyncio.open_unix_connection(str(tmp_path / "s"))
    with suppress(ConnectionError):
        assert await reader.read() == b""
    first.close()
    second.close()


@pytest.mark.usefixtures("control")
async def test_only_the_owner_may_ask(tmp_path: Path) -> None:
    assert stat.S_IMODE((tmp_path / "s").stat().st_mode) == 0o600


@pytest.mark.usefixtures("control")
async def test_a_second_server_is_refused(tmp_path: Path) -> None:
    with pytest.raises(StartError, match="another offhook serves"):
        await Control(tmp_path / "s").start()
    assert (await ask(tmp_path / "s", question("help")))["ok"] is True


async def test_the_socket_of_a_dead_server_is_replaced(tmp_path: Path) -> None:
    with socket.socket(socket.AF_UNIX) as dead:
        dead.bind(str(tmp_path / "s"))
    control = Control(tmp_path / "s")
    await control.start()
    assert (await ask(tmp_path / "s", question("help")))["ok"] is True
    await control.stop()
    assert not (tmp_path / "s").exists()
    await control.stop()


async def test_a_file_is_never_replaced(tmp_path: Path) -> None:
    (tmp_path / "s").write_text("precious")
    with pytest.raises(StartError, match="no socket"):
        await Control(tmp_path / "s").start()
    assert (tmp_path / "s").read_text() == "precious"


async def test_a_folder_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(StartError, match="cannot listen on"):
        await Control(tmp_path / "none" / "s").start()


async def test_a_socket_that_is_not_ours_any_more_stays(tmp_path: Path) -> None:
    control = Control(tmp_path / "s")
    await control.start()
    (tmp_path / "s").rename(tmp_path / "old")
    (tmp_path / "s").touch()
    await control.stop()
    assert (tmp_path / "s").exists()
