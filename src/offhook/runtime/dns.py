"""Answers to the questions of RFC 3263: hosts file, cache, then the name servers.

Nothing here blocks the loop: a name server that does not answer delays only who asked for that
name, and if it has answered before, what it said then is used again. Which names to ask for, and
what answers lead to, is decided in `transport.locate`.
"""

from __future__ import annotations

import asyncio
import ipaddress
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import dns.asyncresolver
import dns.exception
import dns.message
import dns.nameserver
import dns.rdata
import dns.rdatatype
import dns.resolver

from offhook.runtime.complaints import Complaints
from offhook.runtime.counters import Counters
from offhook.runtime.dns_backend import CancelSafeBackend
from offhook.runtime.dns_records import ASKED, answer_of
from offhook.runtime.hosts_file import parse_hosts
from offhook.transport.records import NOTHING, Answer, Kind, Question

__all__ = ["DEADLINE", "Resolver"]

DEADLINE = 3.0  # seconds for a whole look-up, both families
STRAGGLER = 0.5  # seconds that slower answers get once a faster one leads on
SHORTEST, LONGEST = 1.0, 3600.0  # seconds an answer is kept, between these its TTL
NEGATIVE_SHORTEST, NEGATIVE_LONGEST = (
    5.0,
    60.0,
)  # the same for "no such name" (RFC 2308) and for silence
STALE = 86_400.0  # seconds that an old answer may stand in for one that does not come (RFC 8767 4)
STALE_PATIENCE = 1.0  # seconds that a name server gets while there is an old answer
STALE_KEPT = 30.0  # seconds until the name servers are asked again (RFC 8767 4)
CACHED = 8192  # answers, some 5 MB; the oldest is forgotten first
AT_ONCE = 256  # look-ups under way, two sockets each; further ones are answered with nothing
PER_DOMAIN = 64  # the same for names with one ending: a dead domain leaves room for others
HOSTS_FILE = Path("/etc/hosts")
TRY = 1.0  # seconds until the next name server, or the same one again, is asked

Answered = Callable[[Answer], None]
AnswerAll = Callable[[Sequence[Answer]], None]


@dataclass(slots=True)
class _Known:
    """A cached answer. Times are those of the loop."""

    answer: Answer
    until: float
    stale_until: float  # it stands in for a newer one until then, however often


@dataclass(slots=True)
class _Found:
    """What one question of dnspython gave; `fault` is why that is not the truth, "" if it is."""

    records: Sequence[dns.rdata.Rdata]
    keep: float  # seconds
    fault: str = ""


class _Waiting:
    """Several questions that are answered together."""

    def __init__(self, loop: asyncio.AbstractEventLoop, count: int, answer: AnswerAll) -> None:
        self._loop = loop
        self._answers: list[Answer | None] = [None] * count
        self._answer: AnswerAll | None = answer
        self._straggler: asyncio.TimerHandle | None = None

    def fill(self, index: int, answer: Answer) -> None:
        """One of them is answered."""
        if self._answer is None:
            return
        self._answers[index] = answer
        if None not in self._answers:
            self._end()
        elif answer.srv and self._straggler is None:
            # only servers: addresses of the domain itself are what is left without them
            self._straggler = self._loop.call_later(STRAGGLER, self._end)

    def _end(self) -> None:
        if self._straggler is not None:
            self._straggler.cancel()
        answer, self._answer = self._answer, None
        if answer is not None:
            answer([found or NOTHING for found in self._answers])


