"""Room for connections: the soft limit of open files is raised as far as the system allows.

Most systems start programs with 1024 and let them have many more. What peers may take of them is
bounded by `runtime.limits`.
"""

from __future__ import annotations

import resource

__all__ = ["WANTED", "raise_descriptors"]

WANTED = 65_536  # 10,000 connections accepted and 10,000 made, with room for databases and scrapes


def raise_descriptors() -> int:
    """Raise the limit of this process; what it is now. A higher one stays."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = WANTED if hard == resource.RLIM_INFINITY else min(WANTED, hard)
    if soft == resource.RLIM_INFINITY or soft >= wanted:
        return soft
    try:
        resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))
    except (OSError, ValueError):  # a sandbox forbids it: what there is has to do
        return soft
    return wanted
