"""Addresses of host names: hosts file, cache, then both families asked of the name servers at once
(RFC 3263 4.2).

Nothing here blocks the loop: a name server that does not answer delays only who asked for that
name. Which name to ask for is decided in `transport` (next hop); SRV and NAPTR are not asked here.
"""

from __future__ import annotations

import asyncio
import ipaddress
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path

import dns.asyncresolver
import dns.exception
import dns.message
import dns.nameserver
import dns.rdatatype
import dns.resolver

from offhook.runtime.counters import Counters
from offhook.runtime.dns_backend import CancelSafeBackend
from offhook.runtime.hosts_file import parse_hosts

__all__ = ["Resolver"]

DEADLINE = 3.0  # seconds for a whole look-up, both families
STRAGGLER = 0.5  # seconds that the slower family gets once the faster has given addresses
SHORTEST, LONGEST = 1.0, 3600.0  # seconds an answer is kept, between these its TTL
NEGATIVE_SHORTEST, NEGATIVE_LONGEST = (
    5.0,
    60.0,
)  # the same for "no such name" (RFC 2308) and for silence
CACHED = 8192  # names; the oldest is forgotten first
AT_ONCE = 256  # look-ups under way, two sockets each; further ones are answered with nothing
HOSTS_FILE = Path("/etc/hosts")
TRY = 1.0  # seconds until the next name server, or the same one again, is asked

Answer = Callable[[Sequence[str]], None]
Family = tuple[list[str], float]  # addresses, seconds to keep them


class Resolver:
    """Looks up addresses. Make it on a running loop. `name_servers` replaces the system's."""

    def __init__(
        self,
        *,
        counters: Counters,
        name_servers: Sequence[tuple[str, int]] = (),
        hosts_file: Path = HOSTS_FILE,
        deadline: float = DEADLINE,
    ) -> None:
        self._counters = counters
        self._deadline = deadline
        self._hosts = parse_hosts(_text(hosts_file))
        self._resolver = _resolver(name_servers)
        self._backend = CancelSafeBackend()
        self._loop = asyncio.get_running_loop()
        self._cache: dict[
            str, tuple[tuple[str, ...], float]
        ] = {}  # addresses, loop time of their end
        self._waiting: dict[str, list[Answer]] = {}
        self._tasks: set[asyncio.Task[None]] = set()

    def resolve(self, host: str, answer: Answer) -> None:
        """Call `answer` once, possibly before this returns: IPv4 addresses, then IPv6; none if
        there are none in time.
        """
        name = host.removesuffix(".").lower()
        known = self._known(name)
        if known is not None:
            answer(known)
        elif name in self._waiting:
            self._waiting[name].append(answer)
        elif len(self._waiting) >= AT_ONCE:
            self._counters.lookups_refused += 1
            answer(())
        else:
            self._waiting[name] = [answer]
            task = self._loop.create_task(self._look_up(name))
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)

    @property
    def remembered(self) -> int:
        """Names in the cache."""
        return len(self._cache)

    @property
    def waiting(self) -> int:
        """Names being looked up."""
        return len(self._waiting)

    async def close(self) -> None:
        """End the look-ups under way; nobody is answered any more."""
        self._waiting.clear()
        tasks = list(self._tasks)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    def _known(self, name: str) -> tuple[str, ...] | None:
        cached = self._cache.get(name)
        if cached is not None:
            if cached[1] > self._loop.time():
                return cached[0]
            del self._cache[name]
        try:
            return (str(ipaddress.ip_address(name.strip("[]"))),)
        except ValueError:
            return self._hosts.get(name)

    async def _look_up(self, name: str) -> None:
        addresses, keep = await self._both_families(name)
        if not addresses:
            self._counters.lookups_failed += 1
        if len(self._cache) >= CACHED:
            del self._cache[next(iter(self._cache))]
        self._cache[name] = (tuple(addresses), self._loop.time() + keep)
        for answer in self._waiting.pop(name, ()):
            answer(tuple(addresses))

    async def _both_families(self, name: str) -> Family:
        """Ask for A and AAAA; the second answer may be waited for only shortly."""
        asked = [
            asyncio.ensure_future(self._ask(name, kind))
            for kind in (dns.rdatatype.A, dns.rdatatype.AAAA)
        ]
        try:
            done, late = await asyncio.wait(asked, return_when=asyncio.FIRST_COMPLETED)
            if late and done.pop().result()[0]:
                await asyncio.wait(late, timeout=STRAGGLER)
            elif late:
                await asyncio.wait(late)
        finally:
            for task in asked:
                task.cancel()
            await asyncio.gather(*asked, return_exceptions=True)
        answers = [task.result() for task in asked if not task.cancelled()]
        addresses = [address for found, _ in answers for address in found]
        keep = min(keep for found, keep in answers if found or not addresses)
        complete = len(answers) == len(asked)
        return addresses, keep if complete else min(keep, NEGATIVE_LONGEST)

    async def _ask(self, name: str, kind: dns.rdatatype.RdataType) -> Family:
        """One family. Never raises: an error is an empty answer, kept for a while."""
        self._counters.lookups += 1
        try:
            async with asyncio.timeout(self._deadline):
                answer = await self._resolver.resolve(
                    name,
                    kind,
                    raise_on_no_answer=False,
                    lifetime=self._deadline,
                    search="." not in name,
                    backend=self._backend,
                )
        except dns.resolver.NXDOMAIN as error:
            return [], _negative(error)
        except (dns.exception.DNSException, OSError, ValueError):
            return [], NEGATIVE_SHORTEST
        ttl = answer.chaining_result.minimum_ttl
        if answer.rrset is None:
            return [], min(max(ttl, NEGATIVE_SHORTEST), NEGATIVE_LONGEST)
        addresses = [record.to_text() for record in answer.rrset]
        return addresses, min(max(ttl, SHORTEST), LONGEST)


def _negative(error: dns.resolver.NXDOMAIN) -> float:
    """How long to believe that there is no such name: as its zone says, within our bounds."""
    responses: Iterable[dns.message.QueryMessage] = error.kwargs.get("responses", {}).values()
    ttls = [float(response.resolve_chaining().minimum_ttl) for response in responses]
    return min(max(min(ttls, default=0.0), NEGATIVE_SHORTEST), NEGATIVE_LONGEST)


def _resolver(name_servers: Sequence[tuple[str, int]]) -> dns.asyncresolver.Resolver:
    try:
        resolver = dns.asyncresolver.Resolver(configure=not name_servers)
    except (
        dns.resolver.NoResolverConfiguration
    ):  # every question fails at once; the hosts file still answers
        resolver = dns.asyncresolver.Resolver(configure=False)
    if name_servers:
        resolver.nameservers = [
            dns.nameserver.Do53Nameserver(host, port) for host, port in name_servers
        ]
    resolver.timeout = TRY
    return resolver


def _text(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8", errors="replace")
    except OSError:
        return ""
