"""Networks of a test's own: namespaces with a public segment, NAT boxes by iptables, hosts behind.

A namespace here has no name: it lives as long as this process holds its descriptor, so nothing is
left behind even when a test run is killed. Its devices and rules go with it. Needs root.
"""

from __future__ import annotations

import contextlib
import ctypes
import os
import subprocess
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from tests.interop.harness.process import LOOPBACK

PROGRAMS = ("ip", "iptables", "nsenter")  # what tests with namespaces need, for their mark
SERVER = "203.0.113.1"  # the exchange
PUBLIC = "203.0.113.2"  # a host with an address of its own
SECOND = "203.0.113.3"  # of the exchange's host too
SERVER_6, SECOND_6 = "2001:db8::1", "2001:db8::3"
PRIVATE = "192.168.1.2"  # the host behind each NAT box: the same behind all of them
GATEWAY = "192.168.1.1"
CLOUD = "203.0.113.7"  # the public address of a host that has a private one
CLOUD_INSIDE = "10.0.0.5"
NEIGHBOUR = "10.0.0.9"
SECONDS = 10.0

_CLONE_NEWNET = 0x40000000
_libc = ctypes.CDLL(None, use_errno=True)


class Namespace:
    """One network namespace, its loopback device up."""

    def __init__(self) -> None:
        """Raises OSError where namespaces cannot be made."""
        home = os.open("/proc/thread-self/ns/net", os.O_RDONLY | os.O_CLOEXEC)
        try:
            _check(_libc.unshare(_CLONE_NEWNET))
            try:
                self._descriptor = os.open("/proc/thread-self/ns/net", os.O_RDONLY | os.O_CLOEXEC)
            finally:
                _check(_libc.setns(home, _CLONE_NEWNET))
        finally:
            os.close(home)
        self.run("ip", "link", "set", "lo", "up")

    @property
    def path(self) -> str:
        """Where other programs find it."""
        return f"/proc/{os.getpid()}/fd/{self._descriptor}"

    @contextlib.contextmanager
    def entered(self) -> Iterator[None]:
        """This thread is inside: sockets made here belong to it for good."""
        home = os.open("/proc/thread-self/ns/net", os.O_RDONLY | os.O_CLOEXEC)
        try:
            _check(_libc.setns(self._descriptor, _CLONE_NEWNET))
            try:
                yield
            finally:
                _check(_libc.setns(home, _CLONE_NEWNET))
        finally:
            os.close(home)

    def run(self, *words: str) -> None:
        """Run a command inside; it must succeed."""
        done = subprocess.run(
            self.command(words), capture_output=True, text=True, timeout=SECONDS, check=False
        )
        assert done.returncode == 0, f"{' '.join(words)}: {done.stdout}{done.stderr}"

    def command(self, words: Sequence[str | Path]) -> list[str | Path]:
        """The command that runs `words` inside, with the process id of the program itself."""
        return ["nsenter", f"--net={self.path}", "--", *words]

    def set(self, key: str, value: str) -> None:
        """Set a kernel variable of this namespace ("net/ipv4/ip_forward")."""
        with self.entered():
            Path("/proc/sys", key).write_text(value)

    def close(self) -> None:
        """Let go: with the last program inside it vanishes."""
        os.close(self._descriptor)


@dataclass(frozen=True, slots=True)
class Place:
    """Where a program or a socket of the tests lives: an address, and the namespace that has it."""

    host: str = LOOPBACK
    namespace: Namespace | None = None

    def command(self, words: Sequence[str | Path]) -> list[str | Path]:
        """`words`, run there."""
        return list(words) if self.namespace is None else self.namespace.command(words)

    def entered(self) -> contextlib.AbstractContextManager[None]:
        """Sockets that are made inside belong there."""
        return contextlib.nullcontext() if self.namespace is None else self.namespace.entered()


HERE = Place()


