"""From a storage URL to its stores."""

from pathlib import Path

import pytest

from offhook.errors import StartError
from offhook.storage import MemoryStorage, open_storage
from offhook.storage.sql import SqlStorage


async def test_memory_needs_no_file() -> None:
    assert isinstance(await open_storage("memory:"), MemoryStorage)


async def test_a_relative_file_lies_in_the_given_folder(tmp_path: Path) -> None:
    storage = await open_storage("sqlite:live.db", folder=tmp_path)
    assert isinstance(storage, SqlStorage)
    await storage.close()
    assert (tmp_path / "live.db").is_file()


@pytest.mark.parametrize(
    "url",
    [
        "redis://localhost",
        "sqlite",
        "sqlite:",
        "sqlite::memory:",
        "sqlite:///offhook.db",
        "memory:more",
        "offhook.db",
        "",
    ],
)
async def test_other_urls_are_refused_with_what_there_is(url: str) -> None:
    with pytest.raises(StartError, match=r"available are sqlite:FILE, postgresql:") as caught:
        await open_storage(url)
    assert "\n" not in str(caught.value)
