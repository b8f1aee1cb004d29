"""Reads SIP messages back out of a phone's own trace."""

from __future__ import annotations

import re

_STATUS = re.compile(r"^SIP/2\.0 (\d{3})\b")
_CSEQ = re.compile(r"^(?:CSeq)\s*:\s*\d+\s+([A-Z]+)", re.IGNORECASE)


def _responses(output: str, method: str) -> list[int]:
    """The status codes of the responses to ``method`` that a trace shows, in order."""
    found = []
    status = 0
    for line in output.splitlines():
        if match := _STATUS.match(line):
            status = int(match.group(1))
        elif status and (match := _CSEQ.match(line)):
            if match.group(1) == method:
                found.append(status)
            status = 0
    return found


def statuses(output: str, method: str) -> set[int]:
    """The status codes of the responses to ``method`` that a trace shows (sent ones included)."""
    return set(_responses(output, method))


def password_refused(output: str) -> bool:
    """Whether credentials in a REGISTER were answered by another challenge or a 403."""
    got = _responses(output, "REGISTER")
    return got.count(401) >= 2 or 403 in got


def digest_algorithms(output: str) -> set[str]:
    """The algorithms that digest challenges in a trace name (RFC 8760 2.1: none means MD5)."""
    challenges = re.findall(r"^(?:WWW|Proxy)-Authenticate:\s*Digest (.*)$", output, re.MULTILINE)
    named = [re.search(r'algorithm="?([A-Za-z0-9-]+)', challenge) for challenge in challenges]
    return {match.group(1) if match else "MD5" for match in named}
