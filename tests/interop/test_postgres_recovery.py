"""What may happen to a PostgreSQL while an exchange serves with it: all of it heals, except a
second server, which is refused."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.interop.harness.endpoint import Account
from tests.interop.harness.exchange import Exchange, Profile, Setup, choose_ports, serving
from tests.interop.harness.postgres import PASSWORD, Postgres, serving_postgres
from tests.interop.harness.process import until
from tests.interop.harness.refreshing import Refreshing

pytestmark = [pytest.mark.interop("postgres"), pytest.mark.timeout(120)]

PHONES = [Account(f"phone{number}", f"secret-{number}") for number in range(20)]
HEALED = 8.0  # seconds from the return of the database until all is written


@pytest.fixture(scope="module")
def server() -> Iterator[Postgres]:
    with serving_postgres() as running:
        yield running


class Served:
    """An exchange with phones that refresh all the time."""

    def __init__(self, server: Postgres, database: str, exchange: Exchange) -> None:
        self.server, self.database, self.exchange = server, database, exchange
        lines = [f"{account.address} {account.password}\n" for account in PHONES]
        done = exchange.offhook("user", "import", "-", stdin="".join(lines))
        assert done.returncode == 0, done.stderr
        self.phones = Refreshing(exchange.endpoint.address("udp"), PHONES, 50)
        self.phones.register_all(timeout=20)
        self.phones.start()

    def status(self) -> dict[str, object]:
        done = self.exchange.offhook("ctl", "status", "--json")
        found: dict[str, object] = json.loads(done.stdout)
        return found

    def expect_healed(self) -> None:
        """No REGISTER went without its answer, and the last one of each phone is stored."""
        self.phones.pause()
        assert self.phones.silent() == []
        assert self.phones.slowest < 0.5
        assert set(self.phones.answers) <= {200, 401}
        until(self._stored, timeout=HEALED, what="all is stored")
        until(lambda: self.status()["status"] == "ok", timeout=HEALED, what="all is well")
        assert "Traceback" not in self.exchange.running.output

    def _stored(self) -> bool:
        query = "SELECT call_id, cseq FROM bindings"
        try:
            lines = self.server.sql(query, database=self.database).splitlines()
        except AssertionError:
            return False  # the tables are not there yet
        found = dict(line.split("@tests.invalid|") for line in lines)
        return found == {u: str(one.acknowledged) for u, one in self.phones.phones.items()}


def setup(server: Postgres, database: str, folder: Path) -> Setup:
    folder.mkdir(parents=True, exist_ok=True)
    secret = folder / "database-password"
    secret.write_text(PASSWORD)
    storage = f'url = "{server.url(database)}"\npassword_file = "{secret}"'
    return Setup((Profile(transports=("udp",)),), storage=storage)


@pytest.fixture(scope="module")
def only(server: Postgres, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    """The exchange of most tests; the last one leaves it without its database."""
    database, folder = server.create_database(), tmp_path_factory.mktemp("exchange")
    with serving(folder, setup(server, database, folder)) as exchange:
        made = Served(server, database, exchange)
        yield made
        made.phones.stop()


@pytest.fixture
def served(only: Served) -> Served:
    only.phones.resume()
    return only


def test_sessions_that_the_server_ends_are_replaced(served: Served) -> None:
    for _ in range(3):
        assert served.server.throw_out(served.database) >= 2
        until(lambda: served.status()["status"] == "ok", timeout=HEALED, what="healed")
    served.expect_healed()


def test_a_restart_of_the_database_heals(served: Served) -> None:
    served.server.stop()
    until(lambda: served.status()["status"] == "failed", timeout=6, what="the fault is told")
    served.server.start()
    served.expect_healed()


def test_what_a_database_lost_is_written_again(served: Served) -> None:
    """As a standby that lagged behind, or a backup."""
    database, sql = served.database, served.server.sql
    older = "regexp_replace(convert_from(value, 'UTF8'), ' [0-9]+ ', ' 0 ')"
    update = f"UPDATE settings SET value = convert_to({older}, 'UTF8') WHERE name = 'owner'"
    sql(f"BEGIN; DELETE FROM bindings; {update}; COMMIT", database=database)
    served.expect_healed()
    assert "storage.database_behind" in served.exchange.running.output


def test_a_second_server_is_refused_with_the_name_of_the_first(
    served: Served, tmp_path: Path
) -> None:
    wanted = setup(served.server, served.database, tmp_path / "second")
    second = Exchange(tmp_path / "second", wanted, choose_ports(wanted))
    second.prepare()
    done = second.offhook("serve", timeout=20)
    assert done.returncode == 1
    (line,) = done.stderr.strip().splitlines()
    assert "another server serves with it" in line
    assert f"process {served.exchange.running.pid}" in line
    assert PASSWORD not in line
    added = second.offhook("user", "add", "new@example.com", "--password-stdin", stdin="x\n")
    assert added.returncode == 0, added.stderr  # accounts belong to nobody
    served.expect_healed()


def test_an_empty_database_in_place_of_the_old_one_gets_all_bindings(
    server: Postgres, tmp_path: Path
) -> None:
    database = server.create_database()
    with serving(tmp_path, setup(server, database, tmp_path)) as exchange:
        served = Served(server, database, exchange)
        server.sql(f"DROP DATABASE {database} WITH (FORCE)", database="postgres")
        server.sql(f"CREATE DATABASE {database}", database="postgres")
        served.expect_healed()
        served.phones.stop()


def test_who_was_replaced_writes_no_more_and_says_so(served: Served) -> None:
    other = "convert_to('beef 1 other.example.com, process 1', 'UTF8')"
    served.server.sql(
        f"UPDATE settings SET value = {other} WHERE name = 'owner'; DELETE FROM bindings",
        database=served.database,
    )
    until(lambda: served.status()["status"] == "failed", timeout=5, what="the fault is told")
    assert "taken over by another server (other.example.com, process 1)" in str(
        served.status()["storage"]
    )
    served.phones.pause()
    assert served.phones.silent() == []  # from memory
    assert served.server.rows("bindings", served.database) == 0
