"""The registration machine of a phone or gateway."""

import itertools

import pytest

from offhook.auth import Challenge, DigestClient
from offhook.errors import UsageError
from offhook.message import Message, parse
from offhook.registrar.client import (
    IGNORED,
    TABLE,
    Effect,
    Failed,
    Input,
    Registered,
    RegistrationClient,
    Send,
    State,
)

CONTACT = "sip:alice@192.0.2.1:5060"


def client(*, expires: int = 3600, parameters: str = "") -> RegistrationClient:
    return RegistrationClient(
        "sip:example.com",
        contact=CONTACT,
        parameters=parameters,
        expires=expires,
        digest=DigestClient("alice", "secret"),
    )


def response(status: int, *headers: str, reason: str = "Reason") -> Message:
    lines = [f"SIP/2.0 {status} {reason}", *headers, "Content-Length: 0"]
    return parse(("\r\n".join(lines) + "\r\n\r\n").encode())


def answer(
    machine: RegistrationClient, status: int, *headers: str, now: float = 0.0, random: float = 1.0
) -> list[Effect]:
    return machine.answered(response(status, *headers), now, random=random, cnonce="c")


def registered(expires: int = 3600) -> RegistrationClient:
    machine = client()
    machine.start(0.0, cnonce="c")
    assert answer(machine, 200, f"Contact: <{CONTACT}>;expires={expires}") == [Registered(expires)]
    return machine


def sent(effects: list[Effect]) -> Send:
    (send,) = effects
    assert isinstance(send, Send)
    return send


def failed(effects: list[Effect]) -> Failed:
    (failure,) = effects
    assert isinstance(failure, Failed)
    return failure


def test_every_pair_of_state_and_input_is_in_the_table_or_ignored_or_a_fault_on_purpose() -> None:
    faults = []
    for state, event in itertools.product(State, Input):
        handled, ignored = event in TABLE[state], event in IGNORED[state]
        assert not (handled and ignored)
        if not handled and not ignored:
            faults.append((state, event))
    assert faults == [(State.LEAVING, Input.START), (State.UNREGISTERING, Input.START)]


def test_every_state_can_be_reached_and_left() -> None:
    reached = {state for row in TABLE.values() for _, state in row.values()}
    assert reached == set(State)
    assert all(TABLE[state] for state in State)


@pytest.mark.rfc("3261", "10.2")
def test_it_registers_and_refreshes_with_a_rising_cseq() -> None:
    machine = client(parameters=';+sip.instance="<urn:x>"')
    assert machine.next_deadline() is None
    first = sent(machine.start(0.0, cnonce="c"))
    assert first == Send(
        "sip:example.com",
        1,
        (
            ("Contact", f'<{CONTACT}>;+sip.instance="<urn:x>";expires=3600'),
            ("Expires", "3600"),
        ),
    )
    answer(machine, 200, f"Contact: <{CONTACT}>;expires=3600")
    assert machine.next_deadline() == 2880.0
    assert machine.advance(2879.0, cnonce="c") == []
    assert sent(machine.advance(2880.0, cnonce="c")).cseq == 2
    assert machine.state is State.REFRESHING
    assert machine.next_deadline() is None


@pytest.mark.parametrize(
    ("granted", "random", "due"),
    [(3600, 1.0, 2880.0), (3600, 0.0, 2592.0), (120, 1.0, 85.0), (60, 1.0, 30.0), (1, 1.0, 1.0)],
)
def test_the_refresh_leaves_time_for_an_answer(granted: int, random: float, due: float) -> None:
    machine = client()
    machine.start(0.0, cnonce="c")
    answer(machine, 200, f"Contact: <{CONTACT}>;expires={granted}", random=random)
    assert machine.next_deadline() == pytest.approx(due)


@pytest.mark.rfc("3261", "10.2.4")
@pytest.mark.parametrize(
    ("headers", "granted"),
    [
        (["Contact: <sip:bob@h>;expires=9, <SIP:alice@192.0.2.1:5060>;expires=77"], 77),
        (["Contact: <sip:bob@h>;expires=9", "Expires: 55"], 55),
        (["Expires: 55"], 55),
        ([], 3600),
        (["Contact: <<broken"], 3600),
        ([f"Contact: <{CONTACT}>;expires=soon"], 0),
    ],
)
def test_the_interval_is_that_of_our_own_contact(headers: list[str], granted: int) -> None:
    machine = client()
    machine.start(0.0, cnonce="c")
    assert answer(machine, 200, *headers) == [Registered(granted)]
    assert machine.next_deadline() is not None


def test_provisional_responses_change_nothing() -> None:
    machine = client()
    machine.start(0.0, cnonce="c")
    assert answer(machine, 100) == []
    assert machine.state is State.REGISTERING


def test_a_challenge_is_answered_and_a_wrong_password_waits() -> None:
    machine = client()
    machine.start(0.0, cnonce="c")
    challenge = f"WWW-Authenticate: {Challenge('r', 'n', 'MD5', ('auth',))}"
    second = sent(answer(machine, 401, challenge))
    assert second.cseq == 2
    assert second.headers[-1][0] == "Authorization"
    failure = failed(answer(machine, 401, challenge))
    assert failure == Failed(401, "Wrong User Or Password", 30.0)
    assert machine.state is State.WAITING
    assert sent(machine.advance(30.0, cnonce="c")).cseq == 3


def test_a_challenge_without_credentials_is_a_failure() -> None:
    machine = RegistrationClient("sip:example.com", contact=CONTACT)
    machine.start(0.0, cnonce="c")
    assert (
        failed(answer(machine, 401, 'WWW-Authenticate: Digest realm="r", nonce="n"')).status == 401
    )


