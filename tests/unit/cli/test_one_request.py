"""One request: when it is sent again, what answers it, when it is given up."""

from __future__ import annotations

import pytest

from offhook.cli.link import NoAnswerError
from offhook.cli.one_request import OneRequest
from offhook.message import Message, make_request, parse
from tests.unit.cli.fake_link import FakeLink, flow_over


def response(status: int, method: str = "OPTIONS", branch: str = "{branch}") -> str:
    return (
        f"SIP/2.0 {status} X\nVia: SIP/2.0/UDP 192.0.2.1:5555;branch={branch}\n"
        f"From: <sip:a@b>;tag=1\nTo: <sip:c@d>;tag=2\nCall-ID: x\nCSeq: {{cseq}} {method}\n"
        "Content-Length: 0\n\n"
    )


def stranger(method: str) -> str:
    return (
        f"{method} sip:me@192.0.2.1 SIP/2.0\nVia: SIP/2.0/UDP 192.0.2.9;branch=z9hG4bKs\n"
        f"From: <sip:s@t>;tag=5\nTo: <sip:me@t>\nCall-ID: y\nCSeq: 1 {method}\n"
        "Max-Forwards: 70\nContent-Length: 0\n\n"
    )


def request() -> Message:
    return make_request(
        "OPTIONS",
        "sip:192.0.2.9",
        via=["SIP/2.0/UDP 192.0.2.1:5555;branch=z9hG4bKmine;rport"],
        from_="<sip:a@b>;tag=1",
        to="<sip:c@d>",
        call_id="x",
        cseq=7,
    )


def one(link: FakeLink, patience: float = 32.0) -> OneRequest:
    return OneRequest(link, link.flow, request(), timeout=patience)


async def test_the_answer_and_its_round_trip() -> None:
    link = FakeLink([(0.2, response(200), "")])
    answer = await one(link).run()
    assert (answer.response.status, answer.retransmissions) == (200, 0)
    assert answer.seconds == pytest.approx(0.2)
    assert link.sent == [(100.0, request().to_bytes())]


@pytest.mark.rfc("3261", "17.1.2.2")
async def test_over_udp_it_is_sent_again_by_timer_e() -> None:
    link = FakeLink()
    with pytest.raises(NoAnswerError, match=r"no answer within 32 s, sent 11 time\(s\)"):
        await one(link).run()
    times = [at - 100.0 for at, _ in link.sent]
    assert times == [0, 0.5, 1.5, 3.5, 7.5, 11.5, 15.5, 19.5, 23.5, 27.5, 31.5]
    assert len({data for _, data in link.sent}) == 1


@pytest.mark.rfc("3261", "17.1.2.2")
async def test_after_a_provisional_response_timer_e_is_t2() -> None:
    link = FakeLink([(0.1, response(100), "")], flow=flow_over())
    with pytest.raises(NoAnswerError):
        await one(link, 10.0).run()
    assert [at - 100.0 for at, _ in link.sent] == [0, 0.5, 4.5, 8.5]


async def test_over_a_stream_it_is_sent_once() -> None:
    link = FakeLink(flow=flow_over("TCP"))
    with pytest.raises(NoAnswerError, match="sent 1 time"):
        await one(link, 5.0).run()
    assert link.clock == 105.0


async def test_the_watcher_sees_every_response() -> None:
    link = FakeLink([(0.1, response(100), ""), (0.2, response(404), "")])
    seen: list[int] = []
    answer = await one(link).run(lambda message: seen.append(message.status))
    assert (seen, answer.response.status) == ([100, 404], 404)


@pytest.mark.rfc("3261", "17.1.3")
async def test_other_messages_do_not_answer_it() -> None:
    link = FakeLink(
        [
            (0.1, response(200, branch="z9hG4bKother"), ""),
            (0.1, response(200, method="INVITE"), ""),
            (0.1, "nonsense", ""),
            (0.1, "SIP/2.0 200 OK\n\n", ""),
            (0.2, response(486), ""),
        ]
    )
    assert (await one(link).run()).response.status == 486


async def test_a_lost_way_ends_it() -> None:
    link = FakeLink([(0.1, "", "connection lost: reset")])
    with pytest.raises(NoAnswerError, match="connection lost: reset"):
        await one(link).run()


@pytest.mark.parametrize(
    ("method", "status"),
    [("OPTIONS", 200), ("NOTIFY", 200), ("INVITE", 486), ("BYE", 481), ("MESSAGE", 501)],
)
async def test_strangers_are_answered(method: str, status: int) -> None:
    link = FakeLink([(0.1, stranger(method), ""), (0.2, response(200), "")])
    assert (await one(link).run()).response.status == 200
    reply = parse(link.sent[1][1])
    assert reply.status == status
    assert reply.core().cseq_method == method
    assert reply.core().to_tag


async def test_an_ack_is_never_answered() -> None:
    link = FakeLink([(0.1, stranger("ACK"), ""), (0.2, response(200), "")])
    await one(link).run()
    assert len(link.sent) == 1
