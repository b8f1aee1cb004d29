"""UDP sockets of our own, drained in bounded batches (RFC 3261 18.2.1, 18.4; RFC 3581 4).

Stock datagram transports cost a loop turn a datagram and close a shared socket for good on one bad
destination. Here no error closes a socket: it costs the datagram, and the flow that it names is
reported.

A socket is watched through an epoll of its own, because an ICMP error makes uvloop drop a watched
descriptor silently (libuv ends a poll handle on POLLERR): one dead peer would deafen the listener.
Linux only.

`binding` opens the sockets; which socket serves a request to open is decided in `sockets`.
"""

from __future__ import annotations

import asyncio
import select
import socket
import struct
import sys
from abc import ABC, abstractmethod
from collections import deque
from collections.abc import Hashable
from dataclasses import dataclass

import structlog

from offhook.runtime.binding import LAST_PORT
from offhook.runtime.counters import Counters
from offhook.runtime.flow_memory import FlowMemory
from offhook.runtime.icmp import undeliverable
from offhook.runtime.limits import Limits
from offhook.runtime.network import Sink
from offhook.runtime.route_probe import RouteProbe, canonical
from offhook.transport.flow import Address, Flow, Listener

__all__ = ["ConcreteSocket", "DatagramFlow", "DatagramSetting", "DatagramSocket", "WildcardSocket"]

LARGEST_DATAGRAM = 65_535
CONTROL_SPACE = 512
UNFRAGMENTED = 1472  # octets that an Ethernet frame carries over IPv4 and UDP; 20 less over IPv6
WARN_AGAIN = 60.0  # seconds between two warnings of one socket
ERROR_BATCH = 64  # reports of the error queue read at once
LOCAL_ADDRESSES = 64  # of a wildcard socket, remembered to find the flow of an error report

log = structlog.get_logger()

IP_PKTINFO = 8  # Linux; the socket module does not name it
SO_MEMINFO = 55  # Linux 4.12; the same
MEMINFO = struct.Struct("=9I")  # linux/sock_diag.h: SK_MEMINFO_RMEM_ALLOC ... SK_MEMINFO_DROPS
SocketAddress = tuple[str, int] | tuple[str, int, int, int]
Control = list[tuple[int, int, bytes]]


@dataclass(frozen=True, slots=True)
class DatagramSetting:
    """What the sockets of one network share."""

    limits: Limits
    counters: Counters
    routes: RouteProbe


class DatagramFlow(Flow):
    """A flow that knows its socket and what to pass to it, so that sending needs no look-up."""

    __slots__ = ("address", "control", "socket")

    def __init__(
        self, owner: DatagramSocket, local: Address, address: SocketAddress, control: Control
    ) -> None:
        super().__init__(owner.listener, local, address[:2])
        self.socket = owner
        self.address = address
        self.control = control

    def beside(self, remote: Address) -> Flow:
        """The way from the same socket and local address to another address; this one if that
        cannot be sent to: it may be what a peer wrote into its Via.
        """
        try:
            return self.socket.flow_to(remote, self.local[0])
        except OSError:
            return self


