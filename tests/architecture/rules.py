"""The rules of the tree in one place: ring 1, limits, and every exception with its reason."""

from __future__ import annotations

from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
SOURCE = ROOT / "src" / "offhook"
UNIT = ROOT / "tests" / "unit"
DOCS = ROOT / "docs"

MAX_FILE_LINES = 600
MAX_FUNCTION_LINES = 60  # without its docstring
MAX_POSITIONAL = 5  # parameters besides self and cls; keyword-only ones are free

# Ring 1: bytes, times and identifiers in, values out.
RING_ONE = frozenset(
    {
        "auth",
        "dialog",
        "engine",
        "errors",
        "journal",
        "message",
        "proxy",
        "registrar",
        "rtp",
        "sdp",
        "transaction",
        "transport",
        "version",
    }
)

# What ring 1 may import from outside the package: nothing that waits, draws, reads or writes.
RING_ONE_IMPORTS = frozenset(
    {
        "__future__",
        "abc",
        "base64",
        "binascii",
        "bisect",
        "collections",
        "dataclasses",
        "datetime",
        "enum",
        "functools",
        "hashlib",
        "heapq",
        "hmac",
        "ipaddress",
        "itertools",
        "math",
        "operator",
        "re",
        "string",
        "struct",
        "types",
        "typing",
    }
)

# Ways to the clock, to randomness and to files that need no import, or hide behind an allowed one.
RING_ONE_CALLS = frozenset(
    {
        "__import__",
        "breakpoint",
        "compile",
        "datetime.datetime.now",
        "datetime.datetime.today",
        "datetime.datetime.utcnow",
        "datetime.date.today",
        "datetime.now",
        "datetime.today",
        "datetime.utcnow",
        "date.today",
        "eval",
        "exec",
        "input",
        "open",
        "print",
    }
)

FORBIDDEN_NAMES = frozenset({"common", "helper", "helpers", "manager", "misc", "util", "utils"})
FORBIDDEN_WORDS = ("TODO", "FIXME", "XXX")

# Functions that may take more positional parameters: "path:function" -> why.
MORE_PARAMETERS: dict[str, str] = {
    f"src/offhook/transaction/{name}.py:__init__": "made for every branch; keywords cost a third"
    for name in ("client_invite", "client_non_invite")
}

# Source files that another test shows: path under src/offhook (a folder ends with a slash).
SHOWN_ELSEWHERE: dict[str, tuple[str, str]] = {
    "storage/migrations/": (
        "tests/unit/storage/test_upgrade.py",
        "alembic runs them in their order, on a database of version 1 and on an empty one",
    ),
}
