"""The configuration: one TOML file, environment `OFFHOOK_SECTION__KEY` over it, flags over both.

It is frozen when loaded. All faults are found at once, one actionable line each. Keys that are
planned but not built are refused, never ignored.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path

from pydantic import ValidationError
from pydantic_core import ErrorDetails

from offhook.errors import ConfigurationError, StartError
from offhook.server.checks import Fault, cross_faults
from offhook.server.faults import describe, dotted
from offhook.server.layers import PREFIX, SEPARATOR, Layers, Location
from offhook.server.schema import Config, Gateway

__all__ = ["DEFAULT_FILE", "find", "gateway_password", "load", "load_text"]

DEFAULT_FILE = "offhook.toml"
DEEPEST_TABLE = 4  # levels of nested tables, each of which may lack what was taken out of it
LARGEST_FILE = 4 * 1024 * 1024  # bytes; thousands of gateways need less than one megabyte
FLAG_NAMES = {"storage.url": "--db", "log.level": "--log-level"}


def find(option: Path | None) -> Path | None:
    """The file to read: the one asked for, else `offhook.toml` of the working folder, else none."""
    if option is not None:
        return option
    default = Path(DEFAULT_FILE)
    return default if default.is_file() else None


def load(path: Path | None, flags: Mapping[str, object], environ: Mapping[str, str]) -> Config:
    """Read a configuration. Flags have dotted keys (`storage.url`), or are `listen`.

    Raises ConfigurationError.
    """
    base = path.absolute().parent if path else Path.cwd()
    layers = Layers(base, Path.cwd())
    if path:
        text = _read(path)
        layers.add_text(text)
    layers.add_environment(environ)
    layers.add_flags(flags)
    return _finish(layers, path.name if path else DEFAULT_FILE)


def load_text(text: str, base: Path | None = None) -> Config:
    """The configuration that a TOML text alone describes.

    Its paths are relative to `base` (default: the working folder). Raises ConfigurationError.
    """
    layers = Layers(base or Path.cwd(), Path.cwd())
    layers.add_text(text)
    return _finish(layers, DEFAULT_FILE)


def gateway_password(name: str, gateway: Gateway) -> str:
    """The first line of the gateway's password file, "" if it has none. Raises StartError."""
    if gateway.password_file is None:
        return ""
    try:
        lines = gateway.password_file.read_text(encoding="utf-8").split("\n", 1)
    except (OSError, UnicodeDecodeError) as error:
        raise StartError(
            f"gateways.{name}.password_file: cannot read {gateway.password_file}: {error}"
        ) from None
    return lines[0].rstrip("\r")


def _read(path: Path) -> str:
    try:
        with path.open("rb") as file:
            data = file.read(LARGEST_FILE + 1)
        if len(data) > LARGEST_FILE:
            raise ConfigurationError(
                [f"{path}: larger than {LARGEST_FILE} bytes; this is not a configuration"]
            )
        return data.decode("utf-8-sig")
    except OSError as error:
        raise ConfigurationError([f"{path}: cannot be read: {error.strerror or error}"]) from None
    except UnicodeDecodeError:
        raise ConfigurationError([f"{path}: is not UTF-8 text"]) from None


def _finish(layers: Layers, file_name: str) -> Config:
    layers.anchor()
    found: list[Fault] = []
    config = _validate(layers, found)
    if config is not None:
        wrong = set(_missing(layers, found))
        found += [fault for fault in cross_faults(config) if not _follows(fault, wrong)]
    faults = [
        f"{file_name}: {text}" if text.startswith("not valid TOML") else text
        for text in layers.faults
    ]
    faults += [f"{_source(layers, fault.key, file_name)}: {fault.text}" for fault in found]
    if faults or config is None:
        raise ConfigurationError(faults)
    return config


def _validate(layers: Layers, found: list[Fault]) -> Config | None:
    """The configuration. Wrong values are noted and taken out, so that the rest is seen too."""
    context = {".".join(key): origin for key, origin in layers.origins.items()}
    for attempt in range(DEEPEST_TABLE):
        try:
            return Config.model_validate(layers.tree, context=context)
        except ValidationError as error:
            wrong = error.errors(include_url=False)
        if attempt == 0:
            found += {(e["loc"], describe(e)): Fault(e["loc"], describe(e)) for e in wrong}.values()
        for location in sorted({_removable(e) for e in wrong}, key=_last_first):
            layers.remove(location)
    return None


def _removable(error: ErrorDetails) -> Location:
    """What to take out: the wrong value, or the table that lacks a value."""
    return error["loc"][:-1] if error["type"] == "missing" else error["loc"]


def _last_first(location: Location) -> tuple[int, int]:
    """Order in which removing one value keeps the places of the others."""
    last = location[-1] if location else 0
    return -len(location), -last if isinstance(last, int) else 0


def _missing(layers: Layers, found: Iterable[Fault]) -> Iterator[Location]:
    """Where values are missing because they were wrong; not the lists that have others left."""
    for fault in found:
        names = tuple(part for part in fault.key if isinstance(part, str))
        if len(names) == len(fault.key) or not layers.get(names):
            yield names


def _follows(fault: Fault, wrong: set[Location]) -> bool:
    """True if a key that the fault comes from is in, or holds, one that was wrong by itself."""
    keys = (fault.key, *fault.reads)
    return any(key[: len(w)] == w or w[: len(key)] == key for key in keys for w in wrong)


def _source(layers: Layers, location: Location, file_name: str) -> str:
    """Who said it, and the key: what the reader must change."""
    key = tuple(part for part in location if isinstance(part, str))
    origin = layers.origins.get(key)
    name = dotted(location)
    if origin == "environment":
        return f"environment {PREFIX}{SEPARATOR.join(key).upper()}"
    if origin == "flag":
        return f"flag {'--listen' if key[-1] == 'listen' else FLAG_NAMES.get(name, name)}"
    return f"{file_name}: {name}"
