"""The only place that joins: configuration, storage, engine, network, routing program."""

from __future__ import annotations

from offhook.server.node import Node
from offhook.server.program import load_program
from offhook.server.schema import Config

__all__ = ["build"]


def build(config: Config, program: str | None) -> Node:
    """One server, nothing opened yet. Raises ConfigurationError for the program."""
    return Node(config, load_program(program))
