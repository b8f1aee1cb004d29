"""Finding transactions by message (RFC 3261 17.1.3, 17.2.3, 9.2, 8.2.2.2)."""

from __future__ import annotations

from dataclasses import dataclass, replace

import pytest

from offhook.errors import UsageError
from offhook.message.interface import Core, HotMessage
from offhook.message.parse import parse
from offhook.transaction.client_invite import ClientInvite
from offhook.transaction.client_non_invite import ClientNonInvite
from offhook.transaction.owner import ServerTransaction
from offhook.transaction.server_invite import ServerInvite
from offhook.transaction.server_non_invite import ServerNonInvite
from offhook.transaction.table import Counts, Transactions, cancel_key, server_key
from tests.unit.transaction.wire import UDP, Wire


@dataclass(frozen=True)
class Request:
    """The parts of a request that matching reads; `message` makes a real one of it."""

    method: str = "INVITE"
    uri: str = "sip:bob@example.com"
    branch: str = ";branch=z9hG4bK776asdhds"
    sent_by: str = "pc33.example.com:5060"
    transport: str = "UDP"
    from_tag: str = "1928301774"
    to_tag: str = ""
    call_id: str = "a84b4c76e66710"
    cseq: int = 314159

    def message(self) -> HotMessage:
        to_tag = f";tag={self.to_tag}" if self.to_tag else ""
        text = (
            f"{self.method} {self.uri} SIP/2.0\r\n"
            f"Via: SIP/2.0/{self.transport} {self.sent_by}{self.branch}\r\n"
            "Max-Forwards: 70\r\n"
            f"To: Bob <sip:bob@example.com>{to_tag}\r\n"
            f"From: Alice <sip:alice@example.com>;tag={self.from_tag}\r\n"
            f"Call-ID: {self.call_id}\r\n"
            f"CSeq: {self.cseq} {self.method}\r\n"
            "Content-Length: 0\r\n\r\n"
        )
        return parse(text.encode())


def key(request: Request) -> str:
    message = request.message()
    return server_key(message.core(), message)


def response(to: str = "To: Bob <sip:bob@example.com>;tag=a6c85cf") -> bytes:
    return f"SIP/2.0 486 Busy Here\r\nVia: x\r\n{to}\r\nCSeq: 1 INVITE\r\n\r\n".encode()


def server(transactions: Transactions, wire: Wire, request: Request) -> ServerTransaction:
    make = ServerInvite if request.method == "INVITE" else ServerNonInvite
    transaction = make(key(request), UDP, wire.timers, wire, 0.0)
    transactions.add_server(transaction)
    return transaction


def acknowledged(transactions: Transactions, request: Request) -> ServerInvite | None:
    message = request.message()
    return transactions.acknowledged(message.core(), message)


def cancelled(transactions: Transactions, request: Request) -> ServerTransaction | None:
    message = request.message()
    return transactions.cancelled(message.core(), message)


INVITE = Request()
OLD = Request(branch="")  # of a client of RFC 2543


@pytest.mark.rfc("3261", "17.2.3")
def test_branch_sent_by_and_method_make_the_key() -> None:
    assert key(INVITE) == key(replace(INVITE, uri="sip:x@y", from_tag="2", call_id="3", cseq=4))
    others = [
        replace(INVITE, branch=";branch=z9hG4bK776asdhdt"),
        replace(INVITE, sent_by="pc34.example.com:5060"),
        replace(INVITE, sent_by="pc33.example.com:5061"),
        replace(INVITE, method="OPTIONS"),
        replace(INVITE, method="CANCEL"),
    ]
    assert len({key(INVITE), *map(key, others)}) == 1 + len(others)


@pytest.mark.rfc("3261", "17.2.3")
def test_an_ack_has_the_key_of_its_invite() -> None:
    assert key(replace(INVITE, method="ACK", to_tag="a6c85cf")) == key(INVITE)


@pytest.mark.rfc("3261", "17.2.3")
@pytest.mark.parametrize("branch", ["", ";branch=1", ";branch=z9hG4bK"])
@pytest.mark.parametrize("method", ["INVITE", "OPTIONS"])
def test_without_a_unique_branch_everything_counts(branch: str, method: str) -> None:
    request = Request(branch=branch, method=method)
    assert key(request) == key(replace(request))
    others = [
        replace(request, uri="sip:carol@example.com"),
        replace(request, from_tag="2"),
        replace(request, call_id="3"),
        replace(request, cseq=4),
        replace(request, sent_by="pc34.example.com"),
        replace(request, transport="TCP"),
        replace(request, branch=";branch=2"),
    ]
    assert len({key(request), *map(key, others)}) == 1 + len(others)


