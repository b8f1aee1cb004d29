"""Parsing: start lines, header lines, folding, bodies, limits, and what can never be smuggled."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from offhook.errors import MessageError
from offhook.message import Role, limits, parse, validate
from tests.unit.message.builders import head, request, response

EVERYTHING = request(("Subject", "x"), body=b"v=0\r\n")
TOKEN = st.text(st.sampled_from("ABCdefz09-.!%*_+`'~"), min_size=1, max_size=12)
TEXT = st.text(st.characters(blacklist_characters="\r\n", blacklist_categories=["Cs"]), max_size=30)


def test_request() -> None:
    message = parse(EVERYTHING)
    assert message.is_request
    assert (message.method, message.uri, message.status) == ("INVITE", "sip:bob@example.com", 0)
    assert message.get("subject") == "x"
    assert message.body == b"v=0\r\n"


def test_response() -> None:
    message = parse(response(start="SIP/2.0 183 Session Progress"))
    assert not message.is_request
    assert (message.status, message.reason, message.method, message.uri) == (
        183,
        "Session Progress",
        "",
        "",
    )


@pytest.mark.parametrize("start", ["SIP/2.0 200 ", "SIP/2.0 200", "sip/2.0 200 "])
def test_response_without_reason(start: str) -> None:
    message = parse(response(start=start))
    assert (message.status, message.reason, message.version) == (200, "", "SIP/2.0")


@pytest.mark.rfc("3261", "7.5")
def test_line_ends_before_the_message_are_skipped() -> None:
    assert parse(b"\r\n\r\n" + EVERYTHING).to_bytes() == EVERYTHING


@pytest.mark.rfc("3261", "18.3")
def test_octets_after_content_length_are_ignored() -> None:
    message = parse(EVERYTHING + b"INVITE sip:other@example.com SIP/2.0\r\n")
    assert message.body == b"v=0\r\n"
    assert validate(message, Role.PROXY) is None


@pytest.mark.rfc("3261", "18.3")
def test_a_datagram_without_content_length_is_body_to_its_end() -> None:
    assert parse(head("MESSAGE sip:a@b SIP/2.0", [("To", "<sip:a@b>")]) + b"hello").body == b"hello"


@pytest.mark.parametrize("value", ["-1", "+5", "5 5", "\u0665", "0x5", "5,5", "1" * 5000, ""])
def test_bad_content_length(value: str) -> None:
    data = EVERYTHING.replace(b"Content-Length: 5", b"Content-Length: " + value.encode())
    fault = validate(parse(data), Role.PROXY)
    assert fault is not None
    assert fault.status == 400


def test_content_length_with_white_space_and_zeros() -> None:
    data = EVERYTHING.replace(b"Content-Length: 5", b"l :  0005  ")
    message = parse(data)
    assert message.body == b"v=0\r\n"
    assert validate(message, Role.PROXY) is None
    assert message.to_bytes() == data


@pytest.mark.rfc("3261", "7.3.3")
def test_compact_forms_and_case() -> None:
    message = parse(
        b"INVITE sip:bob@example.com SIP/2.0\r\nv: SIP/2.0/UDP a;branch=z9hG4bK1\r\n"
        b"F: <sip:a@b>;tag=1\r\nt:<sip:c@d>\r\ni:x\r\ncSEQ  : 1 INVITE\r\nK: timer\r\n"
        b"o: presence\r\nMaX-fOrWaRdS\t: 9\r\nL:0\r\n\r\n"
    )
    assert message.names() == [
        "via",
        "from",
        "to",
        "call-id",
        "cseq",
        "supported",
        "event",
        "max-forwards",
        "content-length",
    ]
    assert message.core().max_forwards == 9
    assert message.core().call_id == "x"
    assert validate(message, Role.UAS) is None


@pytest.mark.rfc("3261", "7.3.1")
def test_folded_lines() -> None:
    data = request(("Subject", "one \r\n  two\r\n\tthree"), ("Route", "\r\n <sip:p.example;lr>"))
    message = parse(data)
    assert message.get("subject") == "one two three"
    assert message.get_all("route") == ["<sip:p.example;lr>"]
    assert message.core().route == "sip:p.example;lr"
    assert message.to_bytes() == data


def test_a_folded_start_line_is_malformed() -> None:
    message = parse(EVERYTHING.replace(b"\r\nVia", b"\r\n Via", 1))
    fault = validate(message, Role.PROXY)
    assert fault is not None
    assert fault.reason == "Bad Request Line"


@pytest.mark.parametrize(
    "mark", ["\v", "\f", "\x1c", "\x1d", "\x1e", "\x85", "\u2028", "\u2029", "\0"]
)
def test_only_crlf_ends_a_line(mark: str) -> None:
    message = parse(request(("Subject", f"x{mark}Route: <sip:evil.example;lr>")))
    assert message.get("route") is None
    assert message.get("subject") == f"x{mark}Route: <sip:evil.example;lr>"


@pytest.mark.parametrize("mark", ["\n", "\r", "\n\r", "\r\r", "\n\n"])
def test_a_stray_cr_or_lf_is_malformed_and_never_written(mark: str) -> None:
    message = parse(request(("Subject", f"x{mark}Route: <sip:evil.example;lr>")))
    assert message.get("route") is None
    assert validate(message, Role.PROXY) is not None
    for written in (message.to_bytes(), message.reply(400, "Bad Request")):
        rest = written.replace(b"\r\n", b"")
        assert b"\r" not in rest
        assert b"\n" not in rest


def test_a_head_with_bare_line_feeds_is_read_and_written_with_crlf() -> None:
    message = parse(EVERYTHING.replace(b"\r\n", b"\n", EVERYTHING.count(b"\r\n") - 1))
    assert validate(message, Role.UAS) is None
    assert message.to_bytes() == EVERYTHING


def test_a_head_without_its_empty_line_is_malformed() -> None:
    message = parse(EVERYTHING[: EVERYTHING.index(b"\r\n\r\n") + 2])
    fault = validate(message, Role.PROXY)
    assert fault is not None
    assert fault.reason == "Missing Empty Line"
    assert message.reply(400, fault.reason).startswith(b"SIP/2.0 400 Missing Empty Line\r\nVia: ")


@pytest.mark.parametrize(
    "line", ["Foobar roobar", ": x", "Fo o: x", "K\u212a: x", "Via", "Content-Length\r\n : 9"]
)
def test_a_line_that_is_no_header_is_malformed(line: str) -> None:
    data = EVERYTHING.replace(b"Subject: x", line.encode())
    fault = validate(parse(data), Role.PROXY)
    assert fault is not None
    assert fault.reason == "Bad Header Line"


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"\r\n\r\n",
        b"hello",
        b"\x16\x03\x01\x02\x00\x01\x00",
        b"GET / HTTP/1.1\r\nHost: x\r\n\r\n",
        b"INVITE sip:a@b\r\nTo: x\r\n\r\n",
        b"SIP/2.0 20 OK\r\n\r\n",
        b"SIP/2.0 4294967301 big\r\n\r\n",
        b"SIP/2.0 \xd9\xa2\xd9\xa0\xd9\xa0 OK\r\n\r\n",
        b"IN\xc3\x89 sip:a@b SIP/2.0\r\n\r\n",
        b" SIP/2.0\r\n\r\n",
    ],
)
def test_what_is_no_sip_message_raises(data: bytes) -> None:
    with pytest.raises(MessageError):
        parse(data)


def test_another_version_is_kept_for_the_505() -> None:
    message = parse(request(start="OPTIONS sip:a@example.com SIP/7.0"))
    assert message.version == "SIP/7.0"


@pytest.mark.rfc("3261", "7.1")
@pytest.mark.parametrize(
    "start",
    [
        "INVITE  sip:a@example.com SIP/2.0",
        "INVITE sip:a@example.com  SIP/2.0",
        "INVITE sip:a@example.com SIP/2.0 ",
        "INVITE sip:a@example.com; lr SIP/2.0",
        "INVITE sip:a@example.com\t;lr SIP/2.0",
    ],
)
def test_white_space_in_the_request_line(start: str) -> None:
    fault = validate(parse(request(start=start)), Role.PROXY)
    assert fault is not None
    assert fault.status == 400


def test_a_head_over_the_limit_raises() -> None:
    with pytest.raises(MessageError) as caught:
        parse(request(("Subject", "x" * limits.DATAGRAM)))
    assert caught.value.status == 513


def test_too_many_header_lines_are_answered() -> None:
    message = parse(request(*[("X", "y")] * (limits.HEADER_LINES + 1)))
    fault = validate(message, Role.PROXY)
    assert fault is not None
    assert fault.reason == "Too Many Header Lines"
    assert b"Call-ID: c1@192.0.2.1" in message.reply(400, fault.reason)


@settings(deadline=None)
@given(
    st.lists(st.tuples(TOKEN, st.sampled_from([": ", ":", " : ", ":\t", ":\r\n "]), TEXT)),
    st.binary(max_size=60),
)
def test_untouched_messages_come_back_byte_for_byte(
    lines: list[tuple[str, str, str]], body: bytes
) -> None:
    others = [
        (name, colon, value)
        for name, colon, value in lines
        if name.lower() not in ("l", "content-length")
    ]
    text = "".join([f"{name}{colon}{value}\r\n" for name, colon, value in others])
    data = f"OPTIONS sip:a@b SIP/2.0\r\n{text}Content-Length: {len(body)}\r\n\r\n".encode() + body
    message = parse(data)
    assert message.to_bytes() == data
    assert message.copy().to_bytes() == data
    assert message.body == body


@given(
    st.lists(
        st.tuples(st.integers(0, len(EVERYTHING) - 1), st.binary(max_size=3), st.integers(0, 4)),
        max_size=6,
    )
)
@settings(max_examples=300, deadline=None)
def test_mutations_cost_that_message_only(cuts: list[tuple[int, bytes, int]]) -> None:
    data = EVERYTHING
    for place, octets, gone in cuts:
        data = data[:place] + octets + data[place + gone :]
    try:
        message = parse(data)
    except MessageError:
        return
    for role in Role:
        validate(message, role)
    message.to_bytes()
    message.stamp("192.0.2.9", 5060)
    message.reply(400, "Bad Request", to_tag="t")
    if " " not in message.uri:
        message.forward("sip:x@example.com", "SIP/2.0/UDP a;branch=z9hG4bKx", 69)


@pytest.mark.parametrize(
    "hostile",
    [
        "<" * 20_000,
        '"' * 20_000,
        '"' + "\\" * 20_001,
        "," * 20_000,
        ";" * 20_000,
        ";a" * 10_000,
        ";rport" * 5_000 + "!",
        "a " * 10_000 + "!<",
        "SIP/2.0/UDP a" + ";rport" * 5_000 + '"',
        " " * 20_000 + "x",
        "a" * 20_000 + "!",
        "<sip:" + "a" * 20_000 + ">",
        "<tel:" + "1" * 20_000 + "x>",
        "<sip:a@b" + ";x=y" * 5_000 + ">",
        "1" * 20_000,
        "(" * 20_000,
        "a." * 10_000,
    ],
)
@pytest.mark.timeout(10)  # a quadratic walk needs minutes, a linear one milliseconds
def test_hostile_values_cost_linear_time(hostile: str) -> None:
    for name in ("Via", "From", "CSeq", "Call_ID", "Contact", "Max_Forwards"):
        message = parse(request(("Route", hostile), changes={name: hostile}))
        for role in Role:
            validate(message, role)
        message.stamp("192.0.2.9", 5060)
        message.reply(400, "Bad Request", to_tag="t")