@pytest.mark.rfc("3261", "10.2.8")
def test_a_minimum_is_obeyed_once() -> None:
    machine = client(expires=60)
    machine.start(0.0, cnonce="c")
    again = sent(answer(machine, 423, "Min-Expires: 1800"))
    assert ("Expires", "1800") in again.headers
    assert failed(answer(machine, 423, "Min-Expires: 1800")).status == 423


@pytest.mark.parametrize(
    "headers", [[], ["Min-Expires: x"], ["Min-Expires: 5"], ["Min-Expires: 999999"]]
)
def test_a_minimum_that_makes_no_sense_is_a_failure(headers: list[str]) -> None:
    machine = client(expires=60)
    machine.start(0.0, cnonce="c")
    assert failed(answer(machine, 423, *headers)).status == 423


@pytest.mark.rfc("5626", "4.5")
def test_failures_are_retried_ever_more_rarely_for_ever() -> None:
    machine = client()
    effects = machine.start(0.0, cnonce="c")
    waits, now = [], 0.0
    for _ in range(30):
        assert isinstance(effects[0], Send)
        waits.append(failed(machine.unanswered(now, random=1.0, reason="Timeout")).retry)
        now = machine.next_deadline() or 0.0
        effects = machine.advance(now, cnonce="c")
    assert waits[:8] == [30.0, 60.0, 120.0, 240.0, 480.0, 960.0, 1800.0, 1800.0]
    assert set(waits[8:]) == {1800.0}
    answer(machine, 200, now=now)
    machine.advance(machine.next_deadline() or 0.0, cnonce="c")
    assert failed(answer(machine, 503, now=now)).retry == 30.0  # success starts anew


@pytest.mark.rfc("5626", "4.5")
def test_waits_are_spread_over_their_upper_half() -> None:
    for random, wait in ((0.0, 15.0), (0.5, 22.5), (1.0, 30.0)):
        machine = client()
        machine.start(0.0, cnonce="c")
        assert failed(answer(machine, 503, random=random)).retry == wait


@pytest.mark.parametrize(
    ("header", "wait"),
    [("Retry-After: 120", 120.0), ("Retry-After: 300 (busy);duration=9", 300.0),
     ("Retry-After: 5", 30.0), ("Retry-After: 999999", 1800.0), ("Retry-After: x", 30.0)],
)  # fmt: skip
def test_a_registrar_may_ask_for_more_time(header: str, wait: float) -> None:
    machine = client()
    machine.start(0.0, cnonce="c")
    assert failed(answer(machine, 503, header)).retry == wait


def test_a_lost_flow_is_replaced_soon_but_not_by_all_at_once() -> None:
    machine = registered()
    assert machine.lost(100.0, random=0.5) == [Failed(0, "Connection Lost", 2.5)]
    assert machine.next_deadline() == 102.5
    sent(machine.advance(102.5, cnonce="c"))
    assert failed(machine.lost(103.0, random=1.0)).retry == 30.0  # it was lost again while trying


def test_a_new_address_is_registered_at_once() -> None:
    machine = registered()
    machine.contact = "sip:alice@198.51.100.7:5060"
    assert "198.51.100.7" in sent(machine.start(10.0, cnonce="c")).headers[0][1]


def test_an_address_that_changes_while_a_request_is_under_way_is_registered_after_it() -> None:
    machine = client()
    machine.start(0.0, cnonce="c")
    machine.contact = "sip:alice@198.51.100.7:5060"
    assert machine.start(1.0, cnonce="c") == []  # RFC 3261 10.2: one request at a time
    answer(machine, 200, now=2.0)
    assert "198.51.100.7" in sent(machine.advance(2.0, cnonce="c")).headers[0][1]


@pytest.mark.rfc("3261", "10.2.2")
def test_stopping_removes_the_binding() -> None:
    machine = registered()
    goodbye = sent(machine.stop(10.0, cnonce="c"))
    assert goodbye.headers[0] == ("Contact", f"<{CONTACT}>;expires=0")
    challenge = f"WWW-Authenticate: {Challenge('r', 'n', 'MD5', ('auth',))}"
    assert sent(answer(machine, 401, challenge)).headers[1] == ("Expires", "0")
    assert answer(machine, 200) == [Registered(0)]
    assert (machine.state, machine.next_deadline()) == (State.IDLE, None)


def test_stopping_while_waiting_or_idle_is_quiet() -> None:
    machine = client()
    assert machine.stop(0.0, cnonce="c") == []
    machine.start(0.0, cnonce="c")
    answer(machine, 503)
    assert machine.stop(1.0, cnonce="c") == []
    assert (machine.state, machine.next_deadline()) == (State.IDLE, None)


@pytest.mark.parametrize(("status", "then"), [(200, Send), (503, None), (423, None)])
def test_stopping_while_a_request_is_under_way_waits_for_its_end(
    status: int, then: type | None
) -> None:
    machine = client()
    machine.start(0.0, cnonce="c")
    assert machine.stop(0.0, cnonce="c") == []
    effects = answer(machine, status, "Min-Expires: 9999")
    assert [type(effect) for effect in effects] == ([then] if then else [])


def test_a_removal_that_fails_is_not_tried_for_ever() -> None:
    machine = registered()
    machine.stop(0.0, cnonce="c")
    assert failed(machine.unanswered(32.0, random=0.0, reason="Timeout")).retry == 0.0
    assert machine.state is State.IDLE
    assert answer(machine, 200) == []  # late


def test_starting_before_a_removal_has_ended_is_a_fault_of_the_caller() -> None:
    machine = registered()
    machine.stop(0.0, cnonce="c")
    with pytest.raises(UsageError, match="unregistering"):
        machine.start(0.0, cnonce="c")


def test_an_interval_of_zero_is_a_fault_of_the_caller() -> None:
    with pytest.raises(UsageError):
        client(expires=0)
