"""PostgreSQL stands still while calls and refreshes go on: nothing waits, nothing is lost.

The server's processes are stopped (SIGSTOP), so that connections stay open and say nothing, as with
a hung disk or a host that is gone. Calls must be routed and refreshes answered from memory.
"""

from __future__ import annotations

import contextlib
import json
import time
import tomllib
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.interop.harness.endpoint import DOMAIN, Account
from tests.interop.harness.exchange import Exchange, Profile, Setup, serving
from tests.interop.harness.postgres import PASSWORD, Postgres, serving_postgres
from tests.interop.harness.process import LOOPBACK, until
from tests.interop.harness.refreshing import Refreshing
from tests.interop.harness.sipp import SERVER_CORE, Load, Result, Sipp
from tests.interop.harness.wire import Draft, Response, Wire, credentials

pytestmark = [pytest.mark.interop("postgres", "sipp"), pytest.mark.timeout(150)]

INTERNAL = Profile("internal", ("udp",))
OPEN = Profile("open", ("udp",), authenticate=False, registrar=True)
PHONES = [Account(f"phone{number}", f"secret-{number}") for number in range(200)]
STRANGERS = [Account(f"stranger{number}", f"secret-{number}") for number in range(20)]
REFRESHES = 100  # a second
CALLS = 40  # a second
WORST = 0.5  # seconds that an answer may take: T1, after which a phone would repeat itself
UNSAVED = 1.0  # seconds of acknowledged registrations that a crash may cost, as documented

MANY = """
INSERT INTO bindings SELECT 'sip:many' || n || '@example.com', 0, 'sip:many' || n || '@192.0.2.1',
 extract(epoch FROM now()) + 3600, 1000, 'many' || n || '@many.invalid', 1, '', '',
 'udp/192.0.2.9:5060/192.0.2.1:5060', 0, 'agent', extract(epoch FROM now()), ''
 FROM generate_series(1, 100000) n
"""


@pytest.fixture(scope="module")
def server() -> Iterator[Postgres]:
    with serving_postgres() as running:
        yield running


@contextlib.contextmanager
def exchange_on(server: Postgres, database: str, folder: Path) -> Iterator[Exchange]:
    """An exchange with the phones' accounts, on a processor of its own."""
    folder.mkdir(parents=True, exist_ok=True)
    secret = folder / "database-password"
    secret.write_text(PASSWORD + "\n")
    storage = f'url = "{server.url(database)}"\npassword_file = "{secret}"'
    setup = Setup((INTERNAL, OPEN), storage=storage, core=SERVER_CORE)
    with serving(folder, setup) as exchange:
        lines = [f"{account.address} {account.password}\n" for account in PHONES + STRANGERS]
        done = exchange.offhook("user", "import", "-", stdin="".join(lines))
        assert done.returncode == 0, done.stderr
        time.sleep(1.0)  # what was looked up before the server hears of the import is forgotten
        yield exchange


def status(exchange: Exchange) -> dict[str, object]:
    """What `/health` says: it costs no process, which a busy machine may be slow to start."""
    listen = tomllib.loads(exchange.configuration.read_text())["admin"]["listen"]
    try:
        with urllib.request.urlopen(f"http://{listen}/health", timeout=5) as answer:
            text = answer.read()
    except urllib.error.HTTPError as refusal:  # 503 while there is a fault
        text = refusal.read()
        refusal.close()
    found: dict[str, object] = json.loads(text)
    return found


def stored(server: Postgres, database: str) -> dict[str, int]:
    """The CSeq of each phone in the database."""
    query = "SELECT call_id, cseq FROM bindings WHERE aor LIKE 'sip:phone%'"
    lines = server.sql(query, database=database).splitlines()
    rows = [line.split("|") for line in lines]
    return {call_id.partition("@")[0]: int(cseq) for call_id, cseq in rows}


def all_stored(server: Postgres, database: str, phones: Refreshing) -> bool:
    found = stored(server, database)
    return all(found.get(user) == one.acknowledged for user, one in phones.phones.items())


def first_registration(exchange: Exchange, account: Account) -> tuple[Response | None, float]:
    """The answer to the first REGISTER with credentials of an account, and how long it took."""
    uri, own = f"sip:{DOMAIN}", f"sip:{account.user}@{DOMAIN}"
    with Wire(exchange.endpoints["internal"].address("udp")) as wire:
        draft = Draft("REGISTER", uri, own, f"<{own}>")
        challenge = wire.final(draft.write(wire))
        assert challenge is not None
        start = time.monotonic()
        data = draft.write(wire, credentials(challenge, account, "REGISTER", uri))
        return wire.final(data, timeout=6), time.monotonic() - start