@pytest.mark.rfc("3261", "17.2.3")
def test_without_a_unique_branch_the_to_tag_counts_but_for_invite() -> None:
    assert key(OLD) == key(replace(OLD, to_tag="1"))
    old = replace(OLD, method="BYE", to_tag="1")
    assert key(old) != key(replace(old, to_tag="2"))


def test_an_old_client_cannot_name_the_transaction_of_a_new_one() -> None:
    crafted = replace(OLD, uri="z9hG4bK776asdhds", branch=";branch=x")
    assert key(crafted) != key(INVITE)
    assert len({each.count("\n") for each in (key(crafted), key(OLD))}) == 1


def test_the_ack_of_an_unknown_invite_finds_nothing() -> None:
    assert acknowledged(Transactions(), replace(INVITE, method="ACK")) is None


@pytest.mark.rfc("3261", "17.2.3")
def test_the_ack_of_a_new_client_is_found_by_branch_alone() -> None:
    transactions, wire = Transactions(), Wire()
    transaction = server(transactions, wire, INVITE)
    transaction.respond(486, response(), 0.0)
    assert acknowledged(transactions, replace(INVITE, method="ACK", to_tag="?")) is transaction


@pytest.mark.rfc("3261", "17.2.3")
@pytest.mark.parametrize(
    "to",
    [
        "To: Bob <sip:bob@example.com>;tag=a6c85cf",
        "t:<sip:bob@example.com;tag=x>;a=b ; TAG = a6c85cf;c",
        "TO : sip:bob@example.com;tag=a6c85cf",
        'To: "B;tag=x" <sip:bob@example.com>\r\n ;tag=a6c85cf',
    ],
)
def test_the_ack_of_an_old_client_has_the_to_tag_of_the_response(to: str) -> None:
    transactions, wire = Transactions(), Wire()
    transaction = server(transactions, wire, OLD)
    transaction.respond(486, response(to), 0.0)
    ack = replace(OLD, method="ACK", to_tag="a6c85cf")
    assert acknowledged(transactions, replace(ack, to_tag="other")) is None
    assert acknowledged(transactions, replace(ack, to_tag="")) is None
    assert acknowledged(transactions, ack) is transaction


@pytest.mark.parametrize("to", ["To: <sip:bob@example.com>", "Subject: no To at all"])
def test_a_response_without_a_tag_is_acknowledged_without_one(to: str) -> None:
    transactions, wire = Transactions(), Wire()
    transaction = server(transactions, wire, OLD)
    transaction.respond(486, response(to), 0.0)
    assert acknowledged(transactions, replace(OLD, method="ACK")) is transaction


@pytest.mark.rfc("6026", "6")
def test_the_ack_of_a_2xx_of_an_old_client_finds_the_accepted_transaction() -> None:
    transactions, wire = Transactions(), Wire()
    transaction = server(transactions, wire, OLD)
    transaction.respond(200, response(), 0.0)
    found = acknowledged(transactions, replace(OLD, method="ACK", to_tag="a6c85cf"))
    assert found is transaction
    assert found.ack(0.0) is True


@pytest.mark.rfc("3261", "9.2")
def test_a_cancel_means_the_request_with_its_branch() -> None:
    transactions, wire = Transactions(), Wire()
    cancel = replace(INVITE, method="CANCEL")
    assert cancelled(transactions, cancel) is None
    server(transactions, wire, cancel)
    assert cancelled(transactions, cancel) is None, "not itself"
    transaction = server(transactions, wire, INVITE)
    assert cancelled(transactions, cancel) is transaction
    message = cancel.message()
    assert cancel_key(message.core(), message) == transaction.key


@pytest.mark.rfc("3261", "9.2")
@pytest.mark.parametrize("branch", [";branch=z9hG4bK1", ""])
@pytest.mark.parametrize("method", ["OPTIONS", "REGISTER", "SUBSCRIBE", "MESSAGE"])
def test_a_cancel_of_another_method_is_found_too(branch: str, method: str) -> None:
    transactions, wire = Transactions(), Wire()
    transaction = server(transactions, wire, Request(method=method, branch=branch))
    assert cancelled(transactions, Request(method="CANCEL", branch=branch)) is transaction


@pytest.mark.rfc("3261", "9.2")
def test_a_cancel_of_an_old_client_is_found() -> None:
    transactions, wire = Transactions(), Wire()
    transaction = server(transactions, wire, OLD)
    assert cancelled(transactions, replace(OLD, method="CANCEL")) is transaction
    assert cancelled(transactions, replace(OLD, method="CANCEL", cseq=1)) is None


def core_of(branch: str, method: str) -> Core:
    return Core(branch, "h", 0, "UDP", False, "c", 1, method, "f", "t", 70, "")


