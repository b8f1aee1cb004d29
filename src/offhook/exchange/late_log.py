"""The log of modules that `import offhook` loads: structlog is imported with the first line.

It looks for rich, which a server has, and both take a fifth of the import for lines that a program
may never write. Other modules use structlog as usual.
"""

from __future__ import annotations

__all__ = ["LateLog"]


class LateLog:
    """Writes as `structlog.get_logger()` does."""

    __slots__ = ()

    def info(self, event: str, **values: object) -> None:
        """Something that is as it should be."""
        self._write("info", event, values)

    def warning(self, event: str, **values: object) -> None:
        """Something that an operator may want to change."""
        self._write("warning", event, values)

    def error(self, event: str, **values: object) -> None:
        """Something that failed."""
        self._write("error", event, values)

    def _write(self, level: str, event: str, values: dict[str, object]) -> None:
        import structlog  # noqa: PLC0415 - what this file is for

        getattr(structlog.get_logger(), level)(event, **values)
