"""Digest challenges and credentials: reading, writing, computing."""

from time import process_time

import pytest

from offhook.auth.algorithms import ALGORITHMS
from offhook.auth.digest import (
    Challenge,
    Credentials,
    parse_challenge,
    parse_credentials,
    response,
    verify,
)
from offhook.errors import ChallengeError

RFC_2617 = (
    'Digest username="Mufasa", realm="testrealm@host.com", '
    'nonce="dcd98b7102dd2f0e8b11d0f600bfb0c093", uri="/dir/index.html", qop=auth, nc=00000001, '
    'cnonce="0a4f113b", response="6629fae49393a05397450978507c4ef1", '
    'opaque="5ccc069c403ebaf9f0171e9517f40e41"'
)
RFC_7616 = (
    'Digest username="Mufasa", realm="http-auth@example.org", uri="/dir/index.html", '
    'algorithm=SHA-256, nonce="7ypf/xlj9XXwfDPEoM4URrv/xwf94BcCAzFZH4GiTo0v", nc=00000001, '
    'cnonce="f2/wE4q74E6zIJEtWaHKaf5wv/H5QzzpXusqGemxURZJ", qop=auth, '
    'response="753927fa0e85d155564e2e272a28d1802ca10daf4496794697cf8db5856cb6c1", '
    'opaque="FQhe/qaU925kfnzjCev0ciny7QMkPqMAFRtzCUYo5tdS"'
)
INCOMPLETE = 'Digest username="a", realm="r", nonce="n", uri="sip:x"'


def read(value: str) -> Credentials:
    credentials = parse_credentials(value)
    assert credentials is not None
    return credentials


def test_the_example_of_rfc_2617_verifies() -> None:
    credentials = read(RFC_2617)
    ha1 = ALGORITHMS["MD5"].ha1("Mufasa", "testrealm@host.com", "Circle Of Life")
    assert verify(credentials, ha1=ha1, method="GET")
    assert not verify(credentials, ha1=ha1, method="POST")


@pytest.mark.rfc("7616", "3.4.1")
def test_the_sha_256_example_of_rfc_7616_verifies() -> None:
    credentials = read(RFC_7616)
    ha1 = ALGORITHMS["SHA-256"].ha1("Mufasa", "http-auth@example.org", "Circle of Life")
    assert verify(credentials, ha1=ha1, method="GET")
    assert not verify(credentials, ha1=ha1[::-1], method="GET")


@pytest.mark.rfc("3261", "22.4")
def test_the_form_without_qop_verifies() -> None:
    ha1 = ALGORITHMS["MD5"].ha1("bob", "biloxi.com", "zanzibar")
    credentials = Credentials("bob", "biloxi.com", "abc", "sip:bob@biloxi.com", "")
    answer = response(credentials, ha1=ha1, method="INVITE")
    ha2 = ALGORITHMS["MD5"].digest(b"INVITE:sip:bob@biloxi.com")
    assert answer == ALGORITHMS["MD5"].digest(f"{ha1}:abc:{ha2}".encode())
    credentials.response = answer.upper()  # hexadecimal digits of either case are the same value
    assert verify(credentials, ha1=ha1, method="INVITE")


@pytest.mark.rfc("3261", "22.4")
def test_auth_int_covers_the_body_and_an_empty_one_is_hashed_as_nothing() -> None:
    ha1 = "0" * 32
    base = Credentials("b", "r", "n", "sip:r", "", "MD5", "auth-int", 1, "c")
    base.response = response(base, ha1=ha1, method="INVITE", body=b"v=0\r\n") or ""
    assert verify(base, ha1=ha1, method="INVITE", body=b"v=0\r\n")
    assert not verify(base, ha1=ha1, method="INVITE", body=b"")
    empty = response(base, ha1=ha1, method="INVITE")
    digest = ALGORITHMS["MD5"].digest
    ha2 = digest(b"INVITE:sip:r:d41d8cd98f00b204e9800998ecf8427e")
    assert empty == digest(f"{ha1}:n:00000001:c:auth-int:{ha2}".encode())


@pytest.mark.parametrize(("algorithm", "qop"), [("MD5-sess", "auth"), ("X", ""), ("MD5", "token")])
def test_what_is_not_served_never_verifies(algorithm: str, qop: str) -> None:
    credentials = Credentials("a", "r", "n", "sip:r", "0" * 32, algorithm, qop, 1, "c")
    assert response(credentials, ha1="0" * 32, method="INVITE") is None
    assert not verify(credentials, ha1="0" * 32, method="INVITE")


