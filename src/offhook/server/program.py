"""Loading a routing program: a file or a module, and the one Exchange in it."""

from __future__ import annotations

import importlib
import importlib.util
import sys
from pathlib import Path
from traceback import walk_tb
from types import ModuleType

from offhook.errors import ConfigurationError, UsageError
from offhook.exchange.exchange import Exchange

__all__ = ["load_program"]

MODULE_NAME = "offhook_program"  # of a program that is a file


def load_program(program: str | None) -> Exchange:
    """The Exchange of `PROGRAM.py` or `module:name`; an empty one for None. Raises
    ConfigurationError, one line."""
    if program is None:
        return Exchange()
    module_name, _, name = program.partition(":")
    if not module_name:
        raise ConfigurationError([f'"{program}": name a program as PROGRAM.py or module:name'])
    try:
        if program.endswith(".py"):
            return _only_exchange(_from_file(Path(program)), program)
        _find_also_in(Path.cwd())
        module = importlib.import_module(module_name)
    except ConfigurationError:
        raise
    except Exception as error:
        raise ConfigurationError([f"{program}: {_where(error, program)}"]) from error
    if not name:
        return _only_exchange(module, program)
    found = getattr(module, name, None)
    if not isinstance(found, Exchange):
        raise ConfigurationError([f"{program}: {name} is no Exchange"])
    return found


def _find_also_in(folder: Path) -> None:
    """Let a program import its neighbours. Last, so that they hide nothing that is installed."""
    path = str(folder.absolute())
    if path not in sys.path:
        sys.path.append(path)


def _from_file(path: Path) -> ModuleType:
    if not path.is_file():
        raise ConfigurationError(
            [f"{path}: no such file; name a Python file with an Exchange in it"]
        )
    spec = importlib.util.spec_from_file_location(MODULE_NAME, path)
    if spec is None or spec.loader is None:
        raise ConfigurationError([f"{path}: not a Python file"])
    module = importlib.util.module_from_spec(spec)
    sys.modules[MODULE_NAME] = module
    _find_also_in(path.parent)
    spec.loader.exec_module(module)
    return module


def _only_exchange(module: ModuleType, program: str) -> Exchange:
    found = {id(value): value for value in vars(module).values() if isinstance(value, Exchange)}
    if len(found) != 1:
        told = "no Exchange" if not found else f"{len(found)} Exchanges; name one as module:name"
        raise ConfigurationError([f"{program}: has {told}"])
    return next(iter(found.values()))


def _where(error: Exception, program: str) -> str:
    """The error in one line, with the last line of a file that was being loaded."""
    text = str(error).partition("\n")[0]
    told = text if isinstance(error, UsageError) else f"{type(error).__name__}: {text}"
    place = ""
    for frame, line in walk_tb(error.__traceback__):
        code = frame.f_code
        if code.co_name == "<module>":
            file = Path(code.co_filename).name
            place = f"line {line}: " if file == Path(program).name else f"{file} line {line}: "
    return told if isinstance(error, SyntaxError) else place + told
