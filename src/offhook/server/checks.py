"""What the values of a configuration owe each other, beyond what `schema` says of each alone.

Every check yields faults with the keys it has read: a fault that follows from another one is not
told twice.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, replace
from itertools import combinations
from pathlib import Path

from offhook.server.layers import Key, Location
from offhook.server.listen import listener_text, parse_address, parse_listener
from offhook.server.schema import Config, Profile
from offhook.transport import Listener
from offhook.transport.flow import SECURE

__all__ = ["Fault", "cross_faults", "missing_files"]


PROFILE_NAME = re.compile(r"[A-Za-z0-9_-]{1,32}")


@dataclass(frozen=True, slots=True)
class Fault:
    """One fault of `key`; `reads` are the other keys whose values led to it."""

    key: Location
    text: str
    reads: tuple[Key, ...] = ()


def cross_faults(config: Config) -> Iterator[Fault]:
    """Everything that does not fit together."""
    yield from _domains(config)
    yield from _profiles(config)
    yield from _shared_addresses(config)
    yield from _certificate(config)
    yield from _client_certificates(config)
    yield from _named_certificates(config)
    yield from _gateways(config)
    yield from _gateway_certificates(config)
    yield from _leases(config)
    yield from _storage(config)
    yield from _stun(config)
    yield from _admin(config)


def missing_files(config: Config) -> list[str]:
    """One line for each file that the configuration names and that cannot be read."""
    named: list[tuple[str, Path | None]] = [
        ("tls.certificate", config.tls.certificate),
        ("tls.key", config.tls.key),
        ("tls.ca", config.tls.ca),
        ("storage.password_file", config.storage.password_file),
        ("storage.ca", config.storage.ca),
    ]
    named.append(("tls.client_ca", config.tls.client_ca))
    for name, pair in config.certificates.items():
        named.append((f"certificates.{name}.certificate", pair.certificate))
        named.append((f"certificates.{name}.key", pair.key))
    named += [
        (f"gateways.{name}.password_file", g.password_file) for name, g in config.gateways.items()
    ]
    faults = [f"{key}: no such file: {path}" for key, path in named if path and not path.is_file()]
    if config.storage.url.startswith("sqlite:"):
        folder = Path(config.storage.url.removeprefix("sqlite:")).parent
        if not folder.is_dir():
            faults.append(f"storage.url: no such folder: {folder}")
    if not config.admin.socket.parent.is_dir():
        faults.append(f"admin.socket: no such folder: {config.admin.socket.parent}")
    return faults


def _domains(config: Config) -> Iterator[Fault]:
    if not config.domains:
        yield Fault(("domains",), 'is empty; name at least one domain, as in ["example.com"]')
    for name in sorted({d for d in config.domains if config.domains.count(d) > 1}):
        yield Fault(("domains",), f'"{name}" is listed twice')


def _profiles(config: Config) -> Iterator[Fault]:
    if not config.profiles:
        yield Fault(("profiles",), "is empty; define one, as in [profiles.internal]")
    for name, profile in config.profiles.items():
        if PROFILE_NAME.fullmatch(name) is None:  # it is written into Record-Route URIs
            yield Fault(("profiles", name), "is no name; use letters, digits, - and _")
        yield from _profile(("profiles", name), profile)


def _profile(key: Key, profile: Profile) -> Iterator[Fault]:
    if not profile.listen:
        yield Fault(
            (*key, "listen"), 'is empty; name at least one listener, as in ["udp:0.0.0.0:5060"]'
        )
    if not profile.digest:
        yield Fault((*key, "digest"), 'is empty; name at least one algorithm, as in ["MD5"]')
    if len(set(profile.digest)) != len(profile.digest):
        yield Fault((*key, "digest"), "names an algorithm twice")
    if not profile.qop:
        yield Fault((*key, "qop"), 'is empty; name at least one protection, as in ["auth"]')
    if len(set(profile.qop)) != len(profile.qop):
        yield Fault((*key, "qop"), "names a protection twice")


def _listeners(config: Config) -> Iterator[tuple[Key, Listener]]:
    for name, profile in config.profiles.items():
        for text in profile.listen:
            yield ("profiles", name, "listen"), parse_listener(name, text)


def _stun(config: Config) -> Iterator[Fault]:
    key = ("stun", "listen")
    listeners = config.stun.listeners()
    if len(listeners) > 2:
        yield Fault(key, "names more than two addresses; RFC 5780 knows two")
    elif len(listeners) == 2:
        one, other = listeners
        if one.host == other.host or one.ipv6 != other.ipv6 or one.port != other.port:
            text = "needs two addresses of one IP version with the same port; other_port is added"
            yield Fault(key, text)
        elif config.stun.other_port == one.port:
            text = f"{one.port} is the port of stun.listen; choose another one"
            yield Fault(("stun", "other_port"), text, (key,))
    places: list[tuple[Key, Listener]] = [(key, mine) for mine in listeners]
    if len(listeners) == 2:
        other_key = ("stun", "other_port")
        places += [(other_key, replace(mine, port=config.stun.other_port)) for mine in listeners]
    for mine_key, mine in places:
        for sip_key, sip in _listeners(config):
            if _clash(mine, sip):
                text = f"{listener_text(mine)} is taken by {'.'.join(sip_key)}, which answers STUN"
                yield Fault(mine_key, text, (sip_key, key))


def _admin(config: Config) -> Iterator[Fault]:
    if not config.admin.listen:
        return
    mine = Listener("", "TCP", *parse_address(config.admin.listen))
    for sip_key, sip in _listeners(config):
        if _clash(mine, sip):
            where = f"{listener_text(sip)} of {'.'.join(sip_key)}"
            text = f"{config.admin.listen} is taken by {where}"
            yield Fault(("admin", "listen"), text, (sip_key,))


def _shared_addresses(config: Config) -> Iterator[Fault]:
    for (key, one), (other_key, other) in combinations(_listeners(config), 2):
        if _clash(one, other):
            where = "" if key == other_key else f" of {'.'.join(other_key)}"
            text = f"{listener_text(one)} and {listener_text(other)}{where} take the same address"
            yield Fault(key, text, (other_key,))


def _clash(one: Listener, other: Listener) -> bool:
    """True if both cannot be bound. All but UDP take TCP ports; port 0 is always free."""
    if (one.transport == "UDP") != (other.transport == "UDP") or one.port != other.port:
        return False
    wildcard = one.ipv6 == other.ipv6 and (one.wildcard or other.wildcard)
    return one.port != 0 and (one.host == other.host or wildcard)


def _certificate(config: Config) -> Iterator[Fault]:
    tls = config.tls
    for key, listener in _listeners(config):
        own = config.profiles[listener.profile].certificate
        if listener.transport in SECURE and not own and not (tls.certificate and tls.key):
            text = f"{listener_text(listener)} needs tls.certificate and tls.key"
            yield Fault(key, text, (("tls",),))
    if tls.certificate and not tls.key:
        yield Fault(("tls", "key"), "is missing; name the private key of tls.certificate")
    if tls.key and not tls.certificate:
        yield Fault(("tls", "certificate"), "is missing; name the certificate of tls.key")


def _named_certificates(config: Config) -> Iterator[Fault]:
    """Names of further certificates: those defined, and those referred to."""
    known = ", ".join(config.certificates) or "none"
    for name in config.certificates:
        if PROFILE_NAME.fullmatch(name) is None:
            yield Fault(("certificates", name), "is no name; use letters, digits, - and _")
    users: list[tuple[Key, str]] = [
        (("profiles", name), profile.certificate) for name, profile in config.profiles.items()
    ]
    users += [
        (("gateways", name), gateway.certificate) for name, gateway in config.gateways.items()
    ]
    for key, wanted in users:
        if wanted and wanted not in config.certificates:
            text = (
                f"there is no [certificates.{wanted}]; defined are: {known}"
                if PROFILE_NAME.fullmatch(wanted)
                else f'"{wanted}" is no name; define it as in [certificates.carrier] and name that'
            )
            yield Fault((*key, "certificate"), text, (("certificates",),))


def _client_certificates(config: Config) -> Iterator[Fault]:
    """Who asks for certificates must know whose count, and have somebody to ask."""
    for name, profile in config.profiles.items():
        key = ("profiles", name, "client_certificate")
        if profile.client_certificate == "none":
            continue
        if not (config.tls.ca or config.tls.client_ca):
            text = "needs tls.client_ca or tls.ca, the authorities whose certificates count"
            yield Fault(key, text, (("tls",),))
        if not any(parse_listener(name, text).transport in SECURE for text in profile.listen):
            text = "needs a tls: or wss: listener in this profile"
            yield Fault(key, text, (("profiles", name, "listen"),))
        if profile.client_certificate == "gateways" and not any(
            gateway.profile == name for gateway in config.gateways.values()
        ):
            yield Fault(key, "lets nobody in: no gateway has this profile", (("gateways",),))


def _gateway_certificates(config: Config) -> Iterator[Fault]:
    shown: dict[tuple[str, str], tuple[str, str]] = {}
    for name, gateway in config.gateways.items():
        key = ("gateways", name)
        profile = config.profiles.get(gateway.profile)
        if gateway.peer_names and profile and profile.client_certificate == "none":
            text = f"profiles.{gateway.profile}.client_certificate must be optional or more for it"
            yield Fault((*key, "peer_names"), text, (("profiles",),))
        place = (gateway.profile, gateway.host)
        other, certificate = shown.setdefault(place, (name, gateway.certificate))
        if certificate != gateway.certificate:
            text = f"gateways.{other} has the same host and profile, and another certificate"
            yield Fault((*key, "certificate"), text, (("gateways", other),))


def _gateways(config: Config) -> Iterator[Fault]:
    for name, gateway in config.gateways.items():
        key = ("gateways", name)
        if gateway.profile not in config.profiles:
            known = ", ".join(config.profiles)
            text = f'there is no profile "{gateway.profile}"; the profiles are: {known}'
            yield Fault((*key, "profile"), text, (("profiles",),))
        if gateway.username and not gateway.password_file:
            yield Fault(
                (*key, "password_file"),
                "is missing; name the file that holds the password of username",
            )
        if gateway.password_file and not gateway.username:
            yield Fault(
                (*key, "username"), "is missing; name the user that password_file belongs to"
            )


def _leases(config: Config) -> Iterator[Fault]:
    registrar = config.registrar
    low, default, high = registrar.min_expires, registrar.default_expires, registrar.max_expires
    if low > high:
        yield Fault(
            ("registrar", "min_expires"),
            f"{low} is above registrar.max_expires, {high}",
            (("registrar",),),
        )
    elif not low <= default <= high:
        text = f"{default} is not between min_expires, {low}, and max_expires, {high}"
        yield Fault(("registrar", "default_expires"), text, (("registrar",),))


def _storage(config: Config) -> Iterator[Fault]:
    storage = config.storage
    if storage.url.startswith("postgresql:"):
        if storage.tls == "off" and storage.ca:
            yield Fault(("storage", "ca"), "has no use without TLS; remove it, or storage.tls")
        return
    for name, value in (("password_file", storage.password_file), ("ca", storage.ca)):
        if value:
            yield Fault(("storage", name), "is for PostgreSQL only; remove it", (("storage",),))
    if storage.tls != "auto":
        yield Fault(("storage", "tls"), "is for PostgreSQL only; remove it", (("storage",),))
