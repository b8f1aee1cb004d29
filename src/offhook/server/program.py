"""Loading a routing program: a file or a module, and the one Exchange in it."""

from __future__ import annotations

import importlib
import importlib.util
import sys
from pathlib import Path
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
    try:
        if program.endswith(".py"):
            return _only_exchange(_from_file(Path(program)), program)
        module_name, _, name = program.partition(":")
        module = importlib.import_module(module_name)
    except ConfigurationError:
        raise
    except UsageError as error:
        raise ConfigurationError([f"{program}: {error}"]) from error
    except Exception as error:
        raise ConfigurationError([f"{program}: {_where(error)}"]) from error
    if not name:
        return _only_exchange(module, program)
    found = getattr(module, name, None)
    if not isinstance(found, Exchange):
        raise ConfigurationError([f"{program}: {name} is no Exchange"])
    return found


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
    spec.loader.exec_module(module)
    return module


def _only_exchange(module: ModuleType, program: str) -> Exchange:
    found = {id(value): value for value in vars(module).values() if isinstance(value, Exchange)}
    if len(found) != 1:
        told = "no Exchange" if not found else f"{len(found)} Exchanges; name one as module:name"
        raise ConfigurationError([f"{program}: has {told}"])
    return next(iter(found.values()))


def _where(error: Exception) -> str:
    """The error with the last line of the program that it passed."""
    trace = error.__traceback__
    line = 0
    while trace is not None:
        line = trace.tb_lineno
        trace = trace.tb_next
    told = f"{type(error).__name__}: {error}"
    if isinstance(error, SyntaxError):
        return told
    return f"line {line}: {told}"
