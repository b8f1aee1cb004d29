"""GRUUs: made, sealed, read and taken back (RFC 5627)."""

from __future__ import annotations

import random
from dataclasses import replace

import pytest

from offhook.message import parse_uri
from offhook.registrar import Binding, Gruus
from tests.unit.registrar.registers import AOR, INSTANCE, NOW, Registrar, contacts_of, registration

GRUUS = Gruus(b"k" * 32)
BOUND = Binding(
    AOR, "sip:a@h", NOW + 60, 1000, "one", 7, INSTANCE, (), "f", False, "", NOW
)  # an ordinary phone
OTHER = replace(BOUND, instance="<urn:uuid:other>", contact="sip:a@other")


@pytest.mark.rfc("5627", "5.1")
def test_a_public_gruu_is_the_aor_with_the_instance() -> None:
    text = GRUUS.public(BOUND)
    assert text == "sip:alice@example.com;gr=urn:uuid:f81d4fae-7dec-11d0-a765-00a0c91e6bf6"
    gruu = GRUUS.read(parse_uri(text))
    assert gruu is not None
    assert (gruu.aor, gruu.temporary) == (AOR, False)
    assert gruu.bindings([OTHER, BOUND], NOW) == [BOUND]
    assert gruu.bindings([BOUND], NOW + 60) == []


@pytest.mark.parametrize(
    "text",
    [
        "sip:alice@EXAMPLE.com;GR=urn:uuid:f81d4fae-7dec-11d0-a765-00a0c91e6bf6",
        "sip:alice@example.com;gr=URN%3Auuid:F81D4FAE-7dec-11d0-a765-00a0c91e6bf6",
        "sip:%61lice@example.com;x=1;gr=urn:uuid:f81d4fae-7dec-11d0-a765-00a0c91e6bf6",
    ],
)
def test_gr_compares_without_case_and_escapes(text: str) -> None:
    gruu = GRUUS.read(parse_uri(text))
    assert gruu is not None
    assert gruu.names(BOUND)


def test_an_odd_instance_is_escaped_and_found_again() -> None:
    odd = replace(BOUND, instance="<urn:x:a b;c@d%>")
    text = GRUUS.public(odd)
    assert text == "sip:alice@example.com;gr=urn:x:a%20b%3Bc%40d%25"
    gruu = GRUUS.read(parse_uri(text))
    assert gruu is not None
    assert gruu.names(odd)
    assert not gruu.names(BOUND)


@pytest.mark.rfc("5627", "5.1")
def test_a_temporary_gruu_hides_whose_it_is_and_every_refresh_has_another() -> None:
    found = {GRUUS.temporary(replace(BOUND, cseq=cseq)) for cseq in range(50)}
    assert len(found) == 50
    for text in found:
        assert text.endswith("@example.com;gr")
        assert "alice" not in text
        gruu = GRUUS.read(parse_uri(text))
        assert gruu is not None
        assert (gruu.aor, gruu.temporary) == (AOR, True)
        assert gruu.bindings([OTHER, BOUND], NOW) == [BOUND]
    users = [text[4:24] for text in found]
    assert len(set(users)) == 50
    # nothing of two tokens of one phone is equal in more places than chance has it
    one, other = users[:2]
    assert sum(a == b for a, b in zip(one, other, strict=True)) < 8


@pytest.mark.rfc("5627", "5.1")
def test_another_call_id_takes_temporary_gruus_back() -> None:
    gruu = GRUUS.read(parse_uri(GRUUS.temporary(BOUND)))
    assert gruu is not None
    assert gruu.bindings([replace(BOUND, call_id="two")], NOW) == []
    second = replace(BOUND, call_id="two", contact="sip:a@second")
    assert gruu.bindings([BOUND, second], NOW) == [BOUND, second]  # two flows of one phone
    assert gruu.bindings([BOUND], NOW + 61) == []