class DatagramSocket(ABC):
    """One bound socket. Subclasses differ in how they learn and choose the local address."""

    def __init__(
        self, bound: socket.socket, listener: Listener, sink: Sink, *, setting: DatagramSetting
    ) -> None:
        limits = setting.limits
        self.listener = listener
        self._socket = bound
        self._sink = sink
        self._batch = limits.datagram_batch
        self._queue_limit = limits.datagram_queue
        self._warned = -WARN_AGAIN  # when a fragment was last warned of
        self._counters = setting.counters
        self._flows = FlowMemory[DatagramFlow](limits.datagram_flows)
        self._queue: deque[tuple[DatagramFlow, bytes]] = deque()
        self._unreachable: dict[DatagramFlow, None] = {}
        self._loop = asyncio.get_running_loop()
        self._epoll = select.epoll()
        self._epoll.register(bound.fileno(), select.EPOLLIN)
        self._loop.add_reader(self._epoll.fileno(), self._ready)

    @abstractmethod
    def flow_to(self, destination: Address, local: str) -> DatagramFlow:
        """The flow to a literal address and a valid port. `local` is the wanted local address, "" =
        any.

        OSError if the destination cannot be sent to or there is no route.
        """

    @abstractmethod
    def _drain(self) -> int:
        """Pass one batch to the sink; returns how many datagrams were read."""

    @abstractmethod
    def _transmit(self, flow: DatagramFlow, data: bytes) -> None:
        """Give one datagram to the kernel, or raise its OSError."""

    @abstractmethod
    def _flows_to(self, address: SocketAddress) -> list[DatagramFlow]:
        """The remembered flows to a remote address."""

    def send(self, flow: DatagramFlow, data: bytes) -> None:
        """Send, or queue while the kernel is full. Never raises for what the network says."""
        if self._queue:
            self._enqueue(flow, data)
            return
        try:
            self._transmit(flow, data)
        except BlockingIOError:
            self._enqueue(flow, data)
        except OSError:
            self._send_again(flow, data)
        else:
            counters = self._counters
            size = len(data)
            counters.datagrams_out += 1
            counters.datagram_bytes_out += size
            if size > UNFRAGMENTED:
                self._fragmented(flow, size)

    def memory(self) -> tuple[int, int]:
        """What the kernel tells of the socket: bytes that wait to be read, datagrams that it has
        dropped because its buffer was full."""
        try:
            told = self._socket.getsockopt(socket.SOL_SOCKET, SO_MEMINFO, MEMINFO.size)
        except OSError:  # closed, or a kernel that does not tell
            return 0, 0
        if len(told) < MEMINFO.size:
            return 0, 0
        values = MEMINFO.unpack(told)
        return values[0], values[8]

    def close(self) -> None:
        """Stop reading and sending; what is queued is lost."""
        if self._socket.fileno() < 0:
            return
        self._loop.remove_reader(self._epoll.fileno())
        self._epoll.close()
        self._socket.close()
        self._queue.clear()

    def _ready(self) -> None:
        if self._queue:
            self._send_queue()
        try:
            count = self._drain()
        finally:
            self._sink.flush()
        if not count:
            self._read_errors()

    def _fragmented(self, flow: DatagramFlow, size: int) -> None:
        """Many peers and the boxes in front of them lose fragments: say so, but not each time."""
        self._counters.datagrams_fragmented += 1
        now = self._loop.time()
        if now >= self._warned + WARN_AGAIN:
            self._warned = now
            log.warning("datagram_fragmented", remote=flow.remote, octets=size)

    def _enqueue(self, flow: DatagramFlow, data: bytes) -> None:
        if self._socket.fileno() < 0 or len(self._queue) >= self._queue_limit:
            self._counters.datagrams_dropped += 1
            return
        if not self._queue:
            self._epoll.modify(self._socket.fileno(), select.EPOLLIN | select.EPOLLOUT)
        self._queue.append((flow, data))

    def _send_queue(self) -> None:
        waiting = self._queue
        self._queue = deque()
        while waiting:
            flow, data = waiting.popleft()
            self.send(flow, data)
            if self._queue:  # the buffer is full again and this datagram was put back
                self._queue.extend(waiting)
                return
        self._epoll.modify(self._socket.fileno(), select.EPOLLIN)

    def _send_again(self, flow: DatagramFlow, data: bytes) -> None:
        """A send also fails with the pending ICMP error of another datagram: read that one, then
        try once more.
        """
        if self._socket.fileno() < 0:
            return
        self._read_errors()
        try:
            self._transmit(flow, data)
        except BlockingIOError:
            self._enqueue(flow, data)
        except OSError:
            self._report(flow)
        else:
            self._counters.datagrams_out += 1
            self._counters.datagram_bytes_out += len(data)

    def _read_errors(self) -> None:
        for _ in range(ERROR_BATCH):
            try:
                _, control, _, address = self._socket.recvmsg(1, CONTROL_SPACE, socket.MSG_ERRQUEUE)
            except OSError:  # EAGAIN: the queue is empty
                return
            if address and any(undeliverable(value) for _, _, value in control):
                for flow in self._flows_to(address):
                    self._report(flow)

    def _report(self, flow: DatagramFlow) -> None:
        """Tell the sink in the next loop turn: it may be in the middle of its own sends."""
        self._counters.send_errors += 1
        if not self._unreachable:
            self._loop.call_soon(self._tell_unreachable)
        self._unreachable[flow] = None

    def _tell_unreachable(self) -> None:
        flows = self._unreachable
        self._unreachable = {}
        for flow in flows:
            self._sink.send_failed(flow)
        self._sink.flush()


