"""Many phones that refresh their registrations without end, over one UDP socket.

Each has an account, answers one challenge and then counts its nonce up (RFC 7616 3.4.5), so that a
refresh is one request and one answer. What was acknowledged is noted, with how long it took.
"""

from __future__ import annotations

import hashlib
import re
import socket
import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass, field

from tests.interop.harness.endpoint import DOMAIN, Account
from tests.interop.harness.process import LOOPBACK

LAST_ANSWERS = 5.0  # seconds; a busy machine answers late, and a lost answer never comes


@dataclass(slots=True)
class Phone:
    """One of them."""

    account: Account
    nonce: str = ""
    count: int = 0
    cseq: int = 0
    sent: float = 0.0
    acknowledged: int = 0
    """The CSeq of the last REGISTER that got a 200."""
    when: float = 0.0


@dataclass
class Refreshing:
    """The phones, in a thread of their own between ``start`` and ``stop``."""

    address: tuple[str, int]
    accounts: Sequence[Account]
    rate: int
    phones: dict[str, Phone] = field(default_factory=dict)
    slowest: float = 0.0
    sent: int = 0
    answers: dict[int, int] = field(default_factory=dict)
    """How many answers of each status came."""

    def __post_init__(self) -> None:
        self.phones = {account.user: Phone(account) for account in self.accounts}
        self._wire = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._wire.bind((LOOPBACK, 0))
        self._wire.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4_194_304)
        self._wire.settimeout(0.002)
        self._port = self._wire.getsockname()[1]
        self._ending = threading.Event()
        self._going = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)

    def register_all(self, *, timeout: float) -> None:
        """Register every phone once, at the rate; fails if one is not acknowledged."""
        deadline = time.monotonic() + timeout
        for number, phone in enumerate(self.phones.values()):
            self._send(phone)
            if number % 10 == 0:
                self._read(time.monotonic() + 10 / self.rate)
        while any(not phone.acknowledged for phone in self.phones.values()):
            assert time.monotonic() < deadline, f"not all were registered: {self.answers}"
            self._read(time.monotonic() + 0.1)
        self.slowest = 0.0

    def start(self) -> None:
        """Begin to refresh, one phone after another."""
        self._going.set()
        self._thread.start()

    def pause(self) -> None:
        """Refresh no more for now; returns when the last answers have come, or had time to."""
        self._going.clear()
        deadline = time.monotonic() + LAST_ANSWERS
        while self.silent() and time.monotonic() < deadline:
            time.sleep(0.05)

    def resume(self) -> None:
        """Go on; what was noted of before is forgotten."""
        self.slowest, self.answers = 0.0, {}
        self._going.set()

    def stop(self) -> None:
        """End when the last answers have come, or had time to; again, it does nothing."""
        if self._ending.is_set():
            return
        self._ending.set()
        if self._thread.is_alive():
            self._thread.join(10)
        deadline = time.monotonic() + LAST_ANSWERS
        while self.silent() and time.monotonic() < deadline:
            self._read(time.monotonic() + 0.05)
        self._wire.close()

    def silent(self) -> list[str]:
        """Who was not answered."""
        return [user for user, phone in self.phones.items() if phone.acknowledged != phone.cseq]

    def _run(self) -> None:
        due, number = time.monotonic(), 0
        phones = list(self.phones.values())
        while not self._ending.is_set():
            while due < time.monotonic():
                due += 1 / self.rate
                if self._going.is_set():
                    self._send(phones[number % len(phones)])
                    number += 1
            self._read(time.monotonic() + 0.002)

    def _send(self, phone: Phone) -> None:
        phone.cseq += 1
        phone.sent = time.monotonic()
        self.sent += 1
        user, uri = phone.account.user, f"sip:{DOMAIN}"
        lines = [
            f"REGISTER {uri} SIP/2.0",
            f"Via: SIP/2.0/UDP {LOOPBACK}:{self._port};branch=z9hG4bK-{user}-{phone.cseq};rport",
            f"From: <sip:{user}@{DOMAIN}>;tag={phone.cseq}",
            f"To: <sip:{user}@{DOMAIN}>",
            f"Call-ID: {user}@tests.invalid",
            f"CSeq: {phone.cseq} REGISTER",
            f"Contact: <sip:{user}@{LOOPBACK}:{self._port}>;expires=600",
            "Max-Forwards: 70",
            "Content-Length: 0",
        ]
        if phone.nonce:
            lines.insert(-1, self._credentials(phone, uri))
        self._wire.sendto(("\r\n".join(lines) + "\r\n\r\n").encode(), self.address)

    def _credentials(self, phone: Phone, uri: str) -> str:
        phone.count += 1
        count, user = f"{phone.count:08x}", phone.account.user
        ha1 = _md5(f"{user}:{DOMAIN}:{phone.account.password}")
        ha2 = _md5(f"REGISTER:{uri}")
        response = _md5(f"{ha1}:{phone.nonce}:{count}:c0ffee:auth:{ha2}")
        return (
            f'Authorization: Digest username="{user}", realm="{DOMAIN}", nonce="{phone.nonce}",'
            f' uri="{uri}", response="{response}", cnonce="c0ffee", nc={count}, qop=auth,'
            " algorithm=MD5"
        )

    def _read(self, until: float) -> None:
        while (left := until - time.monotonic()) > 0:
            self._wire.settimeout(left)
            try:
                data = self._wire.recv(65535).decode()
            except (TimeoutError, ConnectionRefusedError):
                continue
            self._take(data)

    def _take(self, data: str) -> None:
        status = int(data[8:11])
        self.answers[status] = self.answers.get(status, 0) + 1
        found = re.search(r"(?im)^call-id: (\S+)@tests", data)
        number = re.search(r"(?im)^cseq: (\d+)", data)
        assert found is not None
        assert number is not None
        phone, now = self.phones[found.group(1)], time.monotonic()
        if status == 200:
            phone.acknowledged = max(phone.acknowledged, int(number.group(1)))
            phone.when = now
            if int(number.group(1)) == phone.cseq:
                self.slowest = max(self.slowest, now - phone.sent)
        elif status == 401:
            challenge = re.search(r'nonce="([^"]*)"', data)
            assert challenge is not None
            phone.nonce, phone.count = challenge.group(1), 0
            self._send(phone)


def _md5(text: str) -> str:
    return hashlib.md5(text.encode(), usedforsecurity=False).hexdigest()
