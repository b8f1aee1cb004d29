"""A NAT box in user space, for the kinds that the kernel has not: full cone and restricted cone.

Two TUN devices and one thread: packets of a home are read from one, get the address and port that
`offhook.testing.NatBox` says, and go out by the other; what comes back goes the other way if the
kind of the box lets it in. Mappings may be short-lived, and the box may be given another address.
"""

from __future__ import annotations

import fcntl
import os
import select
import struct
import threading
import time

from offhook.testing import Nat, NatBox
from tests.interop.harness.namespaces import PRIVATE, Internet, Namespace, Place
from tests.interop.harness.process import until

_TUNSETIFF = 0x400454CA
_IFF_TUN, _IFF_NO_PI = 0x0001, 0x1000
_PACKET = 65_535
_TCP, _UDP = 6, 17
_NAMES = {_TCP: "TCP", _UDP: "UDP"}


class Box:
    """One running box; `inside` is the host behind it."""

    def __init__(self, net: Internet, kind: Nat, *, lifetime: float = float("inf")) -> None:
        """`lifetime`: seconds that a mapping lives without anything going out."""
        self._public = net.public
        self.outer, number = net.address()
        home = net.namespace()
        self.inside = Place(PRIVATE, home)
        self._device = f"box{number}"
        self._lan = _tun(home, "lan")
        self._wan = _tun(self._public, self._device)
        home.run("ip", "address", "add", f"{PRIVATE}/24", "dev", "lan")
        home.run("ip", "link", "set", "lan", "up")
        home.run("ip", "route", "add", "default", "dev", "lan")
        self._public.run("ip", "link", "set", self._device, "up")
        self._public.run("ip", "route", "add", f"{self.outer}/32", "dev", self._device)
        self._table = NatBox("home", self.outer, kind=kind, lifetime=lifetime)
        self._lock = threading.Lock()
        self._end, self._ended = os.pipe()
        self._thread = threading.Thread(target=self._run, name=self._device, daemon=True)
        self._thread.start()

    def forget(self) -> None:
        """Every mapping is gone, as after a restart of the box."""
        with self._lock:
            self._table.forget()

    def close(self) -> None:
        """Switch it off; its devices go with it."""
        os.write(self._ended, b"x")
        self._thread.join(5.0)
        until(lambda: not self._thread.is_alive(), timeout=1.0, what="the NAT box has ended")
        for descriptor in (self._lan, self._wan, self._end, self._ended):
            os.close(descriptor)

    def _run(self) -> None:
        while True:
            ready, _, _ = select.select([self._lan, self._wan, self._end], [], [])
            if self._end in ready:
                return
            for descriptor in ready:
                packet = bytearray(os.read(descriptor, _PACKET))
                if packet[0] >> 4 != 4 or packet[9] not in _NAMES:
                    continue
                with self._lock:
                    outward = descriptor == self._lan
                    passes = self._outward(packet) if outward else self._inward(packet)
                if passes:
                    os.write(self._wan if outward else self._lan, packet)

    def _outward(self, packet: bytearray) -> bool:
        source, destination = _addresses(packet)
        name = _NAMES[packet[9]]
        shown = self._table.outbound(name, source, destination, time.monotonic())
        _rewrite(packet, 12, 0, shown)
        return True

    def _inward(self, packet: bytearray) -> bool:
        source, destination = _addresses(packet)
        name = _NAMES[packet[9]]
        inner = self._table.inbound(name, source, destination, time.monotonic())
        if inner is None:
            return False
        _rewrite(packet, 16, 2, inner)
        return True


def _tun(namespace: Namespace, name: str) -> int:
    with namespace.entered():
        descriptor = os.open("/dev/net/tun", os.O_RDWR | os.O_CLOEXEC)
        request = struct.pack("16sH22x", name.encode(), _IFF_TUN | _IFF_NO_PI)
        fcntl.ioctl(descriptor, _TUNSETIFF, request)
    return descriptor


def _addresses(packet: bytearray) -> tuple[tuple[str, int], tuple[str, int]]:
    header = (packet[0] & 15) * 4
    source_port, port = struct.unpack_from("!HH", packet, header)
    return (_dotted(packet, 12), source_port), (_dotted(packet, 16), port)


def _dotted(packet: bytearray, start: int) -> str:
    return ".".join(str(octet) for octet in packet[start : start + 4])


def _rewrite(packet: bytearray, at: int, port_at: int, address: tuple[str, int]) -> None:
    """Put in an address and a port; the checksums change by the difference (RFC 1624)."""
    header = (packet[0] & 15) * 4
    port_place = header + port_at
    old = bytes(packet[at : at + 4])
    new = bytes(int(part) for part in address[0].split("."))
    old_port = bytes(packet[port_place : port_place + 2])
    new_port = struct.pack("!H", address[1])
    packet[at : at + 4] = new
    packet[port_place : port_place + 2] = new_port
    _adjust(packet, 10, old, new)
    checksum = header + (16 if packet[9] == _TCP else 6)
    if packet[9] == _TCP or packet[checksum : checksum + 2] != b"\0\0":
        _adjust(packet, checksum, old + old_port, new + new_port)


def _adjust(packet: bytearray, at: int, old: bytes, new: bytes) -> None:
    total = ~struct.unpack_from("!H", packet, at)[0] & 0xFFFF
    words = len(old) // 2
    for before, after in zip(
        struct.unpack(f"!{words}H", old), struct.unpack(f"!{words}H", new), strict=True
    ):
        total += (~before & 0xFFFF) + after
    while total >> 16:
        total = (total & 0xFFFF) + (total >> 16)
    struct.pack_into("!H", packet, at, ~total & 0xFFFF)
