"""Loading routing programs, and what is said of those that cannot be loaded."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from offhook.errors import ConfigurationError
from offhook.server.program import load_program

GOOD = """
from offhook import Exchange, Reply

exchange = Exchange()
again = exchange


@exchange.request("INVITE")
def invite(request):
    return Reply(486)
"""


@pytest.fixture(autouse=True)
def modules_put_back(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """What a test imports, and from where, is forgotten."""
    known = set(sys.modules)
    path = sys.path[:]
    monkeypatch.chdir(tmp_path)
    yield
    sys.path[:] = path
    for name in set(sys.modules) - known:
        if not name.startswith("offhook.") and name != "offhook":
            del sys.modules[name]


def _write(name: str, text: str) -> str:
    Path(name).write_text(text, encoding="utf-8")
    return name


def test_no_program_is_an_empty_exchange() -> None:
    assert load_program(None).handlers.of("INVITE") is None


def test_a_file() -> None:
    exchange = load_program(_write("program.py", GOOD))
    assert exchange.handlers.of("INVITE") is not None
    assert exchange.handlers.of("OPTIONS") is None


def test_each_load_is_a_fresh_exchange() -> None:
    program = _write("program.py", GOOD)
    assert load_program(program) is not load_program(program)


def test_a_file_elsewhere_may_import_its_neighbours() -> None:
    Path("folder").mkdir()
    _write("folder/neighbour_of_program.py", "METHOD = 'MESSAGE'\n")
    text = GOOD.replace('"INVITE"', "METHOD").replace(
        "exchange = ", "from neighbour_of_program import METHOD\n\nexchange = "
    )
    exchange = load_program(_write("folder/program.py", text))
    assert exchange.handlers.of("MESSAGE") is not None


def test_a_neighbour_does_not_hide_what_is_installed() -> None:
    _write("secrets.py", "raise ValueError\n")
    load_program(_write("program.py", GOOD))
    assert sys.path[0] != str(Path.cwd())


@pytest.mark.parametrize(
    "name", ["a_program_module:exchange", "a_program_module:again", "a_program_module"]
)
def test_a_module_of_the_working_folder(name: str) -> None:
    _write("a_program_module.py", GOOD)
    assert load_program(name).handlers.of("INVITE") is not None


FAULTS = [
    ("x = 1\n", "program.py: has no Exchange"),
    (
        GOOD + "other = Exchange()\n",
        "program.py: has 2 Exchanges; name one as module:name",
    ),
    (GOOD + "oh no\n", "program.py: SyntaxError: invalid syntax (program.py, line 11)"),
    (GOOD + "\n1 / 0\n", "program.py: line 12: ZeroDivisionError: division by zero"),
    (
        GOOD + "import json\njson.loads('{')\n",
        "program.py: line 12: JSONDecodeError: Expecting property name",
    ),
    (GOOD + "import not_there\n", "program.py: line 11: ModuleNotFoundError: No module named"),
    (
        GOOD + "exchange.request('invite')(invite)\n",
        'program.py: line 11: request("invite"): methods are written in capitals',
    ),
]


@pytest.mark.parametrize(("text", "told"), FAULTS, ids=[told for _, told in FAULTS])
def test_a_fault_of_the_program_is_one_line(text: str, told: str) -> None:
    with pytest.raises(ConfigurationError) as caught:
        load_program(_write("program.py", text))
    (fault,) = caught.value.faults
    assert fault.startswith(told)
    assert "\n" not in fault


def test_a_fault_of_an_imported_file_names_that_file() -> None:
    _write("a_broken_neighbour.py", "\n\nboom\n")
    with pytest.raises(ConfigurationError) as caught:
        load_program(_write("program.py", "import a_broken_neighbour\n"))
    (fault,) = caught.value.faults
    assert fault == (
        "program.py: a_broken_neighbour.py line 3: NameError: name 'boom' is not defined"
    )


@pytest.mark.parametrize(
    ("program", "told"),
    [
        ("gone.py", "gone.py: no such file; name a Python file with an Exchange in it"),
        (".py", ".py: no such file"),
        ("no_such_module", "no_such_module: ModuleNotFoundError"),
        ("no_such_module:exchange", "no_such_module:exchange: ModuleNotFoundError"),
        ("json:exchange", "json:exchange: exchange is no Exchange"),
        ("json", "json: has no Exchange"),
        ("json:", "json:: has no Exchange"),
        ("", '"": name a program as PROGRAM.py or module:name'),
        (":x", '":x": name a program as PROGRAM.py or module:name'),
    ],
)
def test_what_is_no_program(program: str, told: str) -> None:
    with pytest.raises(ConfigurationError) as caught:
        load_program(program)
    assert caught.value.faults[0].startswith(told)
    assert len(caught.value.faults) == 1
