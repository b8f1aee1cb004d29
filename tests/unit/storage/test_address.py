"""URLs of PostgreSQL: what they mean, and what is said of wrong ones."""

from __future__ import annotations

import getpass

import pytest

from offhook.storage.address import DEFAULT_SOCKET_FOLDER, PostgresAddress, parse_postgres


@pytest.mark.parametrize(
    ("url", "meant"),
    [
        ("postgresql://o@db.example.com/sip", ("db.example.com", 5432, "o", "sip")),
        ("postgresql://o@192.0.2.1:6000/sip", ("192.0.2.1", 6000, "o", "sip")),
        ("postgresql://o@[2001:db8::1]:6000/sip", ("2001:db8::1", 6000, "o", "sip")),
        ("postgresql://a%40b@h/s%20p", ("h", 5432, "a@b", "s p")),
        ("postgresql://o@/sip", (DEFAULT_SOCKET_FOLDER, 5432, "o", "sip")),
        ("postgresql://o@/sip?host=/run/pg", ("/run/pg", 5432, "o", "sip")),
        ("postgresql:///sip", (DEFAULT_SOCKET_FOLDER, 5432, getpass.getuser(), "sip")),
    ],
)
def test_a_url_names_a_database(url: str, meant: tuple[str, int, str, str]) -> None:
    address = parse_postgres(url)
    assert address == PostgresAddress(*meant)
    assert parse_postgres(str(address)) == address


@pytest.mark.parametrize(
    ("url", "told"),
    [
        ("postgresql://o:secret@h/d", "storage.password_file"),
        ("postgresql://o:@h/d", "storage.password_file"),
        ("postgresql://o@h", "names no database"),
        ("postgresql://o@h/", "names no database"),
        ("postgresql://o@h/a/b", "names no database"),
        ("postgresql://o@h:port/d", "no valid host and port"),
        ("postgresql://o@h:99999/d", "no valid host and port"),
        ("postgresql://o@[::1/d", "no valid host and port"),
        ("postgresql://o@h h/d", "no valid host"),
        ("postgresql:o@h/d", "names no database"),
        ("postgresql://o@h/d?sslmode=require", "storage.tls"),
        ("postgresql://o@h/d?host=/run", "stands alone"),
        ("postgresql://o@/d?host=run", "stands alone"),
        ("postgresql://o@h/d#x", "no URL of PostgreSQL"),
        (f"postgresql://o@h/{'d' * 64}", "at most 63 bytes"),
        ("postgresql://o@h/d%00", "at most 63 bytes"),
    ],
)
def test_a_wrong_url_is_told_in_one_line_without_its_password(url: str, told: str) -> None:
    with pytest.raises(ValueError, match=r"PostgreSQL|password|TLS|host=|63") as caught:
        parse_postgres(url)
    assert told in str(caught.value)
    assert "\n" not in str(caught.value)
    assert "secret" not in str(caught.value)


@pytest.mark.parametrize(
    ("host", "local"),
    [
        ("localhost", True),
        ("127.0.0.9", True),
        ("::1", True),
        ("/run/pg", True),
        ("192.0.2.1", False),
        ("db.example.com", False),
    ],
)
def test_what_is_on_this_machine(host: str, local: bool) -> None:
    assert PostgresAddress(host, 5432, "o", "d").local is local


def test_a_server_is_named_as_an_operator_would() -> None:
    assert PostgresAddress("2001:db8::1", 5432, "o", "d").server == "[2001:db8::1]:5432"
    assert PostgresAddress("/run/pg", 5433, "o", "d").server == "/run/pg/.s.PGSQL.5433"
