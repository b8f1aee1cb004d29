"""The lazy message: reading, editing, stamping, and the three ways of writing."""

from __future__ import annotations

import pytest

from offhook.errors import MessageError, UsageError
from offhook.message import Message, parse
from offhook.message.headers import CONTACT, EXPIRES, SUPPORTED, VIA
from tests.unit.message.builders import request, response

VIA_OF_OURS = "SIP/2.0/UDP 198.51.100.7:5060;branch=z9hG4bKours"


def test_get_takes_the_first_line_and_get_all_every_line() -> None:
    message = parse(request(("Route", "<sip:a;lr>, <sip:b;lr>"), ("Route", " <sip:c;lr> ")))
    assert message.get("route") == "<sip:a;lr>, <sip:b;lr>"
    assert message.get_all("route") == ["<sip:a;lr>, <sip:b;lr>", "<sip:c;lr>"]
    assert message.get_all("contact") == ["<sip:alice@192.0.2.1:5062>"]
    assert message.get("path") is None
    assert message.get_all("path") == []


def test_typed_values_are_read_once_until_an_edit() -> None:
    message = parse(request(("Supported", "timer"), ("k", "path, gruu")))
    first = message.typed(SUPPORTED)
    assert first == ["timer", "path", "gruu"]
    assert message.typed(SUPPORTED) is first
    message.set("k", "100rel")
    assert message.typed(SUPPORTED) == ["100rel"]


def test_a_malformed_header_names_itself() -> None:
    with pytest.raises(MessageError, match="400 Bad Contact") as caught:
        parse(request(Contact="<sip:a@b:70000>")).typed(CONTACT)
    assert caught.value.reason == "Bad Contact: port is too large"
    with pytest.raises(MessageError, match="400 Bad Expires"):
        parse(request(("Expires", "soon"))).typed(EXPIRES)


def test_set_keeps_the_place() -> None:
    message = parse(request(("Route", "<sip:a>"), ("Route", "<sip:b>"), ("Subject", "x")))
    message.set("route", "<sip:c>")
    assert message.names()[-3:] == ["route", "subject", "content-length"]
    assert message.get_all("route") == ["<sip:c>"]
    message.set("X-New", "1")
    assert message.to_bytes().endswith(b"Content-Length: 0\r\nX-New: 1\r\n\r\n")


def test_add_and_insert_and_remove() -> None:
    message = parse(request(("Route", "<sip:b>")))
    message.add("Route", "<sip:c>")
    message.insert("Route", "<sip:a>")
    assert message.get_all("route") == ["<sip:a>", "<sip:b>", "<sip:c>"]
    message.insert("Path", "<sip:p>")
    assert message.names()[0] == "path"
    message.remove("ROUTE")
    message.remove("Route")
    assert message.get("route") is None
    assert b"Route" not in message.to_bytes()


def test_an_edit_forgets_the_core_values() -> None:
    message = parse(request())
    assert message.core().call_id == "c1@192.0.2.1"
    message.set("i", "other")
    assert message.core().call_id == "other"


@pytest.mark.parametrize("value", ["a\r\nRoute: <sip:evil>", "a\nb", "a\rb", "a\0b"])
def test_values_that_break_the_head_are_refused(value: str) -> None:
    message = parse(request())
    for edit in (message.set, message.add, message.insert, message.append):
        with pytest.raises(UsageError):
            edit("Subject", value)
    with pytest.raises(UsageError):
        message.reply(200, "OK", headers=[("Subject", value.replace("\0", "\n"))])
    with pytest.raises(UsageError):
        message.set("Sub ject", "x")


def test_a_copy_is_apart() -> None:
    message = parse(request())
    copy = message.copy()
    copy.set("Subject", "x")
    copy.uri = "sip:other@example.com"
    copy.stamp("192.0.2.9", 0)
    assert message.to_bytes() == request()
    assert copy.to_bytes().startswith(b"INVITE sip:other@example.com SIP/2.0\r\n")


@pytest.mark.rfc("3261", "20.14")
def test_a_new_body_brings_its_length() -> None:
    message = parse(request(body=b"old"))
    message.body = b"longer"
    assert message.to_bytes() == request(body=b"longer")
    assert b"Content-Length: 6\r\n" in message.forward("sip:x@y", VIA_OF_OURS, 1)


