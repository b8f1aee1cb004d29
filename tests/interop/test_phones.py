"""baresip 1.0 and Linphone 5.1 register and call each other through the exchange.

Each call is proved by its sound: the caller sends 440 Hz, the callee 880 Hz, and each must be found
in the other's recording (RFC 3261 sections 9, 10, 13 and 15; RFC 8760 for SHA-256).
"""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.interop.conftest import Registrars
from tests.interop.harness.endpoint import TRANSPORTS, Account, Endpoint
from tests.interop.harness.matrix import Matrix
from tests.interop.harness.phones import (
    CALLEE_TONE,
    CALLER_TONE,
    Phone,
    phone,
    prove_sound,
    set_up,
    talk,
)

pytestmark = [pytest.mark.interop("baresip", "linphonec"), pytest.mark.timeout(60)]

both_ways = pytest.mark.parametrize(
    ("calling", "called"), [("baresip", "linphonec"), ("linphonec", "baresip")]
)
each_kind = pytest.mark.parametrize("kind", ["baresip", "linphonec"])
each_transport = pytest.mark.parametrize("transport", TRANSPORTS)

OpenPair = Callable[[Endpoint, str, str, str], tuple[Phone, Phone]]


@pytest.fixture
def open_pair(tmp_path: Path, alice: Account, bob: Account) -> Iterator[OpenPair]:
    """Start two phones: ``open_pair(server, transport, alice's kind, bob's kind)``."""
    with contextlib.ExitStack() as stack:

        def start(
            server: Endpoint, transport: str, calling: str, called: str
        ) -> tuple[Phone, Phone]:
            roles = [(calling, alice, CALLER_TONE), (called, bob, CALLEE_TONE)]
            caller, callee = (
                stack.enter_context(
                    phone(kind, tmp_path, account, server, transport=transport, tone=tone)
                )
                for kind, account, tone in roles
            )
            return caller, callee

        yield start


@pytest.mark.parametrize("ending", ["caller", "callee"])
@both_ways
@each_transport
def test_a_call_carries_sound_both_ways_until_one_side_hangs_up(
    registrars: Registrars,
    open_pair: OpenPair,
    matrix: Matrix,
    transport: str,
    calling: str,
    called: str,
    ending: str,
) -> None:
    caller, callee = open_pair(registrars.md5, transport, calling, called)
    with matrix.cell("register, MD5", transport, calling, called):
        caller.wait_registered()
        callee.wait_registered()
    with (
        matrix.cell("call placed", transport, calling),
        matrix.cell("call received", transport, called),
    ):
        set_up(caller, callee)
    talk()
    with matrix.cell(f"hang-up by {ending}", transport, calling, called):
        (caller if ending == "caller" else callee).hang_up()
        caller.wait_ended()
        callee.wait_ended()
        (caller if ending == "caller" else callee).wait_status("BYE", 200)
    with matrix.cell("audio both ways", transport, calling, called):
        prove_sound(caller, callee)


@both_ways
@each_transport
def test_a_caller_who_gives_up_cancels(
    registrars: Registrars,
    open_pair: OpenPair,
    matrix: Matrix,
    transport: str,
    calling: str,
    called: str,
) -> None:
    caller, callee = open_pair(registrars.md5, transport, calling, called)
    with matrix.cell("CANCEL", transport, calling, called):
        caller.wait_registered()
        callee.wait_registered()
        caller.dial(callee.account.uri)
        callee.wait_ringing()
        caller.wait_progress()
        caller.hang_up()
        callee.wait_ended()
        caller.wait_status("CANCEL", 200)
        caller.wait_status("INVITE", 487)


@both_ways
@each_transport
def test_a_callee_who_refuses_is_heard(
    registrars: Registrars,
    open_pair: OpenPair,
    matrix: Matrix,
    transport: str,
    calling: str,
    called: str,
) -> None:
    caller, callee = open_pair(registrars.md5, transport, calling, called)
    with matrix.cell("refusal by callee", transport, calling, called):
        caller.wait_registered()
        callee.wait_registered()
        caller.dial(callee.account.uri)
        callee.wait_ringing()
        callee.reject()
        caller.wait_ended()
        caller.wait_status("INVITE", REFUSALS[called])


@each_kind
@each_transport
def test_an_unknown_user_is_not_found(
    registrars: Registrars,
    tmp_path: Path,
    alice: Account,
    matrix: Matrix,
    transport: str,
    kind: str,
) -> None:
    server = registrars.md5
    with (
        phone(kind, tmp_path, alice, server, transport=transport, tone=CALLER_TONE) as caller,
        matrix.cell("unknown user", transport, kind),
    ):
        caller.wait_registered()
        caller.dial("sip:nobody-here@example.com")
        caller.wait_ended()
        caller.wait_status("INVITE", 404)


@each_kind
@each_transport
def test_a_wrong_password_is_refused(
    own_registrars: Registrars,
    tmp_path: Path,
    alice: Account,
    matrix: Matrix,
    transport: str,
    kind: str,
) -> None:
    server = own_registrars.md5
    guess = Account(alice.user, "wrong")
    with (
        phone(kind, tmp_path, guess, server, transport=transport, tone=CALLER_TONE) as stranger,
        matrix.cell("wrong password refused", transport, kind),
    ):
        stranger.wait_refused()
        time.sleep(0.5)
        assert 200 not in stranger.statuses("REGISTER")


@each_transport
def test_sha256_alone_registers_and_calls(
    registrars: Registrars, open_pair: OpenPair, matrix: Matrix, transport: str
) -> None:
    caller, callee = open_pair(registrars.sha256, transport, "linphonec", "linphonec")
    with matrix.cell("register, SHA-256", transport, "linphonec"):
        set_up(caller, callee)
        talk()
        caller.hang_up()
        callee.wait_ended()
        caller.wait_ended()
        prove_sound(caller, callee)
        assert caller.digest_algorithms() == {"SHA-256"}


REFUSALS = {"baresip": 486, "linphonec": 603}
"""What each phone answers when its user refuses."""
