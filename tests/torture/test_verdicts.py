"""Each torture message gets its verdict from every role, and never costs more than itself."""

from __future__ import annotations

import pytest

from offhook.errors import FramingError, MessageError
from offhook.message import Role, StreamFramer, parse, validate
from tests.torture.messages import CASES, STRETCHED, Case, build

MARKED = [
    pytest.param(case, id=case.name, marks=pytest.mark.rfc(case.rfc, case.section))
    for case in CASES
]
VIA = "SIP/2.0/UDP 198.51.100.7;branch=z9hG4bKours"


@pytest.mark.parametrize("case", MARKED)
@pytest.mark.parametrize("role", list(Role))
def test_verdict(case: Case, role: Role) -> None:
    if not case.parsed:
        with pytest.raises(MessageError):
            parse(case.data)
        return
    fault = validate(parse(case.data), role)
    if role in case.refused_by:
        assert fault is not None
        assert fault.status in case.statuses
    else:
        assert fault is None


@pytest.mark.parametrize(
    "case", [case for case in CASES if case.parsed], ids=lambda case: case.name
)
def test_an_answer_can_be_built(case: Case) -> None:
    message = parse(case.data)
    message.stamp("192.0.2.99", 5099)
    answer = parse(message.reply(400, "Bad Request", to_tag="ours"))
    assert answer.status == 400
    assert answer.get_all("call-id") == message.get_all("call-id")[:1]
    assert len(answer.get_all("via")) == len(message.get_all("via"))


@pytest.mark.parametrize(
    "case",
    [case for case in CASES if Role.PROXY not in case.refused_by and case.parsed],
    ids=lambda case: case.name,
)
def test_a_proxy_passes_on_what_it_does_not_read(case: Case) -> None:
    message = parse(case.data)
    if not message.is_request:
        return
    sent = message.forward("sip:adam@192.0.2.5", VIA, 7)
    head = case.data[: len(case.data) - len(message.body)].split(b"\r\n\r\n")[0]
    for line in head.split(b"\r\n")[1:]:
        if not line.lower().startswith(b"max-forwards"):
            assert line + b"\r\n" in sent
    assert sent.endswith(b"\r\n\r\n" + message.body)


@pytest.mark.rfc("4475", "3.1.1.1")
def test_stretched_spelling_is_understood() -> None:
    message = parse(STRETCHED)
    core = message.core()
    assert (core.branch, core.sent_by_host, core.from_tag, core.to_tag) == (
        "old-style", "192.0.2.77", "f-17", "t1"
    )  # fmt: skip
    assert (core.cseq, core.cseq_method, core.max_forwards) == (31, "INVITE", 42)
    assert core.route == "sip:edge.example.org;lr;x=y;z"
    assert message.get("novel-header") == ";;,,\t ;= continued"
    assert message.get("subject") == ""
    assert message.body == b"v=0"
    assert message.to_bytes() == STRETCHED


@pytest.mark.rfc("4475", "3.1.1.11")
def test_a_binary_multipart_keeps_its_octets() -> None:
    body = b"--e7\r\nContent-Type: a/b\r\n\r\n" + bytes(range(256)) + b"\r\n--e7--\r\n"
    data = build(more=["Content-Type: multipart/mixed;boundary=e7"], body=body)
    assert parse(data).body == body
    assert parse(parse(data).forward("sip:x@y", VIA, 1)).body == body


@pytest.mark.rfc("4475", "3.1.2.2")
def test_a_stream_waits_for_the_length_it_was_told() -> None:
    framer = StreamFramer()
    assert framer.feed(build(length="9999", body=b"v=0")) == []
    assert framer.incomplete


@pytest.mark.parametrize(
    "data",
    [
        pytest.param(build(length="-999"), marks=pytest.mark.rfc("4475", "3.1.2.3")),
        pytest.param(build(more=["l: 1"], body=b"odd"), marks=pytest.mark.rfc("4475", "3.3.9")),
    ],
)
def test_a_stream_with_a_broken_length_ends(data: bytes) -> None:
    framer = StreamFramer()
    with pytest.raises(FramingError):
        framer.feed(data)
    assert parse(framer.head).get("call-id") == "torture-4475@gate.example.org"
