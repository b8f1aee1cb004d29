"""The shape of the configuration: every key that exists, its type and its default.

What one value may be is checked here; what values owe each other is left to `checks`, where values
come from to `layers`. The models are frozen.
"""

from __future__ import annotations

import ipaddress
import json
import re
from collections.abc import Container, Iterator, Mapping
from pathlib import Path
from typing import Annotated, Literal

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    PrivateAttr,
    model_validator,
)

from offhook.auth.algorithms import ALGORITHMS
from offhook.errors import UriError
from offhook.message import parse_uri
from offhook.runtime.origins import read_origin
from offhook.server.json_value import Json
from offhook.server.listen import (
    parse_address,
    parse_destination,
    parse_listener,
    parse_name_server,
    parse_network,
)
from offhook.storage.address import Tls as StorageTls
from offhook.storage.address import parse_postgres
from offhook.transport import Address, Listener

__all__ = [
    "Admin",
    "Certificate",
    "Config",
    "Dns",
    "Gateway",
    "Log",
    "Network",
    "Origin",
    "Profile",
    "Registrar",
    "Storage",
    "Stun",
    "Tls",
    "Websocket",
    "written_name",
]

Network = ipaddress.IPv4Network | ipaddress.IPv6Network
Origin = Literal["default", "file", "environment", "flag"]

LONGEST_DOMAIN = 253  # RFC 1035 2.3.4, without the final dot
LONGEST_SOCKET_PATH = 107  # sun_path of Linux without its NUL
SHORTEST_PING = 2  # seconds; a shorter interval would be a flood
LONGEST_LEASE = 2**32 - 1  # seconds; RFC 3261 20.19
DIGESTS = ("MD5", "SHA-256", "SHA-512-256")
QOPS = ("auth", "auth-int")  # RFC 7616 3.3

_DATABASES = "sqlite:FILE, postgresql://USER@HOST/DATABASE or memory:"
_BARE_NAME = re.compile(r"[A-Za-z0-9_-]+")  # TOML 1.0, keys
_LABEL = re.compile(r"[a-z0-9_]([a-z0-9_-]*[a-z0-9])?")


def _domain(text: str) -> str:
    """A domain name or literal IP address, lower case."""
    if text.lower().startswith(("sip:", "sips:")):
        raise ValueError(f'"{text}" is a URI; write the domain alone, as in "example.com"')
    name = text.lower()
    if _is_address(name):
        return name
    if ":" in name:
        raise ValueError(f'"{text}": a domain has no port; ports belong to listeners')
    if not name.isascii():
        raise ValueError(f'"{text}": write an international domain in its xn-- form')
    if len(name) > LONGEST_DOMAIN or not all(map(_LABEL.fullmatch, name.split("."))):
        raise ValueError(f'"{text}" is not a domain name; write it as in "example.com"')
    return name


def _is_address(text: str) -> bool:
    try:
        ipaddress.ip_address(text.strip("[]"))
    except ValueError:
        return False
    return True


def _host(text: str) -> str:
    """A host that others can reach: a name or an address, IPv6 without brackets."""
    return _domain(text).strip("[]") if text else ""


def _listener(text: str) -> str:
    parse_listener("", text)
    return text


def _stun_listener(text: str) -> str:
    listener = parse_listener("", text)
    if listener.transport != "UDP":
        raise ValueError(f'"{text}": STUN is served over UDP; write udp:HOST:3478')
    if listener.wildcard:
        raise ValueError(f'"{text}": name one address; the answers tell which one it was')
    return text


def _admin_listener(text: str) -> str:
    if text:
        parse_address(text)
    return text


def _name_server(text: str) -> str:
    parse_name_server(text)
    return text


def _digest(text: str) -> str:
    return digest_of(text, ALGORITHMS)


def digest_of(text: str, served: Container[str]) -> str:
    """The name of a digest algorithm that this machine serves. Raises ValueError."""
    name = text.upper()
    if name in served:
        return name
    if name in DIGESTS:
        raise ValueError(f"the OpenSSL of this machine has no {name}; use SHA-256 or MD5")
    raise ValueError(f'"{text}" is not a digest algorithm; use {", ".join(DIGESTS)}')


def _qop(text: str) -> str:
    if text.lower() in QOPS:
        return text.lower()
    raise ValueError(f'"{text}" is not a protection; use {" or ".join(QOPS)}')


def _gateway_uri(text: str) -> str:
    if not re.fullmatch(r"sips?:[^\s@<>\"]+(@[^\s@<>\"]+)?", text, re.IGNORECASE):
        raise ValueError(f'"{text}" is not a SIP URI; write it as in "sip:sip.carrier.example"')
    return text