def test_a_temporary_gruu_holds_for_its_domain_and_key_only() -> None:
    text = GRUUS.temporary(BOUND)
    assert GRUUS.read(parse_uri(text.replace("example.com", "example.net"))) is None
    assert Gruus(b"j" * 32).read(parse_uri(text)) is None
    assert GRUUS.read(parse_uri(text.replace("sip:", "sip:!"))) is None
    escaped = f"sip:%{ord(text[4]):02x}{text[5:]}"
    assert GRUUS.read(parse_uri(escaped)) is not None  # RFC 3261 19.1.4


def test_nothing_forged_is_read() -> None:
    rng = random.Random(2)
    text = GRUUS.temporary(BOUND)
    for _ in range(500):
        place = rng.randrange(4, text.index("@"))
        letter = rng.choice("ABCDEFGHabcdefgh01234567-_")
        if text[place] != letter:
            changed = text[:place] + letter + text[place + 1 :]
            assert GRUUS.read(parse_uri(changed)) is None, changed
    for user in ("a", "A" * 40, "A" * 2000, "b%C3%A4", "-_-_"):
        assert GRUUS.read(parse_uri(f"sip:{user}@example.com;gr")) is None
    for other in ("sip:alice@example.com", "sip:example.com;gr", "tel:+331;gr=x"):
        assert GRUUS.read(parse_uri(other)) is None


def test_an_aor_of_any_length_and_an_address_as_domain() -> None:
    for aor in ("sip:x@[2001:db8::1]", f"sip:{'y' * 200}@example.com", "sip:z%20z@192.0.2.1"):
        text = GRUUS.temporary(replace(BOUND, aor=aor))
        gruu = GRUUS.read(parse_uri(text))
        assert gruu is not None
        assert gruu.aor == aor


# in the answer to a REGISTER ----------------------------------------------------------------------


def answered(*contacts: str, supported: str = "gruu", registrar: Registrar) -> list[str]:
    """The Contacts of the 200."""
    update = registrar.register(
        *contacts, headers=[f"Supported: {supported}"] if supported else [], gruus=GRUUS
    )
    assert update.status == 200
    return contacts_of(update)


@pytest.mark.rfc("5627", "5.2")
def test_a_phone_that_takes_gruus_gets_both() -> None:
    registrar = Registrar()
    answered("<sip:old@h>", supported="", registrar=registrar)
    plain, ours = answered(f'<sip:a@h>;+sip.instance="{INSTANCE}"', registrar=registrar)
    assert "gruu" not in plain  # it has no instance
    assert f';pub-gruu="sip:alice@example.com;gr={INSTANCE.strip("<>")}"' in ours
    temporary = ours.partition(';temp-gruu="')[2].rstrip('"')
    gruu = GRUUS.read(parse_uri(temporary))
    assert gruu is not None
    assert gruu.names(registrar.bindings[1])
    assert temporary in answered(registrar=registrar)[1]  # a fetch shows the latest


@pytest.mark.rfc("5627", "5.2")
def test_others_get_none() -> None:
    registrar = Registrar()
    contact = f'<sip:a@h>;+sip.instance="{INSTANCE}"'
    (value,) = answered(contact, supported="path", registrar=registrar)
    assert "gruu" not in value
    (value,) = answered(contact, supported="", registrar=registrar)
    assert "gruu" not in value


@pytest.mark.rfc("5627", "5.2")
def test_all_flows_of_a_phone_have_its_latest_gruu() -> None:
    registrar = Registrar()
    for number in (1, 2):
        update = registrar.register(
            f'<sip:a@h{number}>;reg-id={number};+sip.instance="{INSTANCE}"',
            headers=["Supported: gruu, outbound, path"],
            flow=f"tcp/{number}",
            gruus=GRUUS,
            now=NOW + number,
        )
    first, second = contacts_of(update)
    assert first.partition(";pub-gruu")[2] == second.partition(";pub-gruu")[2]
    assert GRUUS.temporary(registrar.bindings[1]) in second


@pytest.mark.rfc("5627", "5.1")
def test_a_gruu_that_a_phone_suggests_is_ignored() -> None:
    wanted = registration(
        f'<sip:a@h>;pub-gruu="sip:x@y;gr=1";Temp-Gruu="sip:z@y;gr";+sip.instance="{INSTANCE}";x=1'
    )
    assert wanted.contacts[0].parameters == ";x=1"
