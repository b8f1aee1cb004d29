"""Several servers behind a fork that ask for credentials: the caller gets all challenges at once
and each server the credentials of its realm (RFC 3261 16.7 step 7, 22.3)."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

import pytest

from offhook.auth import (
    DigestClient,
    DigestGuard,
    Learned,
    NonceRegistry,
    Verdict,
    credentials_for,
    ha1_of_all,
)
from offhook.exchange import Decision, Exchange, Request
from offhook.message import Message
from offhook.testing import (
    Peer,
    ProfileSettings,
    ServerSettings,
    World,
    build_request,
    build_response,
    run,
)
from offhook.testing.wire import EPOCH

SERVER = ("192.0.2.1", 5060)
CALLER = ("198.51.100.1", 5060)
PLACES = {"one.example": "198.51.100.11", "two.example": "198.51.100.12"}
USERS = {
    "example.com": ("alice", "alice-secret"),
    "one.example": ("uno", "secret-1"),
    "two.example": ("due", "secret-2"),
}
OPEN = ServerSettings(profiles={"p": ProfileSettings(authenticate=False)})


class Challenging:
    """A server that asks for credentials of its realm with 401 or 407, and says 480 with them."""

    def __init__(self, world: World, peer: Peer, realm: str, status: int) -> None:
        self.world = world
        self.peer = peer
        self.realm = realm
        self.status = status
        self.admitted: list[Message] = []
        self.guard = DigestGuard(NonceRegistry(realm.encode() * 4), algorithms=("SHA-256", "MD5"))

    async def serve(self) -> None:
        """Until it is cancelled."""
        while True:
            request = await self.peer.next(within=1000)
            if request.method == "INVITE":
                await self.answer(request)

    async def answer(self, invite: Message) -> None:
        """Challenge, or take it."""
        proxy, now = self.status == 407, EPOCH + self.world.now
        found = credentials_for(invite, proxy=proxy, realm=self.realm)
        user, password = USERS[self.realm]
        secrets = ha1_of_all(user, self.realm, password)
        verdict = self.guard.check(
            found, secrets, message=invite, source=SERVER[0], now=now
        ).verdict
        headers: Sequence[tuple[str, str]] = ()
        status = 480
        if verdict is Verdict.OK:
            self.admitted.append(invite)
        else:
            name = "Proxy-Authenticate" if proxy else "WWW-Authenticate"
            values = self.guard.challenge(self.realm, source=SERVER[0], now=now)
            headers = [(name, value) for value in values]
            status = self.status
        await self.peer.send(build_response(invite.to_bytes(), status, headers=headers), SERVER)


class Caller:
    """A phone with an account at each realm."""

    def __init__(self, peer: Peer) -> None:
        self.peer = peer
        self.clients = {
            realm: DigestClient(user, password, realm=realm)
            for realm, (user, password) in USERS.items()
        }
        self.cseq = 0
        self.proofs: dict[str, list[tuple[str, str]]] = {}

    async def invite(self) -> Message:
        """One INVITE with all that is known: its final response."""
        self.cseq += 1
        uri = "sip:bob@example.com"
        self.proofs = {
            realm: client.headers("INVITE", uri, cnonce=f"c{self.cseq}")
            for realm, client in self.clients.items()
        }
        data = build_request(
            "INVITE",
            uri,
            source=CALLER,
            branch=f"z9hG4bKcaller{self.cseq}",
            cseq=self.cseq,
            caller="<sip:alice@example.com>;tag=a",
            headers=[line for proof in self.proofs.values() for line in proof],
        )
        await self.peer.send(data, SERVER)
        while (answer := await self.peer.next()).status < 200:
            pass
        ack = data.replace(b"INVITE sip", b"ACK sip", 1).replace(b" INVITE\r\n", b" ACK\r\n")
        await self.peer.send(ack, SERVER)
        return answer

    def learn(self, answer: Message) -> list[str]:
        """The realms whose challenges can be answered."""
        return [
            realm
            for realm, client in self.clients.items()
            if client.learn(answer, self.proofs[realm]) is Learned.RETRY
        ]


def forking() -> Exchange:
    exchange = Exchange()

    @exchange.request("INVITE")
    async def invite(request: Request) -> Decision:
        return request.fork([f"sip:x@{host}" for host in PLACES.values()])

    return exchange


def realms(answer: Message) -> list[tuple[str, str]]:
    """(header, realm) of the challenges, in their order."""
    return [
        (name, value.partition('realm="')[2].partition('"')[0])
        for name in ("www-authenticate", "proxy-authenticate")
        for value in answer.get_all(name)
    ]


@pytest.mark.rfc("3261", "16.7")
@pytest.mark.parametrize("statuses", [(407, 407), (401, 401), (401, 407), (407, 401)])
@pytest.mark.parametrize("own", [False, True], ids=["open", "authenticated"])
def test_the_caller_gets_all_challenges_and_each_server_its_credentials(
    statuses: tuple[int, int], own: bool
) -> None:
    async def story(world: World) -> None:
        servers = [
            Challenging(world, await Peer.at(world.wire, host), realm, status)
            for (realm, host), status in zip(PLACES.items(), statuses, strict=True)
        ]
        serving = [asyncio.ensure_future(each.serve()) for each in servers]
        caller = Caller(await Peer.at(world.wire, *CALLER))
        if own:  # our own challenge comes first, alone
            answer = await caller.invite()
            assert (answer.status, caller.learn(answer)) == (407, ["example.com"])
        answer = await caller.invite()
        assert answer.status == min(statuses)
        found = realms(answer)
        assert len(found) == 4  # two algorithms of each
        assert {realm for _, realm in found} == set(PLACES)
        names = {401: "www-authenticate", 407: "proxy-authenticate"}
        for realm, status in zip(PLACES, statuses, strict=True):
            assert (names[status], realm) in found
        learned = caller.learn(answer)
        assert learned == list(PLACES)
        assert (await caller.invite()).status == 480  # both have let it in, and nobody is there
        assert [len(each.admitted) for each in servers] == [1, 1]
        for each in servers:  # what was for us is taken out, what is for others is not
            values = each.admitted[0].get_all("authorization")
            values += each.admitted[0].get_all("proxy-authorization")
            assert sorted("one.example" in value for value in values) == [False, True]
        for task in serving:
            task.cancel()
        await asyncio.gather(*serving, return_exceptions=True)

    run(story, forking(), settings=None if own else OPEN, delay=(0.01, 0.01))
