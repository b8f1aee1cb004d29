"""The exchange on a real PostgreSQL: accounts and bindings live there and outlive a restart."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.interop.harness.endpoint import DOMAIN, Account
from tests.interop.harness.exchange import Exchange, Profile, Setup, serving
from tests.interop.harness.postgres import PASSWORD, Postgres, serving_postgres
from tests.interop.harness.process import until
from tests.interop.harness.wire import Draft, Response, Wire, credentials

pytestmark = pytest.mark.interop("postgres")

ALICE = Account("alice", "correct-horse-1")
OTHER = Account("alice", "changed-horse-2")


@pytest.fixture(scope="module")
def server() -> Iterator[Postgres]:
    with serving_postgres() as running:
        yield running


def storage(url: str, folder: Path) -> str:
    """The lines of `[storage]`, the password in a file."""
    folder.mkdir(parents=True, exist_ok=True)
    secret = folder / "database-password"
    secret.write_text(PASSWORD + "\n")
    return f'url = "{url}"\npassword_file = "{secret}"'


def setup(url: str, folder: Path) -> Setup:
    """One UDP listener that authenticates, alice's account."""
    return Setup((Profile(transports=("udp",)),), (ALICE,), storage=storage(url, folder))


def register(exchange: Exchange, account: Account) -> Response:
    """The final answer to a REGISTER with credentials; fails if there is none in 4 s."""
    uri = f"sip:{DOMAIN}"
    own = f"sip:{account.user}@{DOMAIN}"
    with Wire(exchange.endpoint.address("udp")) as wire:
        draft = Draft("REGISTER", uri, own, f"<{own}>")
        challenge = wire.final(draft.write(wire))
        assert challenge is not None
        assert challenge.status == 401
        answer = wire.final(draft.write(wire, credentials(challenge, account, "REGISTER", uri)))
        assert answer is not None
        return answer


@pytest.fixture(scope="module")
def database(server: Postgres) -> str:
    return server.create_database()


@pytest.fixture(scope="module")
def exchange(
    server: Postgres, database: str, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Exchange]:
    folder = tmp_path_factory.mktemp("exchange")
    with serving(folder, setup(server.url(database), folder)) as running:
        yield running


def test_an_account_and_its_registration_outlive_a_restart_and_a_crash(
    server: Postgres, database: str, exchange: Exchange
) -> None:
    assert register(exchange, ALICE).status == 200
    (before,) = exchange.ctl("registrations")
    exchange.stop()
    assert server.rows("bindings", database) == 1
    exchange.start()
    (after,) = exchange.ctl("registrations")
    assert (after["aor"], after["contact"]) == (before["aor"], before["contact"])
    assert register(exchange, ALICE).status == 200
    until(lambda: server.rows("bindings", database) == 2, timeout=1.0, what="written in a second")
    exchange.running.kill()
    start = time.monotonic()
    exchange.start()  # the lock of the dead process is free
    assert time.monotonic() - start < 5.0
    assert len(exchange.ctl("registrations")) == 2
    assert PASSWORD not in exchange.running.output


def test_accounts_that_others_change_count_within_a_second(
    server: Postgres, database: str, exchange: Exchange
) -> None:
    assert register(exchange, ALICE).status == 200
    words = ("user", "passwd", ALICE.address, "--password-stdin")
    changed = exchange.offhook(*words, stdin=OTHER.password + "\n")
    assert changed.returncode == 0, changed.stderr
    time.sleep(1.0)  # what the documentation promises
    assert register(exchange, ALICE).status == 401
    assert register(exchange, OTHER).status == 200
    server.sql("TRUNCATE accounts", database=database)  # by other means than ours
    time.sleep(1.0)
    assert register(exchange, OTHER).status == 401
