"""Other people's phones as one kind of thing: what every driver can do, and the short call."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Protocol

from tests.interop.harness.baresip import Baresip
from tests.interop.harness.endpoint import Account, Endpoint
from tests.interop.harness.linphone import Linphone
from tests.interop.harness.namespaces import HERE, Place
from tests.interop.harness.process import until

CALLER_TONE = 440.0
CALLEE_TONE = 880.0
TALK_SECONDS = 2.5
AUDIO_SECONDS = 1.0  # how much of the other side's tone a call must carry


class Phone(Protocol):
    """What the tests ask of a phone; each wait fails by itself at its deadline."""

    @property
    def account(self) -> Account: ...
    @property
    def kind(self) -> str: ...
    def wait_registered(self) -> None: ...
    def wait_refused(self) -> None: ...
    def dial(self, uri: str) -> None: ...
    def wait_ringing(self) -> None: ...
    def wait_progress(self) -> None: ...
    def answer(self) -> None: ...
    def reject(self) -> None: ...
    def hang_up(self) -> None: ...
    def wait_established(self) -> None: ...
    def wait_ended(self) -> None: ...
    def statuses(self, method: str) -> set[int]: ...
    def wait_status(self, method: str, status: int) -> None: ...
    def digest_algorithms(self) -> set[str]: ...
    def heard(self, frequency: float) -> float: ...
    def stop(self) -> None: ...


KINDS: dict[str, Callable[..., Phone]] = {"baresip": Baresip, "linphonec": Linphone}


@contextlib.contextmanager
def phone(
    kind: str,
    folder: Path,
    account: Account,
    server: Endpoint,
    *,
    transport: str,
    tone: float,
    place: Place = HERE,
) -> Iterator[Phone]:
    """A phone of this kind that is started, and ended whatever happens."""
    own = folder / f"{kind}-{account.user}"
    own.mkdir(parents=True)
    started = KINDS[kind](own, account, server, transport=transport, tone=tone, place=place)
    try:
        yield started
    finally:
        started.stop()


def set_up(caller: Phone, callee: Phone, *, progress: bool = True) -> None:
    """Both register, one calls, the other rings and answers, both say that the call is up.

    ``progress``: the caller must hear of the ringing.
    """
    caller.wait_registered()
    callee.wait_registered()
    caller.dial(callee.account.uri)
    callee.wait_ringing()
    if progress:
        caller.wait_progress()
    callee.answer()
    caller.wait_established()
    callee.wait_established()


def talk() -> None:
    """Let the tones run for as long as the proof needs."""
    time.sleep(TALK_SECONDS)


def prove_sound(caller: Phone, callee: Phone) -> None:
    """After the call: each side's recording has the other's tone, and not its own."""
    until(
        lambda: (
            callee.heard(CALLER_TONE) >= AUDIO_SECONDS
            and caller.heard(CALLEE_TONE) >= AUDIO_SECONDS
        ),
        timeout=3.0,
        what=f"each heard the other for {AUDIO_SECONDS:g} s: callee"
        f" {callee.heard(CALLER_TONE):.1f} s, caller {caller.heard(CALLEE_TONE):.1f} s",
    )
    assert callee.heard(CALLEE_TONE) == 0.0
    assert caller.heard(CALLER_TONE) == 0.0
