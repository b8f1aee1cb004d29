"""The asking side of the control socket."""

from __future__ import annotations

import json
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from offhook.server.control_client import ControlError, ask


@contextmanager
def server(path: Path, answer: bytes) -> Iterator[list[bytes]]:
    """Takes one question and gives this answer."""
    asked: list[bytes] = []
    listening = socket.socket(socket.AF_UNIX)
    listening.bind(str(path))
    listening.listen()

    def run() -> None:
        connection, _ = listening.accept()
        with connection:
            asked.append(connection.recv(65536))
            for start in range(0, len(answer), 7):
                connection.sendall(answer[start : start + 7])

    thread = threading.Thread(target=run)
    thread.start()
    try:
        yield asked
    finally:
        thread.join()
        listening.close()


def test_asks_one_line_and_reads_one(tmp_path: Path) -> None:
    with server(tmp_path / "s", b'{"ok": true, "result": [1, {"a": null}]}\n') as asked:
        assert ask(tmp_path / "s", "log-level", ["debug"]) == [1, {"a": None}]
    assert json.loads(asked[0]) == {"noun": "log-level", "words": ["debug"]}
    assert asked[0].endswith(b"\n")


@pytest.mark.parametrize(
    ("answer", "says"),
    [
        (b'{"ok": false, "error": "no such noun"}\n', "no such noun"),
        (b'{"ok": false}\n', "refused without a reason"),
        (b"[]\n", "refused without a reason"),
        (b"", "closed the connection"),
        (b'{"ok": tr', "closed the connection"),
    ],
)
def test_refusals_are_one_line(tmp_path: Path, answer: bytes, says: str) -> None:
    with server(tmp_path / "s", answer), pytest.raises(ControlError, match=says):
        ask(tmp_path / "s", "x")


def test_no_server(tmp_path: Path) -> None:
    with pytest.raises(ControlError, match="no server answers on"):
        ask(tmp_path / "s", "status")
    with socket.socket(socket.AF_UNIX) as dead:
        dead.bind(str(tmp_path / "s"))
    with pytest.raises(ControlError, match="no server answers on"):
        ask(tmp_path / "s", "status")


def test_a_path_that_no_socket_can_have(tmp_path: Path) -> None:
    with pytest.raises(ControlError, match="s"):
        ask(tmp_path / ("s" * 200), "status")


def test_a_server_that_does_not_answer(tmp_path: Path) -> None:
    with socket.socket(socket.AF_UNIX) as silent:
        silent.bind(str(tmp_path / "s"))
        silent.listen()
        with pytest.raises(ControlError, match="did not answer within"):
            ask(tmp_path / "s", "status", timeout=0.01)
