"""Why an exchange cannot start on a PostgreSQL: one actionable line each, without any secret."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from pathlib import Path
from subprocess import CompletedProcess

import pytest

from tests.interop.harness.certificates import Certificate
from tests.interop.harness.exchange import OFFHOOK
from tests.interop.harness.postgres import PASSWORD, ROLE, Postgres, serving_postgres
from tests.interop.harness.process import LOOPBACK, free_port, run

pytestmark = [pytest.mark.interop("postgres"), pytest.mark.timeout(90)]

WRONG = "no-such-secret"


@pytest.fixture(scope="module")
def server(certificate: Certificate) -> Iterator[Postgres]:
    """One that offers TLS, with the certificate of the tests."""
    with serving_postgres() as running:
        running.use_certificate(certificate)
        running.sql("CREATE ROLE guest LOGIN PASSWORD 'guest-secret'", database="postgres")
        yield running


def offhook(
    folder: Path, storage: str, *, environment: dict[str, str] | None = None
) -> CompletedProcess[str]:
    """`offhook user list` opens the database and ends."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "password").write_text(PASSWORD)
    (folder / "wrong").write_text(WRONG)
    (folder / "guest").write_text("guest-secret")
    (folder / "offhook.toml").write_text(f"[storage]\n{storage}\n")
    clean = {"HOME": str(folder), **(environment or {})}
    return run([OFFHOOK, "user", "list"], folder=folder, timeout=20, environment=clean)


def line(done: CompletedProcess[str]) -> str:
    """The one line of a refusal."""
    assert done.returncode == 1, done.stdout + done.stderr
    (told,) = done.stderr.strip().splitlines()
    for secret in (PASSWORD, WRONG, "guest-secret"):
        assert secret not in told
    return told


def test_a_password_comes_from_a_file_the_environment_or_pgpass(
    server: Postgres, tmp_path: Path
) -> None:
    url = f'url = "{server.url(server.create_database())}"'
    done = offhook(tmp_path, f'{url}\npassword_file = "password"')
    assert (done.returncode, done.stderr) == (0, "")
    done = offhook(tmp_path, url, environment={"PGPASSWORD": PASSWORD})
    assert (done.returncode, done.stderr) == (0, "")
    pgpass = tmp_path / ".pgpass"
    pgpass.write_text(f"{LOOPBACK}:{server.port}:*:{ROLE}:{PASSWORD}\n")
    pgpass.chmod(0o600)
    done = offhook(tmp_path, url)
    assert (done.returncode, done.stderr) == (0, "")


def test_a_wrong_password(server: Postgres, tmp_path: Path) -> None:
    told = line(offhook(tmp_path, f'url = "{server.url("postgres")}"\npassword_file = "wrong"'))
    assert "password authentication failed" in told
    assert "storage.password_file" in told


def test_no_such_database(server: Postgres, tmp_path: Path) -> None:
    url = server.url("missing")
    told = line(offhook(tmp_path, f'url = "{url}"\npassword_file = "password"'))
    assert told.endswith(
        f'database {url}: database "missing" does not exist;'
        f" create it: createdb --owner {ROLE} missing"
    )


def test_missing_rights(server: Postgres, tmp_path: Path) -> None:
    url = server.url(server.create_database(), user="guest")
    told = line(offhook(tmp_path, f'url = "{url}"\npassword_file = "guest"'))
    assert "permission denied for schema public; make guest the owner" in told


def test_a_newer_database(server: Postgres, tmp_path: Path) -> None:
    database = server.create_database()
    server.sql(
        "CREATE TABLE alembic_version (version_num text);"
        " INSERT INTO alembic_version VALUES ('0099')",
        database=database,
    )
    told = line(offhook(tmp_path, f'url = "{server.url(database)}"\npassword_file = "password"'))
    assert "made by a newer offhook (schema 99" in told


def test_an_encoding_that_takes_no_names(server: Postgres, tmp_path: Path) -> None:
    server.sql(
        "CREATE DATABASE latin TEMPLATE template0 ENCODING 'LATIN1' LOCALE 'C'",
        database="postgres",
    )
    told = line(offhook(tmp_path, f'url = "{server.url("latin")}"\npassword_file = "password"'))
    assert "its encoding is LATIN1; create one with --encoding UTF8" in told


def test_nobody_there(tmp_path: Path) -> None:
    url = f"postgresql://{ROLE}@{LOOPBACK}:{free_port()}/x"
    assert "Connection refused; is PostgreSQL running there?" in line(
        offhook(tmp_path, f'url = "{url}"')
    )
    assert "there is no socket" in line(
        offhook(tmp_path, f'url = "postgresql://{ROLE}@/x?host={tmp_path}"')
    )


def test_somebody_who_says_nothing(tmp_path: Path) -> None:
    with socket.create_server((LOOPBACK, 0)) as silent:
        url = f"postgresql://{ROLE}@{LOOPBACK}:{silent.getsockname()[1]}/x"
        assert "did not answer in time" in line(offhook(tmp_path, f'url = "{url}"'))


def test_tls_is_verified_where_asked(
    server: Postgres, tmp_path: Path, certificate: Certificate
) -> None:
    storage = f'url = "{server.url(server.create_database())}"\npassword_file = "password"\n'
    trusted = f'ca = "{certificate.authority}"\n'
    done = offhook(tmp_path, storage + trusted + 'tls = "verify"')
    assert (done.returncode, done.stderr) == (0, "")
    done = offhook(tmp_path, storage + 'tls = "encrypt"')
    assert (done.returncode, done.stderr) == (0, "")
    told = line(offhook(tmp_path, storage + 'tls = "verify"'))
    assert "TLS with" in told
    assert "see storage.tls, storage.ca" in told


def test_tls_where_there_is_none(tmp_path: Path) -> None:
    with serving_postgres() as plain:
        told = line(offhook(tmp_path, f'url = "{plain.url("postgres")}"\ntls = "encrypt"'))
    assert "does not offer TLS" in told


def test_the_configuration_shows_no_password(server: Postgres, tmp_path: Path) -> None:
    offhook(tmp_path, f'url = "{server.url("postgres")}"\npassword_file = "password"')
    shown = run([OFFHOOK, "config"], folder=tmp_path, timeout=20)
    assert shown.returncode == 0
    assert PASSWORD not in shown.stdout
    refused = offhook(tmp_path, 'url = "postgresql://o:hidden-word@h/d"')
    assert refused.returncode == 2
    assert "storage.password_file" in refused.stderr
    assert "hidden-word" not in refused.stderr + refused.stdout
