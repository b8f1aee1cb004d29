"""`import offhook` costs next to nothing: what is heavy is imported where it is used."""

from __future__ import annotations

import subprocess
import sys

HEAVY = {
    "alembic",
    "asyncio",
    "asyncpg",
    "dns",
    "numpy",
    "prometheus_client",
    "pydantic",
    "rich",
    "sqlalchemy",
    "structlog",
    "typer",
    "uvloop",
    "websockets",
}


def test_the_front_door_is_light() -> None:
    program = "import sys, offhook; print(*{name.partition('.')[0] for name in sys.modules})"
    result = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True
    )
    assert not HEAVY & set(result.stdout.split())


def test_the_public_names_bring_asyncio_and_no_library() -> None:
    """What a program imports needs nothing that only a server needs."""
    program = (
        "import sys, offhook; [getattr(offhook, name) for name in offhook.__all__]; "
        "print(*{name.partition('.')[0] for name in sys.modules})"
    )
    result = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True
    )
    assert HEAVY & set(result.stdout.split()) == {"asyncio"}
