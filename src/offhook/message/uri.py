"""SIP, SIPS and tel URIs, and every other scheme as opaque text (RFC 3261 19.1, RFC 3966, RFC
5954).

Reading is strict where a lenient reading would let two elements see two different URIs: one "@",
ports in 1..65535, no white space or angle bracket, whole escapes. What a URI leads to (RFC 3263) is
left to `transport`.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import lru_cache

from offhook.errors import UriError
from offhook.message import limits
from offhook.message.escaping import USER_PLAIN, comparable, escape, unescape, well_escaped
from offhook.message.grammar import GrammarError, canonical_host, host_and_port
from offhook.message.parameters import NO_PARAMETERS, ParameterItems, Parameters

__all__ = ["Uri", "parse_uri"]

_SCHEME = re.compile(r"[A-Za-z][A-Za-z0-9+\-.]*:")
_FORBIDDEN = re.compile(r'[\x00-\x20\x7f<>"\\^`{|}]')
_GLOBAL_NUMBER = re.compile(r"\+[0-9\-.()]+")  # RFC 3966 3, without the need of a digit
_LOCAL_NUMBER = re.compile(r"[0-9A-Fa-f*#\-.()]+")
_SEPARATORS = str.maketrans("", "", "-.()")
_NEVER_IGNORED = ("user", "ttl", "method", "maddr", "transport")  # RFC 3261 19.1.4
_AOR_PLAIN = USER_PLAIN | frozenset("#")  # phones send feature codes with an unescaped "#"


@dataclass(frozen=True, slots=True)
class Uri:
    """One URI. Of a foreign scheme only `scheme` and `text` are set; of a tel URI `user` is the
    number."""

    scheme: str  # lower case
    user: str  # as received, escapes kept; "" if absent
    password: str  # as received; "" if absent
    host: str  # lower case, IPv6 without brackets; "" unless sip or sips
    port: int | None
    parameters: Parameters
    headers: tuple[tuple[str, str], ...]  # names and values as received
    text: str  # the whole URI as received or made

    @classmethod
    def make(
        cls,
        host: str,
        *,
        user: str = "",
        port: int | None = None,
        scheme: str = "sip",
        parameters: ParameterItems = (),
    ) -> Uri:
        """A sip or sips URI from its parts. `user` is plain text, escaped here; `host` may be an
        IPv6 address without brackets."""
        return parse_uri(_compose(scheme, escape(user), _Place(host, port), Parameters(parameters)))

    def replace(
        self,
        *,
        scheme: str | None = None,
        user: str | None = None,
        host: str | None = None,
        port: int | None = None,
        parameters: ParameterItems | None = None,
    ) -> Uri:
        """A copy with parts replaced: `user` is plain text, port 0 removes the port; headers and
        password stay."""
        userinfo = self.userinfo if user is None else escape(user)
        place = _Place(host or self.host, self.port if port is None else port)
        chosen = self.parameters if parameters is None else Parameters(parameters)
        return parse_uri(
            _compose(scheme or self.scheme, userinfo, place, chosen) + self._header_text()
        )

    @property
    def userinfo(self) -> str:
        """User and password as received, without the "@"."""
        return f"{self.user}:{self.password}" if self.password else self.user

    @property
    def user_unescaped(self) -> str:
        """The user as plain text."""
        return unescape(self.user)

    @property
    def transport(self) -> str:
        """The transport parameter in lower case, "" if absent."""
        return self.parameters.text("transport").lower()

    @property
    def is_secure(self) -> bool:
        """True for sips."""
        return self.scheme == "sips"

    @property
    def is_sip(self) -> bool:
        """True for sip and sips."""
        return self.scheme in ("sip", "sips")

    @property
    def lr(self) -> bool:
        """True if the URI is one of a loose router (RFC 3261 19.1.1)."""
        return "lr" in self.parameters

    def aor(self) -> str:
        """The key under which an address-of-record is found (RFC 3261 10.3 step 5): scheme "sip",
        user unescaped, host, nothing else."""
        if self.scheme == "tel":
            return f"tel:{self.user.translate(_SEPARATORS).lower()}"
        if not self.is_sip:
            return self.text
        host = canonical_host(self.host)
        shown = f"[{host}]" if ":" in host else host
        if not self.user:
            return f"sip:{shown}"
        user = comparable(self.user, _AOR_PLAIN)
        return f"sip:{escape(user, _AOR_PLAIN | {'%'})}@{shown}"

    def equals(self, other: Uri) -> bool:
        """Comparison by RFC 3261 19.1.4 (RFC 3966 section 5 for tel; text for other schemes)."""
        if self.scheme != other.scheme:
            return False
        if self.scheme == "tel":
            return _tel_key(self) == _tel_key(other)
        if not self.is_sip:
            return self.text == other.text
        return (
            comparable(self.userinfo) == comparable(other.userinfo)
            and canonical_host(self.host) == canonical_host(other.host)
            and self.port == other.port
            and _parameters_match(self.parameters, other.parameters)
            and _header_key(self) == _header_key(other)
        )

    def _header_text(self) -> str:
        return (
            "?" + "&".join([f"{name}={value}" for name, value in self.headers])
            if self.headers
            else ""
        )

    def __str__(self) -> str:
        return self.text


@dataclass(frozen=True, slots=True)
class _Place:
    host: str
    port: int | None

    def __str__(self) -> str:
        host = f"[{self.host}]" if ":" in self.host and self.host[0] != "[" else self.host
        return f"{host}:{self.port}" if self.port else host


def parse_uri(text: str) -> Uri:
    """Read a URI. Raises UriError (400) if it is malformed. Foreign schemes are not a fault
    here."""
    return _parse(text) if len(text) > limits.CACHED_TEXT else _remembered(text)


def _parse(text: str) -> Uri:
    try:
        return _read(text)
    except GrammarError as fault:
        raise UriError(400, f"Bad URI: {fault.reason}") from None


_remembered = lru_cache(maxsize=limits.URI_CACHE)(_parse)


def _read(text: str) -> Uri:
    if len(text) > limits.URI:
        raise GrammarError("too long")
    match = _SCHEME.match(text)
    if match is None:
        raise GrammarError("no scheme")
    if _FORBIDDEN.search(text) is not None:
        # RFC 3261 25.1 has a few of these in user parts of RFC 2543 peers only; none may reach a
        # header unescaped
        raise GrammarError("forbidden character")
    scheme = text[: match.end() - 1].lower()
    rest = text[match.end() :]
    if not rest:
        raise GrammarError("nothing after the scheme")
    if scheme in ("sip", "sips"):
        return _read_sip(scheme, rest, text)
    if scheme == "tel":
        return _read_tel(rest, text)
    return Uri(scheme, "", "", "", None, NO_PARAMETERS, (), text)


def _read_sip(scheme: str, rest: str, text: str) -> Uri:
    if "%" in rest and not well_escaped(rest):
        raise GrammarError("broken escape")
    userinfo, at, place = rest.rpartition("@")
    if at and (not userinfo or userinfo[0] == ":" or "@" in userinfo):
        raise GrammarError("bad user")
    user, _, password = userinfo.partition(":")
    place, question, header_text = place.partition("?")
    place, semicolon, parameter_text = place.partition(";")
    host, port = host_and_port(place)
    parameters = _read_parameters(parameter_text) if semicolon else NO_PARAMETERS
    headers = _read_headers(header_text) if question else ()
    return Uri(scheme, user, password, host, port, parameters, headers, text)


def _read_parameters(text: str) -> Parameters:
    items: list[tuple[str, str | None]] = []
    seen: set[str] = set()
    for part in text.split(";", limits.PARAMETERS):
        name, equals, value = part.partition("=")
        if not name or (equals and not value) or "," in part:
            raise GrammarError("bad parameter")
        if (lowered := name.lower()) in seen:  # RFC 3261 19.1.1: a parameter name at most once
            raise GrammarError(f"parameter {name} twice")
        seen.add(lowered)
        items.append((name, value if equals else None))
    if len(items) > limits.PARAMETERS:
        raise GrammarError("too many parameters")
    return Parameters(items)


def _read_headers(text: str) -> tuple[tuple[str, str], ...]:
    items: list[tuple[str, str]] = []
    for part in text.split("&", limits.PARAMETERS):
        name, equals, value = part.partition("=")
        if not name or not equals:
            raise GrammarError("bad header")
        items.append((name, value))
    if len(items) > limits.PARAMETERS:
        raise GrammarError("too many headers")
    return tuple(items)


def _read_tel(rest: str, text: str) -> Uri:
    number, semicolon, parameter_text = rest.partition(";")
    pattern = _GLOBAL_NUMBER if number[0:1] == "+" else _LOCAL_NUMBER
    if pattern.fullmatch(number) is None or not number.translate(_SEPARATORS).strip("+"):
        raise GrammarError("bad telephone number")
    parameters = _read_parameters(parameter_text) if semicolon else NO_PARAMETERS
    return Uri("tel", number, "", "", None, parameters, (), text)


def _compose(scheme: str, userinfo: str, place: _Place, parameters: Parameters) -> str:
    if scheme == "tel":
        return f"tel:{userinfo}{parameters}"
    return (
        f"{scheme}:{userinfo}@{place}{parameters}" if userinfo else f"{scheme}:{place}{parameters}"
    )


def _parameters_match(ours: Parameters, theirs: Parameters) -> bool:
    for name in ours:
        if name in theirs:
            if comparable(ours.text(name)).lower() != comparable(theirs.text(name)).lower():
                return False
        elif name in _NEVER_IGNORED:
            return False
    return not any(name in theirs and name not in ours for name in _NEVER_IGNORED)


def _header_key(uri: Uri) -> list[tuple[str, str]]:
    return sorted([(unescape(name).lower(), unescape(value)) for name, value in uri.headers])


def _tel_key(uri: Uri) -> tuple[str, list[tuple[str, str]]]:
    parameters = sorted(
        [(name, _tel_value(name, uri.parameters.text(name))) for name in uri.parameters]
    )
    return uri.user.translate(_SEPARATORS).lower(), parameters


def _tel_value(name: str, value: str) -> str:
    bare = value.translate(_SEPARATORS) if name == "ext" or value[:1] == "+" else value
    return comparable(bare).lower()
