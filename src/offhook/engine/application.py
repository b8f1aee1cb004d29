"""The contract with the application above the engine, on one page."""

from __future__ import annotations

from typing import Protocol

from offhook.engine.events import Event

__all__ = ["Application"]


class Application(Protocol):
    """Receives the engine's events one by one, each before the next input. It decides by calling
    the engine, now or later."""

    def handle(self, event: Event) -> None:
        """Must not raise and must not wait: what takes time becomes a task."""
