"""The merged tree of file, environment and flags."""

from __future__ import annotations

from pathlib import Path

import pytest

from offhook.server.layers import Layers, field_type


def layers(text: str = "") -> Layers:
    made = Layers(Path("/etc/offhook"), Path("/home/me"))
    made.add_text(text)
    return made


def test_later_layers_stand_over_earlier_ones() -> None:
    made = layers("[log]\nlevel = 'info'")
    made.add_environment({"OFFHOOK_LOG__LEVEL": "debug"})
    made.add_flags({"log.level": "error", "storage.url": None})
    assert made.get(("log", "level")) == "error"
    assert made.origins == {("log", "level"): "flag"}


@pytest.mark.parametrize(
    ("variable", "text", "value"),
    [
        ("OFFHOOK_DOMAINS", "a.example, b.example", ("a.example", "b.example")),
        ("OFFHOOK_DOMAINS", '["a.example"]', ("a.example",)),
        ("OFFHOOK_DOMAINS", "", ()),
        ("OFFHOOK_DOMAINS", "[broken", "[broken"),
        ("OFFHOOK_PROFILES__P__AUTHENTICATE", "No", False),
        ("OFFHOOK_PROFILES__P__AUTHENTICATE", "maybe", "maybe"),
        ("OFFHOOK_REGISTRAR__MAX_CONTACTS", "12", 12),
        ("OFFHOOK_REGISTRAR__MAX_CONTACTS", "1e3", "1e3"),
        ("OFFHOOK_REGISTRAR__MAX_CONTACTS", "٣", "٣"),
        ("OFFHOOK_LOG__LEVEL", "debug", "debug"),
        ("OFFHOOK_LOG__NOTHING", "x", "x"),
    ],
)
def test_variables_are_read_by_the_type_of_their_key(
    variable: str, text: str, value: object
) -> None:
    made = layers()
    made.add_environment({variable: text})
    key = tuple(variable.removeprefix("OFFHOOK_").lower().split("__"))
    assert made.get(key) == value


def test_a_variable_finds_the_spelling_of_the_file() -> None:
    made = layers('[gateways.My-Trunk]\nuri = "sip:a"')
    made.add_environment({"OFFHOOK_GATEWAYS__MY_TRUNK__URI": "sip:b"})
    assert made.tree == {"gateways": {"My-Trunk": {"uri": "sip:b"}}}


def test_variables_of_others_are_left_alone_but_slips_are_told() -> None:
    made = layers()
    made.add_environment({"OFFHOOK_SOAK": "1", "OFFHOOK_DOMAIN": "x", "PATH": "/bin"})
    assert made.tree == {}
    assert made.faults == ["environment OFFHOOK_DOMAIN: did you mean OFFHOOK_DOMAINS?"]


def test_listen_needs_one_profile() -> None:
    made = layers("[profiles.a]\nlisten=[]\n[profiles.b]\nlisten=[]")
    made.add_flags({"listen": ["udp:127.0.0.1:0"]})
    assert made.faults == [
        "--listen: there are 2 profiles (a, b); change their listen keys in the file instead"
    ]
    named = layers("[profiles.only]\nlisten=[]")
    named.add_flags({"listen": ["udp:127.0.0.1:0"]})
    assert named.get(("profiles", "only", "listen")) == ("udp:127.0.0.1:0",)


def test_paths_become_absolute() -> None:
    made = layers(
        '[tls]\ncertificate = "c.pem"\nkey = "/k.pem"\n[storage]\nurl = "sqlite:///var/a.db"\n'
        '[gateways.g]\npassword_file = "secret"\n'
    )
    made.add_flags({"admin.socket": "here.sock"})
    made.anchor()
    assert made.get(("tls", "certificate")) == "/etc/offhook/c.pem"
    assert made.get(("tls", "key")) == "/k.pem"
    assert made.get(("gateways", "g", "password_file")) == "/etc/offhook/secret"
    assert made.get(("admin", "socket")) == "/home/me/here.sock"
    assert made.get(("storage", "url")) == "sqlite:/var/a.db"


def test_values_that_are_no_tables_do_not_get_in_the_way() -> None:
    made = layers("admin = 5\ngateways = 'x'\nlog = 1")
    made.add_environment({"OFFHOOK_LOG__LEVEL": "info"})
    made.anchor()
    assert made.get(("admin", "socket")) is None
    assert made.get(("log", "level")) == "info"


def test_values_and_elements_can_be_taken_out() -> None:
    made = layers("domains = ['a', 'b', 'c']\n[log]\nlevel = 'x'")
    made.remove(("domains", 1))
    made.remove(("log", "level"))
    made.remove(("nothing", "there"))
    made.remove(())
    assert made.tree == {"domains": ("a", "c"), "log": {}}


def test_types_of_keys() -> None:
    assert field_type(("log",)) is not None
    assert field_type(("profiles", "any", "authenticate")) is bool
    assert field_type(("profiles", "any", "nothing")) is None
    assert field_type(("log", "level", "deeper")) is None
