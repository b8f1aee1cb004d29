"""Text that peers wrote, made fit for a terminal."""

from __future__ import annotations

__all__ = ["printable"]


def printable(text: str) -> str:
    """Text of a peer that cannot steer the terminal."""
    return "".join(c if c.isprintable() else "?" for c in text)
