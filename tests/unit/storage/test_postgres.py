"""What is said to PostgreSQL and to whom, without one; the interop tests have a real one."""

from __future__ import annotations

import ssl
import sys
from pathlib import Path

import pytest

from offhook.errors import StartError
from offhook.storage.address import Access, PostgresAddress
from offhook.storage.opening import open_storage
from offhook.storage.postgres import PostgresDatabase, _arguments, _columns

HERE = PostgresAddress("127.0.0.1", 5432, "offhook", "sip")
FAR = PostgresAddress("db.example.com", 5432, "offhook", "sip")
SOCKET = PostgresAddress("/run/pg", 5432, "offhook", "sip")


def test_the_first_line_of_a_file_is_the_password(tmp_path: Path) -> None:
    file = tmp_path / "password"
    file.write_text("open sesame \r\nand more\n")
    assert _arguments(HERE, Access(file))["password"] == "open sesame "
    assert "password" not in _arguments(HERE, Access())  # PGPASSWORD and ~/.pgpass have their say


def test_a_password_file_that_cannot_be_read_is_named(tmp_path: Path) -> None:
    with pytest.raises(StartError, match=r"storage.password_file: cannot read .*: No such file"):
        _arguments(HERE, Access(tmp_path / "missing"))
    binary = tmp_path / "binary"
    binary.write_bytes(b"\xff\xfe")
    with pytest.raises(StartError, match="not UTF-8"):
        _arguments(HERE, Access(binary))


def test_a_name_shows_no_password(tmp_path: Path) -> None:
    file = tmp_path / "password"
    file.write_text("open sesame")
    assert PostgresDatabase(HERE, Access(file)).name == "postgresql://offhook@127.0.0.1:5432/sip"


@pytest.mark.parametrize(
    ("address", "access"),
    [(HERE, Access()), (SOCKET, Access(tls="verify")), (FAR, Access(tls="off"))],
)
def test_where_there_is_no_tls(address: PostgresAddress, access: Access) -> None:
    assert _arguments(address, access)["ssl"] is False


@pytest.mark.parametrize(
    ("address", "access", "verified"),
    [
        (FAR, Access(), True),
        (HERE, Access(tls="verify"), True),
        (HERE, Access(tls="encrypt"), False),
        (FAR, Access(tls="encrypt"), False),
    ],
)
def test_where_there_is_tls(address: PostgresAddress, access: Access, verified: bool) -> None:
    context = _arguments(address, access)["ssl"]
    assert isinstance(context, ssl.SSLContext)
    assert (context.verify_mode is ssl.CERT_REQUIRED) is verified
    assert context.check_hostname is verified


def test_an_authority_that_cannot_be_read_is_named(tmp_path: Path) -> None:
    with pytest.raises(StartError, match=r"storage.ca: cannot read .*missing"):
        _arguments(FAR, Access(authority=tmp_path / "missing"))
    wrong = tmp_path / "wrong.pem"
    wrong.write_text("no certificate")
    with pytest.raises(StartError, match=r"storage.ca: cannot read .*wrong"):
        _arguments(FAR, Access(authority=wrong))


def test_rows_become_columns() -> None:
    assert _columns([("a", 1), ("b", 2)]) == (["a", "b"], [1, 2])


async def test_a_server_that_is_not_there_is_told_in_one_line(unused_tcp_port: int) -> None:
    with pytest.raises(StartError) as caught:
        await open_storage(f"postgresql://offhook@127.0.0.1:{unused_tcp_port}/sip")
    assert str(caught.value) == (
        f"database postgresql://offhook@127.0.0.1:{unused_tcp_port}/sip: cannot reach"
        f" 127.0.0.1:{unused_tcp_port}: Connection refused; is PostgreSQL running there?"
    )


async def test_without_the_extra_its_name_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "asyncpg", None)
    monkeypatch.delitem(sys.modules, "offhook.storage.postgres")
    with pytest.raises(StartError, match=r"pip install 'offhook\[postgres\]'"):
        await open_storage("postgresql://offhook@127.0.0.1/sip")
