"""A name server of the tests on loopback: answers from a zone over UDP and TCP, and can be told to
keep quiet, to take its time, to loop and to lie."""

from __future__ import annotations

import contextlib
import socket
import socketserver
import struct
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from typing import cast

import dns.exception
import dns.flags
import dns.message
import dns.name
import dns.rcode
import dns.rdatatype
import dns.rrset

from tests.interop.harness.process import LOOPBACK, free_port

__all__ = ["NameServer", "name_server"]

TTL = 60
LARGEST_ANSWER = 1232  # octets over UDP; more is fetched over TCP (RFC 9715)
Records = Mapping[tuple[str, str], Sequence[str]]  # (name, type): texts as in a zone file


class NameServer:
    """`records` are those of all zones; `quiet` are names about which nothing is said, `slow` how
    many seconds an answer about one takes."""

    def __init__(self, records: Records) -> None:
        self.records = dict(records)
        self.quiet: set[str] = set()
        self.slow: dict[str, float] = {}
        self.black_hole = False  # nothing is said about any name
        self.garbage: dict[str, bytes] = {}  # octets that are said about a name instead
        self.asked: list[tuple[str, str]] = []
        self.port = free_port()

    @property
    def setting(self) -> str:
        """The section of a configuration that names this server."""
        return f'[dns]\nservers = ["{LOOPBACK}:{self.port}"]'

    def answer(self, data: bytes) -> bytes | None:
        """The answer to one query, None for none."""
        try:
            query = dns.message.from_wire(data)
        except dns.exception.DNSException:
            return None
        name = query.question[0].name.to_text(omit_final_dot=True).lower()
        kind = dns.rdatatype.to_text(query.question[0].rdtype)
        self.asked.append((name, kind))
        if self.black_hole or name in self.quiet:
            return None
        time.sleep(self.slow.get(name, 0.0))
        if name in self.garbage:
            return data[:2] + self.garbage[name]
        response = dns.message.make_response(query)
        response.flags |= dns.flags.RA
        self._fill(response, name, kind)
        return response.to_wire()

    def _fill(self, response: dns.message.Message, name: str, kind: str) -> None:
        found: list[dns.rrset.RRset] = []
        for _ in range(40):  # a loop of aliases is told as it is, up to here
            alias = self.records.get((name, "CNAME"))
            if alias is None:
                break
            found.append(dns.rrset.from_text_list(f"{name}.", TTL, "IN", "CNAME", alias))
            name = alias[0].removesuffix(".")
        texts = self.records.get((name, kind))
        if texts is not None:
            found.append(dns.rrset.from_text_list(f"{name}.", TTL, "IN", kind, texts))
        response.answer += found
        if not found and not any(known == name for known, _ in self.records):
            response.set_rcode(dns.rcode.NXDOMAIN)


class _Datagrams(socketserver.ThreadingUDPServer):
    daemon_threads = True
    max_packet_size = 4096
    zone: NameServer


class _Streams(socketserver.ThreadingTCPServer):
    daemon_threads = True
    allow_reuse_address = True
    zone: NameServer


class _Datagram(socketserver.BaseRequestHandler):
    def handle(self) -> None:
        data, back = cast("tuple[bytes, socket.socket]", self.request)
        answer = cast(_Datagrams, self.server).zone.answer(data)
        if answer is None:
            return
        if len(answer) > LARGEST_ANSWER:
            cut = dns.message.make_response(dns.message.from_wire(data))
            cut.flags |= dns.flags.TC | dns.flags.RA
            answer = cut.to_wire()
        back.sendto(answer, self.client_address)


class _Stream(socketserver.StreamRequestHandler):
    def handle(self) -> None:
        head = self.rfile.read(2)
        if len(head) == 2:
            answer = cast(_Streams, self.server).zone.answer(
                self.rfile.read(struct.unpack("!H", head)[0])
            )
            if answer is not None:
                self.wfile.write(struct.pack("!H", len(answer)) + answer)


@contextlib.contextmanager
def name_server(records: Records) -> Iterator[NameServer]:
    """A running name server."""
    zone = NameServer(records)
    address = (LOOPBACK, zone.port)
    with _Datagrams(address, _Datagram) as datagrams, _Streams(address, _Stream) as streams:
        datagrams.zone = streams.zone = zone
        for server in (datagrams, streams):
            threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True).start()
        try:
            yield zone
        finally:
            datagrams.shutdown()
            streams.shutdown()