def test_a_message_without_length_gets_one_only_with_a_new_body_or_on_its_way() -> None:
    data = request().replace(b"Content-Length: 0\r\n", b"")
    message = parse(data)
    assert message.to_bytes() == data
    assert message.forward("sip:x@y", VIA_OF_OURS, 1).endswith(b"Content-Length: 0\r\n\r\n")


@pytest.mark.rfc("3581", "4")
@pytest.mark.rfc("3261", "18.2.1")
@pytest.mark.parametrize(
    ("via", "received", "rport", "stamped"),
    [
        ("a;branch=z1;rport", "192.0.2.9", 4000, "a;branch=z1;rport=4000;received=192.0.2.9"),
        ("a;rport;branch=z1", "", 4000, "a;rport=4000;branch=z1"),
        ("a;branch=z1", "2001:db8::1", 4000, "a;branch=z1;received=2001:db8::1"),
        (
            "a;branch=z1, SIP/2.0/UDP b",
            "192.0.2.9",
            0,
            "a;branch=z1;received=192.0.2.9, SIP/2.0/UDP b",
        ),
        ("a;Received=1.2.3.4;branch=z1", "", 0, "a;branch=z1"),
        ("a;;", "192.0.2.9", 4000, "a;;"),
    ],
)
def test_stamp(via: str, received: str, rport: int, stamped: str) -> None:
    via, stamped = f"SIP/2.0/UDP {via}", f"SIP/2.0/UDP {stamped}"
    message = parse(request(Via=via))
    message.typed(VIA) if ";;" not in via else None
    message.stamp(received, rport)
    assert message.get("via") == stamped
    assert f"\r\nVia: {stamped}\r\n".encode() in message.reply(400, "Bad Request")
    assert f"\r\nVia: {stamped}\r\n".encode() in message.to_bytes()


def test_stamp_without_a_via_does_nothing() -> None:
    message = parse(request(Via=None))
    message.stamp("192.0.2.9", 5060)
    assert message.to_bytes() == request(Via=None)


@pytest.mark.rfc("3261", "8.2.6.2")
def test_reply_copies_what_it_must() -> None:
    message = parse(
        request(("Via", "SIP/2.0/TCP b"), ("Record-Route", "<sip:p;lr>"), ("Timestamp", "5"))
    )
    assert message.reply(180, "Ringing", to_tag="t1", headers=[("Contact", "<sip:b>")]) == (
        b"SIP/2.0 180 Ringing\r\n"
        b"Via: SIP/2.0/UDP 192.0.2.1:5062;branch=z9hG4bK-7;rport\r\nVia: SIP/2.0/TCP b\r\n"
        b'Record-Route: <sip:p;lr>\r\nFrom: "Alice" <sip:alice@example.com>;tag=a1\r\n'
        b"To: <sip:bob@example.com>;tag=t1\r\nCall-ID: c1@192.0.2.1\r\nCSeq: 7 INVITE\r\n"
        b"Contact: <sip:b>\r\n"
        b"Content-Length: 0\r\n\r\n"
    )


@pytest.mark.rfc("3261", "8.2.6.1")
def test_a_100_carries_the_timestamp_and_no_record_route() -> None:
    reply = parse(request(("Record-Route", "<sip:p;lr>"), ("Timestamp", "5"))).reply(100, "Trying")
    assert b"Timestamp: 5\r\n" in reply
    assert b"Record-Route" not in reply


@pytest.mark.rfc("3261", "8.2.6.2")
@pytest.mark.parametrize("read", [True, False])
def test_a_to_tag_is_never_added_twice(read: bool) -> None:
    message = parse(request(To="<sip:bob@example.com> ; TAG = b1"))
    if read:
        message.core()
    assert b"To: <sip:bob@example.com> ; TAG = b1\r\n" in message.reply(200, "OK", to_tag="t1")


def test_reply_with_a_body() -> None:
    reply = parse(request()).reply(200, "OK", headers=[("Content-Type", "text/plain")], body=b"hi")
    assert reply.endswith(b"Content-Type: text/plain\r\nContent-Length: 2\r\n\r\nhi")