def _route(text: str) -> str:
    if not re.fullmatch(r"sips?:[^\s@<>\"]+(@[^\s@<>\"]+)?", text, re.IGNORECASE):
        raise ValueError(f'"{text}" is not a SIP URI; write it as in "sip:proxy.example.com;lr"')
    if ";lr" not in text.lower():
        raise ValueError(f'"{text}" needs ;lr at its end, or phones would route strictly')
    return text


def _storage_url(text: str) -> str:
    scheme, colon, rest = text.partition(":")
    if text == "memory:" or (scheme == "sqlite" and rest.strip("/")):
        return text
    if scheme == "postgresql" and colon:
        parse_postgres(text)
        return text
    if scheme == "postgres" and colon:
        raise ValueError("write postgresql:// where it says postgres:")
    if colon and scheme in ("redis", "mysql", "ldap", "valkey"):
        raise ValueError(f"{scheme} is not available yet; use {_DATABASES}")
    shown = text if "@" not in text else "the URL"  # there may be a password in it
    raise ValueError(f'"{shown}" is not a database; write {_DATABASES}')


def _socket(path: Path) -> Path:
    if len(str(path).encode()) > LONGEST_SOCKET_PATH:
        raise ValueError(
            f"the path is longer than {LONGEST_SOCKET_PATH} bytes; choose a shorter one"
        )
    return path


def _path(value: object) -> object:
    return Path(value) if isinstance(value, str) and value else value


def _network(value: object) -> object:
    if not isinstance(value, str):
        raise ValueError("must be a text in quotes")
    return parse_network(value)


def _advertise_to(table: dict[str, str]) -> dict[str, str]:
    for text in table:
        parse_destination(text)
    return table


_File = Annotated[Path, BeforeValidator(_path)]
_Seconds = Annotated[int, Field(ge=1, le=LONGEST_LEASE)]


class _Section(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, strict=True, hide_input_in_errors=True)


class Profile(_Section):
    """Listeners with one policy. `registrar` without a value is the same as `authenticate`."""

    listen: tuple[Annotated[str, AfterValidator(_listener)], ...]
    authenticate: bool = True
    registrar: bool = True
    digest: tuple[Annotated[str, AfterValidator(_digest)], ...] = ("MD5",)
    qop: tuple[Annotated[str, AfterValidator(_qop)], ...] = ("auth",)
    certificate: str = ""
    client_certificate: Literal["none", "optional", "required", "gateways"] = "none"
    redirect: Literal["pass", "follow"] = "pass"
    advertise: Annotated[str, AfterValidator(_host)] = ""
    service_route: tuple[Annotated[str, AfterValidator(_route)], ...] = ()
    advertise_to: Annotated[
        dict[str, Annotated[str, AfterValidator(_host)]], AfterValidator(_advertise_to)
    ] = {}

    @model_validator(mode="before")
    @classmethod
    def _registrar_as_authenticate(cls, data: object) -> object:
        if isinstance(data, dict) and "registrar" not in data and data.get("authenticate") is False:
            return {**data, "registrar": False}
        return data


class Tls(_Section):
    """Our certificate where no other is named; `ca`: whom we trust (none: the system's list),
    `client_ca`: whose client certificates count (none: `ca`)."""

    certificate: _File | None = None
    key: _File | None = None
    ca: _File | None = None
    client_ca: _File | None = None
    wildcards: bool = False


class Certificate(_Section):
    """A further certificate of ours: for a profile, for a gateway, or for whoever asks for one of
    its names."""

    certificate: _File
    key: _File


class Websocket(_Section):
    """Browsers as phones. `origins`: the pages that may connect (none: those of our domains)."""

    origins: tuple[Annotated[str, AfterValidator(read_origin)], ...] = ()


class Gateway(_Section):
    """A far server that we send calls to and, from its `peers`, take calls from."""

    uri: Annotated[str, AfterValidator(_gateway_uri)]
    profile: str
    username: str = ""
    password_file: _File | None = None
    peers: tuple[Annotated[Network, BeforeValidator(_network)], ...] = ()
    peer_names: tuple[Annotated[str, AfterValidator(_domain)], ...] = ()
    certificate: str = ""

    @property
    def host(self) -> str:
        """The host of `uri`, lower case; "" if it cannot be read."""
        try:
            return parse_uri(self.uri).host
        except UriError:
            return ""

    @property
    def names(self) -> frozenset[str]:
        """What a certificate of the gateway may name (RFC 5922 7.4)."""
        return frozenset({self.host, *self.peer_names} - {""})


