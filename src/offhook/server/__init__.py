"""The only place that joins: configuration, control socket, admin listener, logging, lifecycle."""

from __future__ import annotations

__all__: list[str] = []