class ConcreteSocket(DatagramSocket):
    """Bound to one address: the fast way."""

    def _drain(self) -> int:
        receive = self._sink.receive
        read = self._socket.recvfrom
        count = octets = 0
        for _ in range(self._batch):
            try:
                data, address = read(LARGEST_DATAGRAM)
            except OSError as error:
                if isinstance(error, BlockingIOError):
                    break
                self._read_errors()
                continue
            count += 1
            octets += len(data)
            if address[1]:  # nothing can be answered to port 0
                receive(self._flows.young.get(address) or self._meet(address), data)
        self._counters.datagrams_in += count
        self._counters.datagram_bytes_in += octets
        return count

    def _meet(self, address: SocketAddress) -> DatagramFlow:
        listener = self.listener
        return self._flows.get(address) or self._flows.add(
            address, DatagramFlow(self, (listener.host, listener.port), address, [])
        )

    def _transmit(self, flow: DatagramFlow, data: bytes) -> None:
        self._socket.sendto(data, flow.address)

    def _flows_to(self, address: SocketAddress) -> list[DatagramFlow]:
        flow = self._flows.get(address)
        return [] if flow is None else [flow]

    def flow_to(self, destination: Address, local: str) -> DatagramFlow:
        del local  # `listener_choice` has compared it
        return self._flows.get(destination) or self._meet(
            _socket_address(self.listener, destination)
        )


class WildcardSocket(DatagramSocket):
    """Bound to every address of its IP version: the address that was hit comes with each datagram
    and answers go out from it.
    """

    def __init__(
        self, bound: socket.socket, listener: Listener, sink: Sink, *, setting: DatagramSetting
    ) -> None:
        super().__init__(bound, listener, sink, setting=setting)
        self._family = bound.family
        self._span = (
            slice(0, 16) if listener.ipv6 else slice(4, 8)
        )  # the address within (in6_)pktinfo
        self._locals: dict[bytes, None] = {}
        self._routes = setting.routes

    def _drain(self) -> int:
        receive = self._sink.receive
        read = self._socket.recvmsg
        span = self._span
        count = octets = 0
        for _ in range(self._batch):
            try:
                data, control, _, address = read(LARGEST_DATAGRAM, CONTROL_SPACE)
            except OSError as error:
                if isinstance(error, BlockingIOError):
                    break
                self._read_errors()
                continue
            count += 1
            octets += len(data)
            local = control[0][2][span] if control else b""
            if address[1] and local:  # nothing can be answered to port 0
                receive(self._flows.young.get((local, address)) or self._meet(local, address), data)
        self._counters.datagrams_in += count
        self._counters.datagram_bytes_in += octets
        return count

    def _meet(self, local: bytes, address: SocketAddress) -> DatagramFlow:
        key: Hashable = (local, address)
        flow = self._flows.get(key)
        if flow is None:
            if len(self._locals) < LOCAL_ADDRESSES:
                self._locals[local] = None
            host = socket.inet_ntop(self._family, local)
            control = [self._source(local, address)]
            flow = DatagramFlow(self, (host, self.listener.port), address, control)
            self._flows.add(key, flow)
        return flow

    def _source(self, local: bytes, address: SocketAddress) -> tuple[int, int, bytes]:
        """The control message that makes `local` the source address of a datagram."""
        if self._family == socket.AF_INET6:
            scope = address[3] if len(address) == 4 else 0
            return (
                socket.IPPROTO_IPV6,
                socket.IPV6_PKTINFO,
                local + scope.to_bytes(4, sys.byteorder),
            )
        return (socket.IPPROTO_IP, IP_PKTINFO, bytes(4) + local + bytes(4))

    def _transmit(self, flow: DatagramFlow, data: bytes) -> None:
        self._socket.sendmsg((data,), flow.control, 0, flow.address)

    def _flows_to(self, address: SocketAddress) -> list[DatagramFlow]:
        found = [self._flows.get((local, address)) for local in self._locals]
        return [flow for flow in found if flow is not None]

    def flow_to(self, destination: Address, local: str) -> DatagramFlow:
        source = canonical(local) if local else self._routes.local_address(destination[0])
        return self._meet(
            socket.inet_pton(self._family, source), _socket_address(self.listener, destination)
        )


def _socket_address(listener: Listener, destination: Address) -> SocketAddress:
    """As the kernel would give it, so that a sent and a received datagram have one flow.

    OSError if the listener cannot send there: Python's sockets would raise other errors for that.
    """
    host, port = canonical(destination[0]), destination[1]
    if not 1 <= port <= LAST_PORT:
        raise OSError(f"port {port} is not in 1..{LAST_PORT}")
    if listener.ipv6 != (":" in host):
        raise OSError(f"{host} cannot be reached from {listener.host}")
    return (host, port, 0, 0) if listener.ipv6 else (host, port)
