"""Faults between values, and files that are not there."""

from __future__ import annotations

from pathlib import Path

import pytest

from offhook.errors import ConfigurationError
from offhook.server.checks import cross_faults, missing_files
from offhook.server.config import load_text
from offhook.server.schema import Config, Gateway, Profile, Registrar, Tls


def test_the_default_has_no_fault() -> None:
    assert list(cross_faults(Config())) == []


@pytest.mark.parametrize(
    ("one", "other", "clash"),
    [
        ("udp:127.0.0.1:5060", "udp:127.0.0.1:5060", True),
        ("udp:127.0.0.1:5060", "tcp:127.0.0.1:5060", False),
        ("tcp:127.0.0.1:5061", "tls:127.0.0.1:5061", True),
        ("udp:0.0.0.0:5060", "udp:127.0.0.1:5060", True),
        ("udp:0.0.0.0:5060", "udp:[::]:5060", False),
        ("udp:[::]:5060", "udp:[::1]:5060", True),
        ("udp:127.0.0.1:5060", "udp:127.0.0.2:5060", False),
        ("udp:127.0.0.1:5060", "udp:127.0.0.1:5062", False),
        ("udp:127.0.0.1:0", "udp:127.0.0.1:0", False),
    ],
)
def test_listeners_that_cannot_both_be_bound(one: str, other: str, clash: bool) -> None:
    tls = Tls(certificate=Path("c"), key=Path("k"))
    config = Config(tls=tls, profiles={"p": Profile(listen=(one, other))})
    assert bool(list(cross_faults(config))) is clash


def test_faults_name_what_they_come_from() -> None:
    gateway = Gateway(uri="sip:h", profile="nowhere")
    (fault,) = cross_faults(Config(gateways={"g": gateway}))
    assert fault.key == ("gateways", "g", "profile")
    assert fault.reads == (("profiles",),)


def test_leases_are_in_order() -> None:
    registrar = Registrar(min_expires=100, default_expires=50, max_expires=200)
    (fault,) = cross_faults(Config(registrar=registrar))
    assert fault.text == "50 is not between min_expires, 100, and max_expires, 200"


def test_files_that_are_missing(tmp_path: Path) -> None:
    text = (
        '[tls]\ncertificate = "c.pem"\nkey = "k.pem"\nclient_ca = "a.pem"\n'
        '[certificates.x]\ncertificate = "xc"\nkey = "xk"\n[storage]\nurl = "sqlite:no/a.db"\n'
        '[admin]\nsocket = "gone/s"\n[gateways.g]\nuri = "sip:h"\nprofile = "internal"\n'
        'username = "u"\npassword_file = "p"\n'
    )
    config = load_text(text, tmp_path)
    assert missing_files(config) == [
        f"tls.certificate: no such file: {tmp_path}/c.pem",
        f"tls.key: no such file: {tmp_path}/k.pem",
        f"tls.client_ca: no such file: {tmp_path}/a.pem",
        f"certificates.x.certificate: no such file: {tmp_path}/xc",
        f"certificates.x.key: no such file: {tmp_path}/xk",
        f"gateways.g.password_file: no such file: {tmp_path}/p",
        f"storage.url: no such folder: {tmp_path}/no",
        f"admin.socket: no such folder: {tmp_path}/gone",
    ]
    for name in ("c.pem", "k.pem", "a.pem", "xc", "xk", "p"):
        (tmp_path / name).touch()
    (tmp_path / "no").mkdir()
    (tmp_path / "gone").mkdir()
    assert missing_files(config) == []


@pytest.mark.parametrize(
    ("admin", "listener", "taken"),
    [
        ("127.0.0.1:8060", "tcp:127.0.0.1:8060", True),
        ("127.0.0.1:8060", "wss:0.0.0.0:8060", True),
        ("0.0.0.0:8060", "ws:192.0.2.1:8060", True),
        ("[::1]:8060", "tls:[::1]:8060", True),
        ("127.0.0.1:8060", "udp:127.0.0.1:8060", False),
        ("127.0.0.1:8060", "tcp:192.0.2.1:8060", False),
        ("127.0.0.1:0", "tcp:127.0.0.1:0", False),
    ],
)
def test_the_admin_listener_has_a_port_of_its_own(admin: str, listener: str, taken: bool) -> None:
    text = (
        f'[profiles.p]\nlisten = ["{listener}"]\n[admin]\nlisten = "{admin}"\n'
        '[tls]\ncertificate = "c"\nkey = "k"\n'
    )
    faults: list[str] = []
    try:
        load_text(text)
    except ConfigurationError as error:
        faults = error.faults
    line = f"offhook.toml: admin.listen: {admin} is taken by {listener} of profiles.p.listen"
    assert faults == ([line] if taken else [])


def test_the_second_port_of_stun_is_not_taken() -> None:
    text = (
        '[profiles.p]\nlisten = ["udp:192.0.2.2:3479", "tcp:192.0.2.1:3479"]\n'
        '[stun]\nlisten = ["udp:192.0.2.1:3478", "udp:192.0.2.2:3478"]\n'
    )
    with pytest.raises(ConfigurationError) as caught:
        load_text(text)
    assert caught.value.faults == [
        "offhook.toml: stun.other_port: udp:192.0.2.2:3479 is taken by profiles.p.listen, "
        "which answers STUN"
    ]


def test_a_listener_is_known_in_any_case_of_its_letters() -> None:
    text = (
        '[profiles.p]\nlisten = ["TLS:192.0.2.1:5061"]\nclient_certificate = "optional"\n'
        '[tls]\ncertificate = "c"\nkey = "k"\nca = "a"\n'
    )
    assert load_text(text).listeners()[0].transport == "TLS"
