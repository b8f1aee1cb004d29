"""From configuration sections to what routing uses: profiles with their guards, gateways, the
registrar's limits, TLS."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from offhook.auth.nonces import NonceRegistry
from offhook.auth.server import DigestGuard
from offhook.exchange.ping_schedule import KeepAlivePolicy
from offhook.exchange.profile import Gateway, Profile
from offhook.registrar.registration import RegistrarPolicy
from offhook.runtime.tls_files import KeyPair, ProfileTls, TlsFiles
from offhook.server import schema
from offhook.server.config import gateway_password

__all__ = ["make_gateways", "make_keep_alive", "make_profiles", "make_tls"]


def make_profiles(config: schema.Config, nonces: NonceRegistry) -> Mapping[str, Profile]:
    """The profiles by name. They share one record of nonces, so that no request passes twice."""
    limits = config.registrar
    policy = RegistrarPolicy(
        minimum=limits.min_expires,
        maximum=limits.max_expires,
        default=limits.default_expires,
        max_contacts=limits.max_contacts,
        flow_timer=limits.flow_timer,
    )
    return {
        name: Profile(
            name,
            profile.authenticate,
            profile.registrar,
            DigestGuard(nonces, algorithms=profile.digest, qop=profile.qop),
            replace(policy, service_route=profile.service_route),
            redirect=profile.redirect == "follow",
        )
        for name, profile in config.profiles.items()
    }


def make_keep_alive(config: schema.Config) -> KeepAlivePolicy:
    """How registered contacts are kept alive."""
    section = config.registrar
    return KeepAlivePolicy(
        section.keep_alive,
        float(section.keep_alive_interval),
        section.keep_alive_lost,
        section.keep_alive_all,
    )


def make_gateways(config: schema.Config) -> Mapping[str, Gateway]:
    """The gateways by name. Raises StartError for an unreadable password file."""
    return {name: _gateway(name, section) for name, section in config.gateways.items()}


def _gateway(name: str, section: schema.Gateway) -> Gateway:
    password = gateway_password(name, section)
    return Gateway(
        name,
        section.uri,
        section.profile,
        section.username,
        lambda: password,
        section.peers,
        section.names,
    )


def make_tls(config: schema.Config) -> TlsFiles:
    """Which certificates are shown, and which are asked for."""
    tls = config.tls
    return TlsFiles(
        certificate=str(tls.certificate or ""),
        key=str(tls.key or ""),
        authority=str(tls.ca or ""),
        client_authority=str(tls.client_ca or ""),
        wildcards=tls.wildcards,
        others={
            name: KeyPair(str(pair.certificate), str(pair.key))
            for name, pair in config.certificates.items()
        },
        profiles={
            name: policy
            for name in config.profiles
            if (policy := _profile_tls(config, name)) != ProfileTls()
        },
        shown={
            (gateway.profile, gateway.host): gateway.certificate
            for gateway in config.gateways.values()
            if gateway.certificate
        },
    )


def _profile_tls(config: schema.Config, name: str) -> ProfileTls:
    profile = config.profiles[name]
    asked = profile.client_certificate
    names = None
    if asked == "gateways":
        gateways = [each for each in config.gateways.values() if each.profile == name]
        names = frozenset().union(*[gateway.names for gateway in gateways])
    return ProfileTls(
        profile.certificate,
        ask=asked == "optional",
        insist=asked in ("required", "gateways"),
        names=names,
    )
