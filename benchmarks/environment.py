"""What was measured on what: commit, machine, interpreter and its build, loop, native modules."""

from __future__ import annotations

import json
import os
import platform
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from benchmarks.processes import PROC, native_modules, process_tree
from benchmarks.servers import Server

__all__ = ["Commit", "ServerBuild", "machine", "read_commit", "server_build"]

ROOT = Path(__file__).resolve().parent.parent

_DESCRIBE = """
import json, platform, sys, sysconfig
print(json.dumps({
    "interpreter": sys.version.replace("\\n", " "),
    "executable": sys.executable,
    "build": sysconfig.get_config_var("CONFIG_ARGS") or "",
    "flags": sysconfig.get_config_var("PY_CFLAGS") or "",
}))
"""


@dataclass(frozen=True, slots=True)
class Commit:
    """The commit of the work tree; `changed` if files of it differ from the commit."""

    identifier: str
    changed: bool

    @property
    def name(self) -> str:
        """Short, for file names."""
        return self.identifier[:12] + ("-changed" if self.changed else "")


@dataclass(frozen=True, slots=True)
class ServerBuild:
    """The program that really ran. `loop` is uvloop if its library is mapped."""

    name: str
    program: str
    loop: str
    native_modules: tuple[str, ...]
    python: dict[str, object]


def read_commit() -> Commit:
    """The commit of `src`, or an unknown one outside a work tree."""
    identifier = _output(["git", "-C", str(ROOT), "rev-parse", "HEAD"])
    changes = _output(["git", "-C", str(ROOT), "status", "--porcelain", "--", "src"])
    return Commit(identifier or "unknown", bool(changes))


def machine() -> dict[str, object]:
    """The machine and the programs of the load."""
    model = [
        line.partition(":")[2].strip()
        for line in (PROC / "cpuinfo").read_text().splitlines()
        if line.startswith("model name")
    ]
    return {
        "kernel": platform.release(),
        "processor": model[0] if model else platform.machine(),
        "cores": os.cpu_count(),
        "load_average": list(os.getloadavg()),
        "receive_buffer_limit": int((PROC / "sys/net/core/rmem_max").read_text()),
        "kamailio": _first_line(["/usr/sbin/kamailio", "-v"]),
        "sipp": _first_line(["sipp", "-v"]),
        "harness": sys.version.replace("\n", " "),
    }


def server_build(server: Server) -> ServerBuild:
    """Look at the running processes of a server, not at what they were meant to be."""
    modules = native_modules(server.pid)
    programs = {str((PROC / str(pid) / "exe").resolve()) for pid in process_tree(server.pid)}
    program = ", ".join(sorted(programs))
    python: dict[str, object] = {}
    if "python" in program:
        python = json.loads(_output([program, "-c", _DESCRIBE]) or "{}")
    return ServerBuild(server.name, program, _loop(modules, program), tuple(modules), python)


def _loop(modules: Sequence[str], program: str) -> str:
    if "python" not in program:
        return ""
    return "uvloop" if any("/uvloop/" in module for module in modules) else "asyncio"


def _output(command: Sequence[str]) -> str:
    try:
        answer = subprocess.run(command, capture_output=True, text=True, timeout=20, check=False)
    except OSError:
        return ""
    return answer.stdout.strip()


def _first_line(command: Sequence[str]) -> str:
    lines = [line.strip() for line in _output(command).splitlines() if line.strip()]
    return lines[0] if lines else "not installed"