@pytest.mark.rfc("4475", "3.3.1")
def test_reply_to_a_message_without_core_headers() -> None:
    reply = parse(request(From=None, To=None, Call_ID=None)).reply(400, "Bad Request", to_tag="t")
    assert reply.startswith(b"SIP/2.0 400 Bad Request\r\nVia: ")
    assert b"CSeq: 7 INVITE\r\n" in reply


@pytest.mark.rfc("3261", "16.6")
def test_forward() -> None:
    data = request(
        ("X-Odd", "  kept ;  as it is"), ("Record-Route", "<sip:q;lr>"), body=b"\x00\xff"
    )
    out = parse(data).forward(
        "sip:bob@192.0.2.2", VIA_OF_OURS, 69, record_routes=["<sip:r1;lr>", "<sip:r2;lr>"]
    )
    assert out == data.replace(
        b"INVITE sip:bob@example.com SIP/2.0\r\n",
        b"INVITE sip:bob@192.0.2.2 SIP/2.0\r\nVia: " + VIA_OF_OURS.encode() + b"\r\n"
        b"Record-Route: <sip:r1;lr>\r\nRecord-Route: <sip:r2;lr>\r\n",
    ).replace(b"Max-Forwards: 70", b"Max-Forwards: 69")
    assert parse(out).get_all("record-route") == ["<sip:r1;lr>", "<sip:r2;lr>", "<sip:q;lr>"]


def test_forward_adds_max_forwards() -> None:
    out = parse(request(Max_Forwards=None)).forward("sip:b@c", VIA_OF_OURS, 70)
    assert parse(out).core().max_forwards == 70


@pytest.mark.rfc("3261", "16.4")
@pytest.mark.parametrize(
    ("count", "left"),
    [
        (0, ["<sip:a;lr>,<sip:b,c;lr>", "<sip:d;lr>"]),
        (1, ["<sip:b,c;lr>", "<sip:d;lr>"]),
        (2, ["<sip:d;lr>"]),
        (3, []),
        (9, []),
    ],
)
def test_forward_drops_route_values(count: int, left: list[str]) -> None:
    message = parse(
        request(("Route", "<sip:a;lr>,<sip:b,c;lr>"), ("Subject", "x"), ("Route", "<sip:d;lr>"))
    )
    out = parse(message.forward("sip:b@c", VIA_OF_OURS, 1, drop_routes=count))
    assert out.get_all("route") == left
    assert out.get("subject") == "x"


@pytest.mark.parametrize("uri", ["sip:a\r\nX: y", "sip:a b", "sip:a\n"])
def test_forward_refuses_a_uri_that_breaks_the_request_line(uri: str) -> None:
    with pytest.raises(UsageError):
        parse(request()).forward(uri, VIA_OF_OURS, 1)


@pytest.mark.rfc("3261", "16.7")
def test_pop_via_takes_one_line_or_one_value() -> None:
    second = "SIP/2.0/UDP b;branch=z9hG4bK2"
    lines = response(("X", " y"), Via=VIA_OF_OURS).replace(b"X: ", f"Via: {second}\r\nX: ".encode())
    assert parse(lines).pop_via() == lines.replace(f"Via: {VIA_OF_OURS}\r\n".encode(), b"")
    joined = response(Via=f"{VIA_OF_OURS} , {second}")
    assert parse(joined).pop_via() == response(Via=second)


def test_pop_via_of_a_malformed_list_raises_a_message_error() -> None:
    with pytest.raises(MessageError):
        parse(response(Via=f'{VIA_OF_OURS}, "')).pop_via()


def test_pop_via_without_a_via() -> None:
    assert parse(response(Via=None)).pop_via() == response(Via=None)


def test_a_message_made_by_hand() -> None:
    message = Message()
    message.is_request = False
    message.status, message.reason = 200, "OK"
    message.append("via", "SIP/2.0/UDP a")
    message.append("Via", "SIP/2.0/UDP b")
    message.body = b"x"
    assert message.to_bytes() == (
        b"SIP/2.0 200 OK\r\nVia: SIP/2.0/UDP a\r\nVia: SIP/2.0/UDP b\r\nContent-Length: 1\r\n\r\nx"
    )
    assert message.get_all("via") == ["SIP/2.0/UDP a", "SIP/2.0/UDP b"]
