"""`offhook user`: accounts in the database. Passwords come from a prompt or standard input, never
from the command line, which other users of the machine can read; only their hashes are stored."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path
from typing import Annotated, TextIO, TypeVar

import typer

from offhook.auth import ALGORITHMS, ha1_of_all
from offhook.cli.account_names import AccountName, account_name
from offhook.cli.options import ConfigFile, Database, Json, configuration
from offhook.cli.output import show
from offhook.cli.passwords import password_from
from offhook.errors import ConfigurationError, UsageError
from offhook.server.database import open_configured_accounts
from offhook.server.schema import Config
from offhook.storage.protocols import Account, AccountStore

__all__ = ["attach"]

T = TypeVar("T")

LONGEST_LINE = 1024  # characters of one line of an import

Name = Annotated[
    str, typer.Argument(metavar="NAME@DOMAIN", help="The account.", show_default=False)
]
PasswordStdin = Annotated[
    bool, typer.Option("--password-stdin", help="Read the password from standard input.")
]
AnyDomain = Annotated[
    bool, typer.Option("--any-domain", help="Allow a domain that the configuration does not have.")
]

users = typer.Typer(
    help="Accounts: add, list, remove, change the password, import.",
    no_args_is_help=True,
    rich_markup_mode=None,
)


def attach(application: typer.Typer) -> None:
    """Add the commands."""
    application.add_typer(users, name="user")


@users.command("add")
def add(
    name: Name,
    *,
    password_stdin: PasswordStdin = False,
    any_domain: AnyDomain = False,
    config: ConfigFile = None,
    db: Database = None,
) -> None:
    """Add an account."""
    loaded = _configuration(config, db)
    account = account_name(name, loaded, any_domain=any_domain)
    password = password_from(stdin=password_stdin)

    async def work(accounts: AccountStore) -> None:
        if await accounts.get(account.user, account.realm):
            raise UsageError(f"{account} exists; change its password with: offhook user passwd")
        await accounts.put(_account(account, password))

    _with_accounts(loaded, work)


@users.command("passwd")
def passwd(
    name: Name,
    *,
    password_stdin: PasswordStdin = False,
    config: ConfigFile = None,
    db: Database = None,
) -> None:
    """Change the password of an account."""
    loaded = _configuration(config, db)
    account = account_name(name, loaded, any_domain=True)
    password = password_from(stdin=password_stdin)

    async def work(accounts: AccountStore) -> None:
        if await accounts.get(account.user, account.realm) is None:
            raise UsageError(f"there is no {account}; add it with: offhook user add")
        await accounts.put(_account(account, password))

    _with_accounts(loaded, work)


@users.command("remove")
def remove(name: Name, *, config: ConfigFile = None, db: Database = None) -> None:
    """Remove an account. Its registrations stay until they expire: see `offhook ctl unregister`."""
    loaded = _configuration(config, db)
    account = account_name(name, loaded, any_domain=True)

    async def work(accounts: AccountStore) -> None:
        if not await accounts.remove(account.user, account.realm):
            raise UsageError(f"there is no {account}")

    _with_accounts(loaded, work)


@users.command("list")
def list_accounts(*, config: ConfigFile = None, db: Database = None, json: Json = False) -> None:
    """List the accounts, without their secrets."""

    async def work(accounts: AccountStore) -> list[Account]:
        return list(await accounts.all())

    found = _with_accounts(_configuration(config, db), work)
    rows = [
        {"account": f"{a.user}@{a.realm}", "digests": sorted(set(ALGORITHMS) & set(a.ha1))}
        for a in found
    ]
    if json:
        show(rows, as_json=True)
    else:
        for row in rows:
            print(row["account"])


@users.command("import")
def import_accounts(
    file: Annotated[
        Path, typer.Argument(help="Lines of NAME@DOMAIN PASSWORD; - is standard input.")
    ],
    *,
    any_domain: AnyDomain = False,
    config: ConfigFile = None,
    db: Database = None,
) -> None:
    """Add or replace many accounts: all of them or, if a line is wrong, none."""
    loaded = _configuration(config, db)
    new = _read_accounts(file, loaded, any_domain=any_domain)

    async def work(accounts: AccountStore) -> None:
        await accounts.put_all(new)

    _with_accounts(loaded, work)
    print(f"{len(new)} accounts imported")


def _configuration(file: Path | None, db: str | None) -> Config:
    config = configuration(file, {"storage.url": db})
    if config.storage.url == "memory:":
        raise ConfigurationError(
            ["storage.url: memory: keeps no accounts; give a database: --db sqlite:offhook.db"]
        )
    return config


def _account(name: AccountName, password: str) -> Account:
    return Account(name.user, name.realm, ha1_of_all(name.user, name.realm, password))


def _with_accounts(config: Config, work: Callable[[AccountStore], Awaitable[T]]) -> T:
    """Open the database, do the work, close it again."""

    async def run() -> T:
        storage = await open_configured_accounts(config)
        try:
            return await work(storage.accounts)
        finally:
            await storage.close()

    return asyncio.run(run())


def _read_accounts(file: Path, config: Config, *, any_domain: bool) -> list[Account]:
    try:
        if str(file) == "-":
            return list(_parse_accounts(sys.stdin, config, any_domain=any_domain))
        with file.open(encoding="utf-8") as lines:
            return list(_parse_accounts(lines, config, any_domain=any_domain))
    except (OSError, UnicodeDecodeError) as error:
        raise UsageError(f"cannot read {file}: {error}") from None


def _parse_accounts(lines: TextIO, config: Config, *, any_domain: bool) -> Iterator[Account]:
    for number, line in enumerate(lines, 1):
        if not line.strip() or line.startswith("#"):
            continue
        words = line.split(None, 1)
        if len(words) != 2 or len(line) > LONGEST_LINE:
            raise UsageError(f"line {number} is not NAME@DOMAIN PASSWORD")
        try:
            name = account_name(words[0], config, any_domain=any_domain)
        except UsageError as error:
            raise UsageError(f"line {number}: {error}") from None
        yield _account(name, words[1].rstrip("\r\n"))