class Resolver:
    """Asks the DNS. Make it on a running loop. `name_servers` replaces the system's; `deadline` is
    that of one question in seconds."""

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
        self._complaints = Complaints(self._loop.time)
        self._cache: dict[Question, _Known] = {}
        self._waiting: dict[Question, list[Answered]] = {}
        self._domains: dict[str, int] = {}  # look-ups under way by the end of their names
        self._tasks: set[asyncio.Task[None]] = set()
        self._closed = False

    def resolve(self, questions: Sequence[Question], answer: AnswerAll) -> None:
        """Call `answer` once, possibly before this returns, with an answer for each question."""

        def tell(answers: Sequence[Answer]) -> None:
            if not self._closed:
                answer(answers)

        waiting = _Waiting(self._loop, len(questions), tell)
        for index, question in enumerate(questions):
            name = question.name.removesuffix(".").lower()
            self._resolve(replace(question, name=name), _filler(waiting, index))

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
        self._closed = True
        self._waiting.clear()
        tasks = list(self._tasks)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    def _resolve(self, question: Question, answered: Answered) -> None:
        known = self._known(question)
        if known is not None:
            answered(known)
        elif question in self._waiting:
            self._waiting[question].append(answered)
        elif self._full(question):
            self._counters.lookups_refused += 1
            stale = self._stale(question)
            answered(NOTHING if stale is None else stale.answer)
        else:
            self._waiting[question] = [answered]
            domain = _domain(question)
            self._domains[domain] = self._domains.get(domain, 0) + 1
            task = self._loop.create_task(self._look_up(question))
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)

    def _full(self, question: Question) -> bool:
        if len(self._waiting) >= AT_ONCE:
            return True
        return self._domains.get(_domain(question), 0) >= PER_DOMAIN

    # what needs no question -----------------------------------------------------------------------
    def _known(self, question: Question) -> Answer | None:
        cached = self._cache.get(question)
        if cached is not None and cached.until > self._loop.time():
            return cached.answer
        name = question.name
        if question.kind is not Kind.ADDRESSES:
            # a name of the hosts file has an address and nothing else
            return NOTHING if _owner(name) in self._hosts else None
        try:
            return Answer(addresses=(str(ipaddress.ip_address(name.strip("[]"))),))
        except ValueError:
            found = self._hosts.get(name)
            return Answer(addresses=found) if found is not None else None

    def _stale(self, question: Question) -> _Known | None:
        cached = self._cache.get(question)
        if cached is None or cached.answer == NOTHING or self._loop.time() > cached.stale_until:
            return None
        return cached

    # what does ------------------------------------------------------------------------------------
    async def _look_up(self, question: Question) -> None:
        stale = self._stale(question)
        deadline = self._deadline if stale is None else min(self._deadline, STALE_PATIENCE)
        found = await self._every_type(question, deadline)
        answer, keep = answer_of(question.kind, found.records), found.keep
        if answer == NOTHING:
            self._counters.lookups_failed += 1
            if found.fault:
                self._complaints.tell(
                    "lookup_failed",
                    kind=question.kind.name,
                    name=question.name,
                    reason=found.fault,
                    stale=stale is not None,
                )
        until = self._loop.time() + keep
        known = _Known(answer, until, until + STALE)
        if found.fault and answer == NOTHING and stale is not None:
            self._counters.lookups_stale += 1
            known = replace(stale, until=self._loop.time() + STALE_KEPT)
        self._remember(question, known)
        domain = _domain(question)
        self._domains[domain] -= 1
        if not self._domains[domain]:
            del self._domains[domain]
        for answered in self._waiting.pop(question, ()):
            answered(known.answer)

    def _remember(self, question: Question, known: _Known) -> None:
        self._cache.pop(question, None)  # the newest is the last
        if len(self._cache) >= CACHED:
            del self._cache[next(iter(self._cache))]
        self._cache[question] = known

    async def _every_type(self, question: Question, deadline: float) -> _Found:
        """Ask for all types at once; a second answer may be waited for only shortly."""
        asked = [
            asyncio.ensure_future(self._ask(question.name, kind, deadline))
            for kind in ASKED[question.kind]
        ]
        try:
            done, late = await asyncio.wait(asked, return_when=asyncio.FIRST_COMPLETED)
            if late and done.pop().result().records:
                await asyncio.wait(late, timeout=STRAGGLER)
            elif late:
                await asyncio.wait(late)
        finally:
            for task in asked:
                task.cancel()
            await asyncio.gather(*asked, return_exceptions=True)
        answers = [task.result() for task in asked if not task.cancelled()]
        records = [record for found in answers for record in found.records]
        keep = min(found.keep for found in answers if found.records or not records)
        fault = next((each.fault for each in answers if each.fault), "")
        if fault or len(answers) < len(asked):  # a family is missing
            keep = min(keep, NEGATIVE_LONGEST)
        return _Found(records, keep, fault)

    async def _ask(self, name: str, kind: dns.rdatatype.RdataType, deadline: float) -> _Found:
        """One type. Never raises: an error is an empty answer, kept for a while."""
        self._counters.lookups += 1
        try:
            async with asyncio.timeout(deadline):
                answer = await self._resolver.resolve(
                    name,
                    kind,
                    raise_on_no_answer=False,
                    lifetime=deadline,
                    search="." not in name,
                    backend=self._backend,
                )
        except dns.resolver.NXDOMAIN as error:
            return _Found((), _negative(error))
        except (TimeoutError, dns.exception.Timeout):
            return _Found((), NEGATIVE_SHORTEST, f"no answer within {deadline:g} s")
        except (dns.exception.DNSException, OSError, ValueError) as error:
            return _Found((), NEGATIVE_SHORTEST, _reason(error))
        ttl = answer.chaining_result.minimum_ttl
        if answer.rrset is None:
            return _Found((), min(max(ttl, NEGATIVE_SHORTEST), NEGATIVE_LONGEST))
        return _Found(list(answer.rrset), min(max(ttl, SHORTEST), LONGEST))


def _filler(waiting: _Waiting, index: int) -> Answered:
    return lambda answer: waiting.fill(index, answer)


def _owner(name: str) -> str:
    """The domain whose service a name is: "_sip._udp.example.com" is one of example.com."""
    while name.startswith("_"):
        name = name.partition(".")[2]
    return name


def _domain(question: Question) -> str:
    """What names of one owner end with, roughly: their last two labels."""
    return ".".join(question.name.rsplit(".", 2)[-2:])


def _reason(error: Exception) -> str:
    """One short line; the texts of dnspython go on for pages."""
    if isinstance(error, dns.resolver.NoNameservers):
        return "no name server gave a usable answer"
    return str(error).partition("\n")[0][:200] or type(error).__name__


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