class Internet:
    """A public segment: the exchange, a public host, and the outer side of every NAT box."""

    def __init__(self) -> None:
        self._namespaces: list[Namespace] = []
        self._taken = 9  # last number of the addresses of NAT boxes
        self.public = self.namespace()
        self.public.run("ip", "link", "add", "net", "type", "bridge")
        for host in (SERVER, PUBLIC, SECOND):
            self.public.run("ip", "address", "add", f"{host}/24", "dev", "net")
        for host in (SERVER_6, SECOND_6):
            self.public.run("ip", "address", "add", f"{host}/64", "dev", "net", "nodad")
        self.public.run("ip", "link", "set", "net", "up")
        self.public.set("net/ipv4/ip_forward", "1")  # it answers for the boxes that are in it
        self.public.set("net/ipv4/conf/net/proxy_arp", "1")

    @property
    def server(self) -> Place:
        """Where the exchange runs."""
        return Place(SERVER, self.public)

    @property
    def host(self) -> Place:
        """A host with a public address."""
        return Place(PUBLIC, self.public)

    def translated(self, *rule: str) -> Router:
        """A router with a host behind it, made by these words of an iptables NAT rule."""
        outer, number = self.address()
        router, home = self.namespace(), self.namespace()
        self._attach(router, f"r{number}")
        router.run("ip", "address", "add", f"{outer}/24", "dev", "wan")
        _link(router, "lan", home, "eth0")
        router.run("ip", "address", "add", f"{GATEWAY}/24", "dev", "lan")
        home.run("ip", "address", "add", f"{PRIVATE}/24", "dev", "eth0")
        home.run("ip", "route", "add", "default", "via", GATEWAY)
        router.set("net/ipv4/ip_forward", "1")
        # a box for the home says nothing to strangers
        router.run("iptables", "-A", "INPUT", "-i", "wan", "-j", "DROP")
        found = Router(router, Place(PRIVATE, home), outer)
        found.translate(*rule)
        return found

    def cloud(self) -> tuple[Place, Place]:
        """A private network behind a one-to-one NAT: the host that `CLOUD` is translated to, and a
        neighbour of it, which the public segment cannot reach nor be reached by."""
        router, inside = self.namespace(), self.namespace()
        self._attach(router, "cloud")
        router.run("ip", "address", "add", f"{CLOUD}/24", "dev", "wan")
        _link(router, "lan", inside, "eth0")
        router.run("ip", "address", "add", "10.0.0.1/24", "dev", "lan")
        for host in (CLOUD_INSIDE, NEIGHBOUR):
            inside.run("ip", "address", "add", f"{host}/24", "dev", "eth0")
        inside.run("ip", "route", "add", "default", "via", "10.0.0.1", "src", CLOUD_INSIDE)
        router.set("net/ipv4/ip_forward", "1")
        nat = ("iptables", "-t", "nat", "-A")
        router.run(*nat, "PREROUTING", "-i", "wan", "-j", "DNAT", "--to", CLOUD_INSIDE)
        router.run(
            *nat, *("POSTROUTING", "-o", "wan", "-s", CLOUD_INSIDE, "-j", "SNAT"), "--to", CLOUD
        )
        router.run("iptables", "-A", "FORWARD", "-s", NEIGHBOUR, "-j", "DROP")
        return Place(CLOUD_INSIDE, inside), Place(NEIGHBOUR, inside)

    def close(self) -> None:
        """Let all of it go."""
        for namespace in self._namespaces:
            namespace.close()

    def _attach(self, router: Namespace, port: str) -> None:
        """Give a router its device `wan` on the public segment."""
        _link(self.public, port, router, "wan")
        self.public.run("ip", "link", "set", port, "master", "net")

    def address(self) -> tuple[str, int]:
        """A free address of the public segment, and its number."""
        self._taken += 1
        return f"203.0.113.{self._taken}", self._taken

    def namespace(self) -> Namespace:
        """A namespace that vanishes with this internet."""
        made = Namespace()
        self._namespaces.append(made)
        return made


@dataclass(frozen=True, slots=True)
class Router:
    """A NAT box by iptables: `outer` is the address that the public segment sees."""

    namespace: Namespace
    inside: Place
    outer: str

    def translate(self, *rule: str) -> None:
        """Translate by this rule from now on, and forget every mapping."""
        run = self.namespace.run
        run("iptables", "-t", "nat", "-F", "POSTROUTING")
        run("iptables", "-t", "nat", "-A", "POSTROUTING", "-o", "wan", *rule)

    def lose(self, probability: float) -> None:
        """Drop this share of the packets both ways from now on."""
        self.namespace.run(
            *("iptables", "-A", "FORWARD", "-m", "statistic", "--mode", "random"),
            *("--probability", f"{probability:g}", "-j", "DROP"),
        )


@contextlib.contextmanager
def internet() -> Iterator[Internet]:
    """An internet that vanishes afterwards, whatever happens."""
    made = Internet()
    try:
        yield made
    finally:
        made.close()


def unavailable() -> str:
    """Why namespaces cannot be made here, "" if they can."""
    if os.geteuid() != 0:
        return "needs root for network namespaces"
    if not Path("/dev/net/tun").exists():
        return "needs /dev/net/tun for a NAT box in user space"
    try:
        Namespace().close()
    except (OSError, AssertionError) as error:
        return f"needs network namespaces: {error}"
    return ""


def _link(one: Namespace, near: str, other: Namespace, far: str) -> None:
    one.run("ip", "link", "add", near, "type", "veth", "peer", "name", far, "netns", other.path)
    one.run("ip", "link", "set", near, "up")
    other.run("ip", "link", "set", far, "up")


def _check(result: int) -> None:
    if result != 0:
        code = ctypes.get_errno()
        raise OSError(code, os.strerror(code))
