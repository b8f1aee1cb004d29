"""Digest challenges and credentials: read, write, compute, compare (RFC 7616, RFC 8760, RFC 3261
22.4).

Who may use which nonce is in `nonces`, what a server answers in `server`, how a client answers in
`client`. Secrets (HA1 and passwords) pass through and are never part of a value that could be
printed.
"""

from __future__ import annotations

import hmac
import re
from dataclasses import dataclass, field

from offhook.auth.algorithms import algorithm_named
from offhook.errors import ChallengeError

__all__ = ["Challenge", "Credentials", "parse_challenge", "parse_credentials", "response", "verify"]

MAX_DIGEST_LENGTH = 4096  # bytes of one header value; the longest seen from a phone is 700
MAX_PARAMETERS = 32  # 14 are defined

_PARAMETER = re.compile(
    r"""([\w!%*+`'~.-]+)\s*=\s*(?:"([^"\\]*(?:\\.[^"\\]*)*)"|([^\s,"]*))\s*(?:,\s*|\Z)|,\s*|(\S.*)""",
    re.ASCII | re.DOTALL,
)  # what fits nowhere is taken to the end at once, so that no text is walked twice
_ESCAPED = re.compile(r"\\(.)", re.DOTALL)
_NC = re.compile(r"[0-9A-Fa-f]{1,8}\Z")


@dataclass(frozen=True, slots=True)
class Challenge:
    """One WWW-Authenticate or Proxy-Authenticate value of the Digest scheme."""

    realm: str
    nonce: str
    algorithm: str = ""  # as received; "" means MD5
    qop: tuple[str, ...] = ()  # empty: the RFC 2069 form
    stale: bool = False
    opaque: str | None = None
    parameters: dict[str, str] = field(default_factory=dict)  # the rest, names in lower case

    def __str__(self) -> str:
        parts = [f"realm={_quote(self.realm)}", f"nonce={_quote(self.nonce)}"]
        if self.algorithm:
            parts.append(f"algorithm={self.algorithm}")
        if self.qop:
            parts.append(f'qop="{",".join(self.qop)}"')
        if self.opaque is not None:
            parts.append(f"opaque={_quote(self.opaque)}")
        if self.stale:
            parts.append("stale=true")
        return "Digest " + ", ".join(parts)


@dataclass(slots=True)
class Credentials:
    """One Authorization or Proxy-Authorization value of the Digest scheme.

    Not frozen: made once for every authenticated request, and a frozen dataclass of this size costs
    a microsecond more.
    """

    username: str
    realm: str
    nonce: str
    uri: str
    response: str
    algorithm: str = ""  # as received; "" means MD5
    qop: str = ""  # "": the RFC 2069 form
    nc: int = 0  # 0 without qop
    cnonce: str = ""
    opaque: str | None = None

    def __str__(self) -> str:
        parts = [
            f"username={_quote(self.username)}",
            f"realm={_quote(self.realm)}",
            f"nonce={_quote(self.nonce)}",
            f"uri={_quote(self.uri)}",  # RFC 3261 22.4 item 2: quoted
            f'response="{self.response}"',
        ]
        if self.algorithm:
            parts.append(f"algorithm={self.algorithm}")
        if self.qop:
            parts.append(f"cnonce={_quote(self.cnonce)}, qop={self.qop}, nc={self.nc:08x}")
        if self.opaque is not None:
            parts.append(f"opaque={_quote(self.opaque)}")
        return "Digest " + ", ".join(parts)


def parse_challenge(value: str) -> Challenge | None:
    """Read a challenge; None if its scheme is not Digest. Raises ChallengeError."""
    found = _parameters(value)
    if found is None:
        return None
    if "realm" not in found or not found.get("nonce"):
        raise ChallengeError(400, "Challenge Without Realm Or Nonce")
    qop = found.pop("qop", "")
    return Challenge(
        realm=found.pop("realm"),
        nonce=found.pop("nonce"),
        algorithm=found.pop("algorithm", ""),
        qop=tuple(option.strip().lower() for option in qop.split(",") if option.strip()),
        stale=found.pop("stale", "").lower() == "true",
        opaque=found.pop("opaque", None),
        parameters=found,
    )