@pytest.mark.rfc("3261", "17.1.3")
def test_a_response_is_matched_by_branch_and_cseq_method() -> None:
    transactions, wire = Transactions(), Wire()
    invite = ClientInvite("z9hG4bK1", UDP, b"INVITE sip:a", wire.timers, wire, 0.0)
    cancel = ClientNonInvite("z9hG4bK1", UDP, b"CANCEL sip:a", wire.timers, wire, 0.0)
    options = ClientNonInvite("z9hG4bK2", UDP, b"OPTIONS sip:a", wire.timers, wire, 0.0)
    for client in (invite, cancel, options):
        transactions.add_client(client)
    assert transactions.client(core_of("z9hG4bK1", "INVITE")) is invite
    assert transactions.client(core_of("z9hG4bK1", "CANCEL")) is cancel
    assert transactions.client(core_of("z9hG4bK2", "OPTIONS")) is options
    assert transactions.client(core_of("z9hG4bK1", "OPTIONS")) is None
    assert transactions.client(core_of("z9hG4bK2", "INVITE")) is None
    assert transactions.client(core_of("z9hG4bK2", "CANCEL")) is None
    assert transactions.client(core_of("z9hG4bK3", "INVITE")) is None
    assert transactions.client(core_of("", "INVITE")) is None
    assert transactions.counts() == Counts(servers=0, clients=2, cancels=1)


def test_forgetting_one_leaves_the_other_of_the_same_branch() -> None:
    transactions, wire = Transactions(), Wire()
    invite = ClientInvite("z9hG4bK1", UDP, b"INVITE sip:a", wire.timers, wire, 0.0)
    cancel = ClientNonInvite("z9hG4bK1", UDP, b"CANCEL sip:a", wire.timers, wire, 0.0)
    transactions.add_client(invite)
    transactions.add_client(cancel)
    transactions.forget(cancel)
    assert transactions.client(core_of("z9hG4bK1", "INVITE")) is invite
    transactions.forget(invite)
    transactions.forget(invite)
    assert transactions.counts() == Counts(servers=0, clients=0, cancels=0)


def test_a_key_or_branch_is_taken_once() -> None:
    transactions, wire = Transactions(), Wire()
    first = server(transactions, wire, INVITE)
    with pytest.raises(UsageError, match="look it up first"):
        server(transactions, wire, INVITE)
    assert transactions.servers == {first.key: first}
    for data in (b"OPTIONS sip:a", b"CANCEL sip:a"):
        make = ClientNonInvite("z9hG4bK1", UDP, data, wire.timers, wire, 0.0)
        transactions.add_client(make)
        with pytest.raises(UsageError, match="z9hG4bK1"):
            transactions.add_client(ClientNonInvite("z9hG4bK1", UDP, data, wire.timers, wire, 0.0))


def test_an_unknown_one_is_forgotten_without_harm() -> None:
    transactions, wire = Transactions(), Wire()
    first = server(transactions, wire, INVITE)
    second = ServerInvite(first.key, UDP, wire.timers, wire, 0.0)
    transactions.forget(second)
    assert transactions.servers == {first.key: first}


@pytest.mark.rfc("3261", "8.2.2.2")
def test_the_same_request_by_another_way_is_merged() -> None:
    transactions, wire = Transactions(), Wire()
    first = server(transactions, wire, INVITE)
    core = INVITE.message().core()
    assert transactions.claim(first, core)
    assert transactions.claim(first, core), "asking again changes nothing"
    other = replace(INVITE, branch=";branch=z9hG4bKother")
    second = server(transactions, wire, other)
    assert not transactions.claim(second, other.message().core())
    transactions.forget(second)
    assert not transactions.claim(second, other.message().core()), "the first is still here"
    transactions.forget(first)
    assert transactions.claim(second, other.message().core())


@pytest.mark.rfc("3261", "8.2.2.2")
@pytest.mark.parametrize(
    "change", [{"from_tag": "2"}, {"call_id": "3"}, {"cseq": 4}, {"method": "OPTIONS"}]
)
def test_another_request_is_not_merged(change: dict[str, str]) -> None:
    transactions, wire = Transactions(), Wire()
    assert transactions.claim(server(transactions, wire, INVITE), INVITE.message().core())
    other = replace(INVITE, branch=";branch=z9hG4bKother", **change)  # type: ignore[arg-type]  # one of several fields
    assert transactions.claim(server(transactions, wire, other), other.message().core())


@pytest.mark.rfc("3261", "8.2.2.2")
def test_a_request_within_a_dialog_is_never_merged() -> None:
    transactions, wire = Transactions(), Wire()
    for branch in ("z9hG4bK1", "z9hG4bK2"):
        request = replace(INVITE, to_tag="1", branch=f";branch={branch}")
        transaction = server(transactions, wire, request)
        assert transactions.claim(transaction, request.message().core())
        assert transaction.claimed == ""
