"""Path values that we write: read again by us, and by nobody else for anything else."""

from __future__ import annotations

import random

import pytest

from offhook.message import parse_uri
from offhook.proxy.path_token import PathToken, is_path_token, path_value, unseal_path
from offhook.transport.flow import Flow, Listener

KEY = b"k" * 32
PHONE = Flow(
    Listener("phones", "TLS", "192.0.2.1", 5061), ("192.0.2.1", 5061), ("9.9.9.9", 4), "c1"
)
DATAGRAM = Flow(Listener("a\tb", "UDP", "::1", 5060), ("::1", 5060), ("2001:db8::9", 4))
CORE = Flow(
    Listener("core", "TCP", "192.0.2.1", 5062), ("192.0.2.1", 40000), ("10.0.0.1", 5060), "c"
)
BEHIND = "sip:edge@192.0.2.9;lr;ob"


def user_of(value: str) -> str:
    """The user part of a Path value, which must be a SIP URI."""
    return parse_uri(value.strip("<>")).user


@pytest.mark.rfc("5626", "5.1")
def test_the_first_hop_names_the_flow_and_says_ob() -> None:
    value = path_value(PHONE, CORE, behind="", first_hop=True, key=KEY)
    assert value.endswith("@192.0.2.1:5062;transport=tcp;lr;ob>")
    user = user_of(value)
    assert is_path_token(user)
    assert unseal_path(user, behind="", key=KEY) == PathToken("phones", PHONE.name)


@pytest.mark.parametrize(
    ("inside", "behind", "flow"),
    [
        (PHONE, BEHIND, PHONE.name),  # the connection to the edge, while it lasts
        (DATAGRAM, BEHIND, ""),  # else the Path behind leads on
        (DATAGRAM, "", DATAGRAM.name),  # a token never leads just anywhere
    ],
)
@pytest.mark.rfc("5626", "5.1")
def test_further_hops_do_not_say_ob(inside: Flow, behind: str, flow: str) -> None:
    value = path_value(inside, DATAGRAM, behind=behind, first_hop=False, key=KEY)
    assert value.endswith("@[::1]:5060;lr>")
    token = unseal_path(user_of(value), behind=behind, key=KEY)
    assert token == PathToken(inside.profile, flow)


@pytest.mark.rfc("5626", "5.2")
def test_it_holds_for_the_path_behind_it_and_our_key_only() -> None:
    user = user_of(path_value(DATAGRAM, CORE, behind=BEHIND, first_hop=False, key=KEY))
    assert unseal_path(user, behind=BEHIND, key=KEY) is not None
    assert unseal_path(user, behind="", key=KEY) is None
    assert unseal_path(user, behind="sip:victim@203.0.113.9;lr", key=KEY) is None
    assert unseal_path(user, behind=BEHIND, key=b"j" * 32) is None


def test_nothing_forged_is_read() -> None:
    rng = random.Random(4)
    user = user_of(path_value(PHONE, CORE, behind="", first_hop=True, key=KEY))
    for _ in range(300):
        place = rng.randrange(2, len(user))
        letter = rng.choice("abcdef0123456789AZ.~")
        if user[place] != letter:
            changed = user[:place] + letter + user[place + 1 :]
            assert unseal_path(changed, behind="", key=KEY) is None
    for text in ("p~", "p~.", "p~\xe4.\xe4", "p~" + "A" * 3000):
        assert unseal_path(text, behind="", key=KEY) is None