def parse_credentials(value: str) -> Credentials | None:
    """Read credentials; None if their scheme is not Digest or they are empty, as phones send them
    before a first challenge (RFC 8760 2.7). Raises ChallengeError if something is malformed or
    missing."""
    found = _parameters(value)
    if found is None:
        return None
    get = found.get
    nonce, answer = get("nonce", ""), get("response", "")
    if not nonce and not answer:
        return None
    username, realm, uri = get("username"), get("realm"), get("uri")
    if username is None or realm is None or not uri or not nonce or not answer:
        raise ChallengeError(400, "Incomplete Credentials")
    qop, nc, cnonce = get("qop", "").lower(), get("nc", ""), get("cnonce", "")
    if qop and (not cnonce or not _NC.match(nc) or int(nc, 16) == 0):
        raise ChallengeError(
            400, "Malformed Nonce Count"
        )  # RFC 7616 3.4: both must be there with qop
    count = int(nc, 16) if qop else 0
    algorithm = get("algorithm", "")
    return Credentials(
        username, realm, nonce, uri, answer, algorithm, qop, count, cnonce, get("opaque")
    )


def response(credentials: Credentials, *, ha1: str, method: str, body: bytes = b"") -> str | None:
    """The response value that belongs to `credentials` (RFC 7616 3.4.1), None if their algorithm or
    qop is not served.

    `body` counts for qop "auth-int" only. Without qop the RFC 2069 form is computed.
    """
    row = algorithm_named(credentials.algorithm)
    if row is None:
        return None
    qop = credentials.qop
    request = f"{method}:{credentials.uri}"
    if qop == "auth-int":
        request = f"{request}:{row.digest(body)}"  # RFC 7616 3.4.3
    elif qop not in ("auth", ""):
        return None
    ha2 = row.digest(request.encode("utf-8", "surrogateescape"))
    middle = f"{credentials.nc:08x}:{credentials.cnonce}:{qop}:" if qop else ""
    whole = f"{ha1}:{credentials.nonce}:{middle}{ha2}"
    return row.digest(whole.encode("utf-8", "surrogateescape"))


def verify(credentials: Credentials, *, ha1: str, method: str, body: bytes = b"") -> bool:
    """True if `credentials` were made with `ha1`; the comparison takes constant time."""
    expected = response(credentials, ha1=ha1, method=method, body=body)
    if expected is None:
        return False
    received = credentials.response.lower().encode("utf-8", "surrogateescape")
    return hmac.compare_digest(expected.encode(), received)


def _parameters(value: str) -> dict[str, str] | None:
    """The parameters of a Digest value by lower-case name, None for another scheme."""
    if len(value) > MAX_DIGEST_LENGTH:
        raise ChallengeError(400, "Digest Header Too Long")
    scheme, _, rest = value.strip().partition(" ")
    if scheme.lower() != "digest":  # RFC 3261 22.4: Basic is neither accepted nor sent
        return None
    rows = _PARAMETER.findall(rest)
    if len(rows) > MAX_PARAMETERS:
        raise ChallengeError(400, "Too Many Digest Parameters")
    found = {name.lower(): quoted or token for name, quoted, token, _ in rows}
    if len(found) != len(rows) or "" in found:
        rows = [row for row in rows if any(row)]  # empty elements of the list (RFC 3261 7.3.1)
        found.pop("", None)
        if len(found) != len(rows):
            raise ChallengeError(400, "Malformed Digest Header")  # garbage, or a name twice
    if "\\" in rest:
        for name, quoted, _, _ in rows:
            if "\\" in quoted:
                found[name.lower()] = _ESCAPED.sub(r"\1", quoted)
    return found


def _quote(text: str) -> str:
    if '"' in text or "\\" in text:
        text = text.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{text}"'