def run_frozen(server: Postgres, folder: Path, database: str, seconds: int) -> None:
    """Load before, during and after a freeze of so many seconds."""
    with exchange_on(server, database, folder) as exchange:
        phones = Refreshing(exchange.endpoints["internal"].address("udp"), PHONES, REFRESHES)
        phones.register_all(timeout=30)
        until(lambda: all_stored(server, database, phones), timeout=3, what="all are stored")
        calls = CALLS * (seconds + 4)
        answerer = Sipp(folder, "answerer", Load(calls))
        contact = {"contact": f"sip:service@{LOOPBACK}:{answerer.port}"}
        target = exchange.endpoints["open"].address("udp")
        registrant = Sipp(folder, "register", Load(keys=contact), target=target)
        assert registrant.finish(timeout=15).successful == 1
        phones.start()
        caller = Sipp(folder, "caller", Load(calls, CALLS), target=target)
        time.sleep(1.0)
        try:
            with server.frozen():
                thaw = time.monotonic() + seconds
                told = time.monotonic()
                until(lambda: status(exchange)["status"] == "failed", timeout=6, what="a fault")
                assert time.monotonic() - told < 5.0
                # whom nobody knows yet waits for the deadline, and no one else does
                answer, waited = first_registration(exchange, STRANGERS[0])
                assert answer is not None
                assert answer.status == 503
                assert waited < 3.0
                time.sleep(max(0.0, thaw - time.monotonic()))
            result = caller.finish(timeout=30)
        finally:
            answerer.stop()
            caller.stop()
            phones.stop()
        assert result == Result(calls, calls, 0, 0, 0), caller.explain()
        assert phones.silent() == [], phones.answers
        assert phones.slowest < WORST
        until(lambda: all_stored(server, database, phones), timeout=5, what="nothing is lost")
        until(lambda: status(exchange)["status"] == "ok", timeout=5, what="all is well")
        assert status(exchange)["unsaved"] == 0
        answer, _ = first_registration(exchange, STRANGERS[0])
        assert answer is not None
        assert answer.status == 200
        output = exchange.running.output
        assert 1 <= output.count("storage.write_failed") <= 1 + seconds // 60
        assert PASSWORD not in output
        assert "Traceback" not in output


def test_calls_and_refreshes_go_on_while_the_database_is_frozen(
    server: Postgres, tmp_path: Path
) -> None:
    run_frozen(server, tmp_path, server.create_database(), 12)  # longer than any deadline


@pytest.mark.soak
def test_a_hundred_thousand_contacts_and_half_a_minute(server: Postgres, tmp_path: Path) -> None:
    database = server.create_database()
    with exchange_on(server, database, tmp_path):
        """The tables are there now."""
    server.sql(MANY, database=database)
    run_frozen(server, tmp_path, database, 30)
    assert (
        server.rows("bindings", database) == 100_000 + len(PHONES) + 2
    )  # the called one, a stranger


def test_a_crash_while_frozen_loses_what_was_not_written_and_no_more(
    server: Postgres, tmp_path: Path
) -> None:
    database = server.create_database()
    with exchange_on(server, database, tmp_path) as exchange:
        phones = Refreshing(exchange.endpoints["internal"].address("udp"), PHONES, REFRESHES)
        phones.register_all(timeout=30)
        time.sleep(UNSAVED)
        owed = {user: phone.acknowledged for user, phone in phones.phones.items()}
        with server.frozen():
            phones.start()
            time.sleep(3.0)
            phones.stop()
            exchange.running.kill()
        assert phones.silent() == []
        exchange.start()
        assert len(exchange.ctl("registrations")) == len(PHONES)
        found = stored(server, database)
        assert {user: found[user] for user in owed} == owed
        with server.frozen():
            more = Refreshing(exchange.endpoints["internal"].address("udp"), STRANGERS[:1], 10)
            with pytest.raises(AssertionError, match="not all were registered"):
                more.register_all(timeout=3)  # nobody knows them, and nobody can ask
            more.stop()
            start = time.monotonic()
            exchange.stop()
            assert time.monotonic() - start < 19.0
