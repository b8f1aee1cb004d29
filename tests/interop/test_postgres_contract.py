"""What every storage does, on a real PostgreSQL: the tests are those of the memory store."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

from offhook.storage import Access, Storage, open_storage
from tests.interop.harness.postgres import PASSWORD, Postgres, serving_postgres
from tests.unit.storage import test_contract

pytestmark = pytest.mark.interop("postgres")

globals().update({name: test for name, test in vars(test_contract).items() if name[:5] == "test_"})


@pytest.fixture(scope="module")
def server() -> Iterator[Postgres]:
    with serving_postgres() as running:
        yield running


@pytest.fixture
async def storage(server: Postgres, tmp_path: Path) -> AsyncIterator[Storage]:
    secret = tmp_path / "password"
    secret.write_text(PASSWORD + "\n")
    access = Access(password_file=secret)
    opened = await open_storage(server.url(server.create_database()), access=access)
    yield opened
    await opened.close()
