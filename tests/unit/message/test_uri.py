"""URIs: reading, comparison, canonical keys, making and replacing."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from offhook.errors import UriError
from offhook.message import Parameters, Uri, limits, parse_uri

GOOD = [
    "sip:alice@atlanta.com",
    "sip:alice:secret@atlanta.com;transport=tcp",
    "sips:alice@atlanta.com?subject=project%20x&priority=urgent",
    "sip:+1-212-555-1212:1234@gateway.com;user=phone",
    "sip:[2001:db8::1]:5060;lr",
    "sip:user;par=u%40example.net@example.com",
    "sip:sips%3Auser%40example.com@example.net",
    "sip:%00@host5.example.com",
    "sip:cal%6Cer@host5.example.net;%6C%72;n%61me=v%61lue%25%34%31",
    "tel:+1-201-555-0123;ext=12",
    "tel:863-1234;phone-context=+1-914-555",
    "urn:service:sos",
    "soap.beep://192.0.2.103:3002",
]


@pytest.mark.rfc("3261", "19.1.1")
def test_parts() -> None:
    uri = parse_uri(
        "sips:alice;x:se%20c@Atlanta.COM:5071;transport=TCP;lr;method=INVITE?Subject=a%20b&x="
    )
    assert (uri.scheme, uri.user, uri.password) == ("sips", "alice;x", "se%20c")
    assert (uri.host, uri.port) == ("atlanta.com", 5071)
    assert (uri.transport, uri.lr, uri.is_secure, uri.is_sip) == ("tcp", True, True, True)
    assert uri.parameters["method"] == "INVITE"
    assert uri.headers == (("Subject", "a%20b"), ("x", ""))
    assert uri.userinfo == "alice;x:se%20c"


@pytest.mark.parametrize("text", GOOD)
def test_text_is_kept(text: str) -> None:
    assert str(parse_uri(text)) == text
    assert parse_uri(text).equals(parse_uri(text))


def test_scheme_and_host_have_no_case() -> None:
    uri = parse_uri("SIP:Bob@BILOXI.com")
    assert (uri.scheme, uri.user, uri.host) == ("sip", "Bob", "biloxi.com")


def test_foreign_schemes_are_opaque() -> None:
    uri = parse_uri("NobodyKnows:total<ly".replace("<", "-"))
    assert (uri.scheme, uri.user, uri.host, uri.is_sip) == ("nobodyknows", "", "", False)
    assert uri.aor() == str(uri)
    assert not uri.equals(parse_uri("urn:x"))


@pytest.mark.parametrize(
    "text",
    [
        "",
        "alice",
        "sip:",
        ":alice@b",
        "sip:@b",
        "sip::x@b",
        "sip:a@b@c",
        "sip:a@",
        "sip:a@b:0",
        "sip:a@b:65536",
        "sip:a@b:",
        "sip:2001:db8::10",
        "sip:a@b;",
        "sip:a@b;;lr",
        "sip:a@b;=x",
        "sip:a@b;x=",
        "sip:a@b;lr;LR",
        "sip:a@b;x,y",
        "sip:a@b?",
        "sip:a@b?x",
        "sip:a@b?=x",
        "sip:a b@c",
        "sip:a@b c",
        "sip:a@b\r\nX",
        "sip:a\0@b",
        "<sip:a@b>",
        "sip:a@b>",
        'sip:"a"@b',
        "sip:a%4@b",
        "sip:a%@b",
        "sip:a@256.0.0.1",
        "tel:",
        "tel:+",
        "tel:-()",
        "tel:12 34",
        "tel:call-me",
        "tel:+12a",
        "sip:a@b" + ";x" * 5000,
        "s\u0131p:a@b",
        "\u017fip:a@b",
        "sip:a@b?" + "&".join(["x=y"] * 100),
    ],
)
def test_malformed(text: str) -> None:
    with pytest.raises(UriError) as caught:
        parse_uri(text)
    assert caught.value.status == 400


def test_limits() -> None:
    with pytest.raises(UriError):
        parse_uri("sip:" + "a" * limits.URI)
    with pytest.raises(UriError):
        parse_uri("sip:a@b" + "".join([f";p{place}" for place in range(limits.PARAMETERS + 1)]))


@pytest.mark.rfc("3261", "19.1.4")
@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("sip:%61lice@atlanta.com;transport=TCP", "sip:alice@AtlanTa.CoM;Transport=tcp"),
        ("sip:carol@chicago.com", "sip:carol@chicago.com;newparam=5"),
        ("sip:carol@chicago.com;security=on", "sip:carol@chicago.com;newparam=5"),
        (
            "sip:biloxi.com;transport=tcp;method=REGISTER?to=sip:bob%40biloxi.com",
            "sip:biloxi.com;method=REGISTER;transport=tcp?To=sip:bob%40biloxi.com",
        ),
        (
            "sip:alice@atlanta.com?subject=project%20x&priority=urgent",
            "sip:alice@atlanta.com?priority=urgent&subject=project%20x",
        ),
        ("sip:a@[2001:db8:0::1]", "sip:a@[2001:DB8::1]"),
        ("sip:a@b;lr", "sip:a@b"),
        ("tel:+1-201-555-0123;ext=1-2", "tel:+12015550123;EXT=12"),
        ("tel:7042;phone-context=Example.com", "tel:7042;phone-context=example.com"),
    ],
)
def test_equal(one: str, other: str) -> None:
    assert parse_uri(one).equals(parse_uri(other))
    assert parse_uri(other).equals(parse_uri(one))


@pytest.mark.rfc("3261", "19.1.4")
@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("SIP:ALICE@AtLanTa.CoM;Transport=udp", "sip:alice@AtLanTa.CoM;Transport=UDP"),
        ("sip:bob@biloxi.com", "sip:bob@biloxi.com:5060"),
        ("sip:bob@biloxi.com", "sip:bob@biloxi.com;transport=udp"),
        ("sip:bob@biloxi.com", "sip:bob@biloxi.com:6000;transport=tcp"),
        ("sip:carol@chicago.com", "sip:carol@chicago.com?Subject=next%20meeting"),
        ("sip:bob@phone21.boxesbybob.com", "sip:bob@192.0.2.4"),
        ("sip:bob@biloxi.com", "sips:bob@biloxi.com"),
        ("sip:a@b;maddr=c", "sip:a@b"),
        ("sip:a@b;user=phone", "sip:a@b"),
        ("sip:a@b;x=1", "sip:a@b;x=2"),
        ("sip:a:p@b", "sip:a@b"),
        ("sip:a%3Bb@c", "sip:a;b@c"),
        ("tel:+12015550123", "tel:12015550123"),
        ("tel:7042;phone-context=a.com", "tel:7042"),
    ],
)
def test_not_equal(one: str, other: str) -> None:
    assert not parse_uri(one).equals(parse_uri(other))
    assert not parse_uri(other).equals(parse_uri(one))


PIECES = st.tuples(
    st.sampled_from(["sip:", "sips:"]),
    st.sampled_from(["", "a@", "%61@", "A@", "a:b@", "a%3a@"]),
    st.sampled_from(["b", "B", "[::1]", "[0::1]", "b:5060"]),
    st.lists(
        st.sampled_from([";lr", ";transport=UDP", ";transport=udp", ";x=1", ";x=%31", ";maddr=c"]),
        max_size=3,
    ),
    st.sampled_from(["", "?a=1", "?A=1", "?a=1&b=2", "?b=2&a=1"]),
)


def build(pieces: tuple[str, str, str, list[str], str]) -> Uri | None:
    scheme, user, host, parameters, headers = pieces
    try:
        return parse_uri(scheme + user + host + "".join(parameters) + headers)
    except UriError:
        return None


@settings(deadline=None)
@given(PIECES, PIECES)
def test_comparison_is_symmetric(
    first: tuple[str, str, str, list[str], str], second: tuple[str, str, str, list[str], str]
) -> None:
    one, other = build(first), build(second)
    if one is None or other is None:
        return
    assert one.equals(one)
    assert one.equals(other) == other.equals(one)
    if one.equals(other):
        assert one.aor() == other.aor()


@pytest.mark.rfc("3261", "10.3")
@pytest.mark.parametrize(
    ("text", "aor"),
    [
        ("sip:Alice:pw@Example.COM:5061;transport=tcp?x=y", "sip:Alice@example.com"),
        ("sips:alice@example.com", "sip:alice@example.com"),
        ("sip:%61l%69ce@example.com.", "sip:alice@example.com"),
        ("sip:%2B33@example.com", "sip:+33@example.com"),
        ("sip:*21%23@example.com", "sip:*21#@example.com"),
        ("sip:*21#@example.com", "sip:*21#@example.com"),
        ("sip:a%40b@c", "sip:a%40b@c"),
        ("sip:%00@c", "sip:%00@c"),
        ("sip:%c3%a9@c", "sip:%C3%A9@c"),
        ("sip:é@c", "sip:%C3%A9@c"),
        ("sip:a@[2001:DB8:0::1]", "sip:a@[2001:db8::1]"),
        ("sip:example.com:5060", "sip:example.com"),
        ("tel:+1-201-555;ext=2", "tel:+1201555"),
    ],
)
def test_aor(text: str, aor: str) -> None:
    assert parse_uri(text).aor() == aor
    assert parse_uri(aor).aor() == aor


def test_user_unescaped() -> None:
    assert parse_uri("sip:a%20b%C3%A9@c").user_unescaped == "a bé"


def test_make() -> None:
    made = Uri.make("2001:db8::1", user="a b", port=5060, scheme="sips", parameters=[("lr", None)])
    assert str(made) == "sips:a%20b@[2001:db8::1]:5060;lr"
    assert str(Uri.make("example.com")) == "sip:example.com"
    with pytest.raises(UriError):
        Uri.make("example.com\r\n")
    with pytest.raises(UriError):
        Uri.make("example.com", port=70000)


def test_replace() -> None:
    uri = parse_uri("sip:a:pw@b:5060;lr;transport=tcp?x=y")
    assert str(uri.replace(host="c", port=0)) == "sip:a:pw@c;lr;transport=tcp?x=y"
    assert str(uri.replace(scheme="sips", user="x@y")) == "sips:x%40y@b:5060;lr;transport=tcp?x=y"
    assert (
        str(uri.replace(parameters=uri.parameters.without("lr")))
        == "sip:a:pw@b:5060;transport=tcp?x=y"
    )
    assert str(uri.replace(parameters=Parameters())) == "sip:a:pw@b:5060?x=y"
    assert str(parse_uri("tel:+1;ext=2").replace(user="+2")) == "tel:+2;ext=2"


@settings(deadline=None)
@given(st.text(max_size=40))
def test_noise_is_a_uri_error_or_a_uri(text: str) -> None:
    for prefix in ("", "sip:", "sip:a@", "tel:"):
        try:
            uri = parse_uri(prefix + text)
        except UriError:
            continue
        assert uri.text == prefix + text
        uri.aor()