class Registrar(_Section):
    """What a registration may ask for (RFC 3261 10.3): seconds, contacts of one AoR; and how phones
    are kept reachable through NATs."""

    min_expires: _Seconds = 60
    max_expires: _Seconds = 7200
    default_expires: _Seconds = 3600
    max_contacts: Annotated[int, Field(ge=1, le=1000)] = 10
    flow_timer: Annotated[int, Field(ge=0, le=3600)] = 120
    keep_alive: Literal["options", "crlf", "off"] = "options"
    keep_alive_interval: Annotated[int, Field(ge=SHORTEST_PING, le=3600)] = 25
    keep_alive_lost: Annotated[int, Field(ge=1, le=100)] = 3
    keep_alive_all: bool = False


class Storage(_Section):
    """Where accounts and bindings live: `sqlite:FILE`, `postgresql://USER@HOST/DATABASE`, or
    `memory:` (gone at the end). The other keys are for PostgreSQL."""

    url: Annotated[str, AfterValidator(_storage_url)] = "sqlite:offhook.db"
    password_file: _File | None = None
    tls: StorageTls = "auto"
    ca: _File | None = None


class Stun(_Section):
    """A STUN server beside the one on SIP ports; two addresses let clients find out what kind of
    NAT they are behind (RFC 5780)."""

    listen: tuple[Annotated[str, AfterValidator(_stun_listener)], ...] = ()
    other_port: Annotated[int, Field(ge=1, le=65_535)] = 3479

    def listeners(self) -> tuple[Listener, ...]:
        """Its listeners, in the order of the configuration."""
        return tuple(parse_listener("stun", text) for text in self.listen)


class Admin(_Section):
    """The ways in for the operator: an HTTP listener ("" = none), the socket of `offhook ctl`."""

    listen: Annotated[str, AfterValidator(_admin_listener)] = ""
    socket: Annotated[_File, AfterValidator(_socket)] = Path("offhook.sock")


class Dns(_Section):
    """Whom to ask for names (none: the system's name servers), and seconds for one question."""

    servers: tuple[Annotated[str, AfterValidator(_name_server)], ...] = ()
    deadline: Annotated[int, Field(ge=1, le=10)] = 3  # callers wait meanwhile

    def addresses(self) -> tuple[Address, ...]:
        """The name servers, host and port."""
        return tuple([parse_name_server(text) for text in self.servers])


class Log(_Section):
    """What is logged."""

    level: Literal["debug", "info", "warning", "error"] = "info"


def _default_profiles() -> dict[str, Profile]:
    return {"internal": Profile(listen=("udp:0.0.0.0:5060", "tcp:0.0.0.0:5060"))}


class Config(_Section):
    """One whole configuration. The validation context is the origin of each key that is set."""

    domains: tuple[Annotated[str, AfterValidator(_domain)], ...] = ("offhook.local",)
    profiles: dict[str, Profile] = Field(default_factory=_default_profiles)
    tls: Tls = Tls()
    websocket: Websocket = Websocket()
    certificates: dict[str, Certificate] = {}
    gateways: dict[str, Gateway] = {}
    registrar: Registrar = Registrar()
    stun: Stun = Stun()
    storage: Storage = Storage()
    admin: Admin = Admin()
    dns: Dns = Dns()
    log: Log = Log()
    _origins: Mapping[str, Origin] = PrivateAttr(default_factory=dict)

    def model_post_init(self, context: object) -> None:
        """Keep the origins that the loader gave as the validation context."""
        if isinstance(context, Mapping):
            self._origins = context

    def origin(self, key: str) -> Origin:
        """Where the value of a dotted key (`storage.url`) came from."""
        return self._origins.get(key, "default")

    def effective(self) -> Iterator[tuple[str, Json, Origin]]:
        """Every key, written as in the file, with its value in force and its origin, in the order
        of the sections."""
        for key, value in _leaves(self.model_dump(mode="json"), ()):
            yield ".".join(map(written_name, key)), value, self.origin(".".join(key))

    @property
    def default_domain(self) -> str:
        """The domain that stands for our addresses: the first one."""
        return self.domains[0]

    def listeners(self) -> tuple[Listener, ...]:
        """Every SIP listener, in the order of the configuration."""
        return tuple(
            parse_listener(name, text, profile.advertise, profile.advertise_to)
            for name, profile in self.profiles.items()
            for text in profile.listen
        )


def written_name(name: str) -> str:
    """One name of a dotted key as TOML has it: in quotes where it needs them."""
    return name if _BARE_NAME.fullmatch(name) else json.dumps(name, ensure_ascii=False)


def _leaves(
    table: Mapping[str, Json], prefix: tuple[str, ...]
) -> Iterator[tuple[tuple[str, ...], Json]]:
    for name, value in table.items():
        if isinstance(value, dict) and (value or not prefix):  # an empty one below is a value
            yield from _leaves(value, (*prefix, name))
        else:
            yield (*prefix, name), value