def test_commas_escapes_and_unknown_parameters_are_read() -> None:
    credentials = read(
        'digest  username="a, \\"b\\" \\\\c" ,realm = "x, y=z",nonce="n" , uri="sip:r;a=b,c",'
        "response=\"00\",, userhash=false, username*=UTF-8''a, extension"
        '="1,2",ALGORITHM=md5'
    )
    assert credentials.username == 'a, "b" \\c'
    assert credentials.realm == "x, y=z"
    assert credentials.uri == "sip:r;a=b,c"
    assert credentials.algorithm == "md5"
    assert credentials.opaque is None


def test_credentials_written_read_back_the_same() -> None:
    credentials = Credentials(
        'a"b', "r\\s", "n", "sip:r", "ab", "SHA-256", "auth", 10, "c", "o,paque"
    )
    assert "nc=0000000a" in str(credentials)
    assert "qop=auth," in str(credentials)  # RFC 7616 3.4: without quotes in credentials
    assert 'uri="sip:r"' in str(credentials)
    assert read(str(credentials)) == credentials


def test_a_challenge_written_reads_back_the_same() -> None:
    made = Challenge('r "x"', "n", "SHA-256", ("auth", "auth-int"), True, "")
    assert parse_challenge(str(made)) == made
    assert str(Challenge("r", "n", "MD5", ("auth",))) == (
        'Digest realm="r", nonce="n", algorithm=MD5, qop="auth"'
    )


def test_a_challenge_of_a_foreign_server_is_read() -> None:
    challenge = parse_challenge(
        'Digest realm="atlanta.com",domain="sip:boxesbybob.com", qop="auth, AUTH-INT", '
        'nonce="f84f1cec41e6cbe5aea9c8e88d359", opaque="", stale=FALSE, algorithm=MD5'
    )
    assert challenge is not None
    assert challenge.qop == ("auth", "auth-int")
    assert challenge.stale is False
    assert challenge.opaque == ""
    assert challenge.parameters == {"domain": "sip:boxesbybob.com"}


@pytest.mark.rfc("3261", "22.4")
@pytest.mark.parametrize(
    "value", ["Basic YWxpY2U6c2VjcmV0", "NoOneKnowsThis a=b", "", "Digestx a=b"]
)
def test_other_schemes_are_nobodys_digest(value: str) -> None:
    assert parse_credentials(value) is None
    assert parse_challenge(value) is None


@pytest.mark.rfc("8760", "2.7")
def test_empty_credentials_before_a_first_challenge_are_none() -> None:
    value = 'Digest username="a", realm="r", nonce="", uri="sip:r", response=""'
    assert parse_credentials(value) is None


@pytest.mark.parametrize(
    "value",
    [
        INCOMPLETE,
        f'{INCOMPLETE}, response="00", qop=auth, nc=1, nc=2, cnonce="c"',
        f'{INCOMPLETE}, response="00", qop=auth, nc=1',
        f'{INCOMPLETE}, response="00", qop=auth, cnonce="c"',
        f'{INCOMPLETE}, response="00", qop=auth, cnonce="c", nc=00000000',
        f'{INCOMPLETE}, response="00", qop=auth, cnonce="c", nc=1_0',
        f'{INCOMPLETE}, response="00", qop=auth, cnonce="c", nc=123456789',
        f'{INCOMPLETE}, response="00", qop=auth, cnonce="c", nc=-1',
        f'{INCOMPLETE}, response="00", opaque="unclosed',
        f'{INCOMPLETE}, response="00" realm2="missing comma"',
        f'{INCOMPLETE}, response="00", loose',
        f'{INCOMPLETE}, response="00", ' + ", ".join(f"x{i}=1" for i in range(40)),
        "Digest " + "a" * 5000,
        'Digest nonce="n", response="00", uri="sip:x", realm="r"',
    ],
)
def test_malformed_credentials_are_a_400(value: str) -> None:
    with pytest.raises(ChallengeError) as caught:
        parse_credentials(value)
    assert caught.value.status == 400


@pytest.mark.parametrize(
    "part", ["a", "a=", 'a="', 'a="\\', " ", ",", "\t,", "a =", '"', "=", "a=1 ", "a=1,b"]
)
def test_no_text_takes_long(part: str) -> None:
    value = f"Digest {part * 4000}"[:4096]
    started = process_time()
    with pytest.raises(ChallengeError):
        parse_challenge(value)
    assert process_time() - started < 0.05


@pytest.mark.parametrize(
    "value", ['Digest nonce="n"', 'Digest realm="r"', 'Digest realm="r", nonce=""']
)
def test_a_challenge_without_realm_or_nonce_is_malformed(value: str) -> None:
    with pytest.raises(ChallengeError):
        parse_challenge(value)


def test_bytes_that_are_no_utf_8_cost_no_exception() -> None:
    credentials = read(
        'Digest username="\udcff", realm="r", nonce="\udc80", uri="sip:\udcfe", response="\udcff"'
    )
    assert not verify(credentials, ha1="0" * 32, method="INVITE")
