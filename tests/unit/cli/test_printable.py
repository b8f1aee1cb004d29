"""Text of peers on a terminal."""

from __future__ import annotations

from offhook.cli.printable import printable


def test_peers_cannot_steer_the_terminal() -> None:
    assert printable("a\x1b[2Jb\r\nc\x9b") == "a?[2Jb??c?"


def test_words_of_every_script_stay() -> None:
    assert printable("Zoë 你好") == "Zoë 你好"
