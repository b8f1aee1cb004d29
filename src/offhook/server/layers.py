"""Where values come from: file, environment over it, flags over both, merged into one tree.

The tree knows the origin of each value. A key is a tuple of names, `("profiles", "internal",
"listen")`. Paths are made absolute here: those of the file and the defaults are relative to the
file's folder, those of the environment and of flags to the working folder. Whether a value is right
is left to `schema`.
"""

from __future__ import annotations

import difflib
import json
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import get_args, get_origin

from pydantic import BaseModel

from offhook.server.schema import Config, Origin

__all__ = ["Key", "Layers", "Location", "field_type"]

Key = tuple[str, ...]
Location = tuple[str | int, ...]  # a key, and places in lists
Tree = dict[str, object]

PREFIX = "OFFHOOK_"
SEPARATOR = "__"
PATH_KEYS = (
    "tls.certificate",
    "tls.key",
    "tls.ca",
    "tls.client_ca",
    "admin.socket",
    "storage.password_file",
    "storage.ca",
)
TABLE_PATHS = (
    ("gateways", "password_file"),
    ("certificates", "certificate"),
    ("certificates", "key"),
)
TRUTH = {
    "true": True,
    "yes": True,
    "1": True,
    "on": True,
    "false": False,
    "no": False,
    "0": False,
    "off": False,
}


@dataclass(slots=True)
class Layers:
    """The merged tree. `faults` are those that reading the layers found."""

    base: Path  # folder that the file's paths are relative to
    working_folder: Path
    tree: Tree = field(default_factory=dict)
    origins: dict[Key, Origin] = field(default_factory=dict)
    faults: list[str] = field(default_factory=list)

    def add_text(self, text: str) -> None:
        """Put the TOML of the configuration file into the tree."""
        try:
            document = tomllib.loads(text)
        except tomllib.TOMLDecodeError as error:
            self.faults.append(f"not valid TOML: {error}")
            return
        self._add_table((), document)

    def add_environment(self, environ: Mapping[str, str]) -> None:
        """Put the variables `OFFHOOK_SECTION__KEY` over the tree."""
        for variable, text in environ.items():
            if not variable.startswith(PREFIX):
                continue
            names = variable.removeprefix(PREFIX).lower().split(SEPARATOR)
            if len(names) == 1 and names[0] not in Config.model_fields:
                self._unknown_variable(variable, names[0])
            else:
                self._set(self._existing(tuple(names)), text, "environment")

    def add_flags(self, flags: Mapping[str, object]) -> None:
        """Put flags over the tree: dotted keys, and `listen` for the listeners of the only profile.

        None is a flag that was not given.
        """
        for name, value in flags.items():
            if value is None:
                continue
            key = self._only_profile() if name == "listen" else tuple(name.split("."))
            if key:
                self._set(key, list(value) if isinstance(value, tuple) else value, "flag")

    def anchor(self) -> None:
        """Fill in the defaults that are paths and make all paths absolute."""
        for section, name, default in (
            ("admin", "socket", "offhook.sock"),
            ("storage", "url", "sqlite:offhook.db"),
        ):
            table = self.tree.setdefault(section, {})
            if isinstance(table, dict):
                table.setdefault(name, default)
        for dotted in PATH_KEYS:
            self._anchor_path(tuple(dotted.split(".")))
        for section, key in TABLE_PATHS:
            table = self.tree.get(section)
            for name in list(table) if isinstance(table, dict) else ():
                self._anchor_path((section, name, key))
        self._anchor_database()

    def get(self, key: Key) -> object:
        """The value of a key, None if it has none; the whole tree for no key."""
        value: object = self.tree
        for name in key:
            if not isinstance(value, dict):
                return None
            value = value.get(name)
        return value

    def remove(self, location: Location) -> None:
        """Take a value, or one element of a list, out of the tree."""
        names = tuple(part for part in location if isinstance(part, str))
        table = self.get(names[:-1]) if names else None
        if not isinstance(table, dict):
            return
        value = table.get(names[-1])
        place = location[-1]
        if isinstance(place, int) and isinstance(value, tuple):
            table[names[-1]] = value[:place] + value[place + 1 :]
        else:
            table.pop(names[-1], None)

    def _add_table(self, key: Key, table: Mapping[str, object]) -> None:
        for name, value in table.items():
            if isinstance(value, dict) and value:
                self._add_table((*key, name), value)
            else:
                self._set((*key, name), value, "file")

    def _set(self, key: Key, value: object, origin: Origin) -> None:
        table = self.tree
        for name in key[:-1]:
            inner = table.get(name)
            if not isinstance(inner, dict):
                inner = table[name] = {}
            table = inner
        if origin == "environment" and isinstance(value, str):
            value = _read(field_type(key), value)
        table[key[-1]] = tuple(value) if isinstance(value, list) else value
        self.origins[key] = origin

    def _existing(self, key: Key) -> Key:
        """The key as the tree spells it: a variable cannot tell `my-trunk` from `MY_TRUNK`."""
        spelled: list[str] = []
        for name in key:
            table = self.get(tuple(spelled))
            names = [str(n) for n in table] if isinstance(table, dict) else []
            spelled.append(next((n for n in names if n.lower().replace("-", "_") == name), name))
        return tuple(spelled)

    def _unknown_variable(self, variable: str, name: str) -> None:
        """Variables without a section may be somebody else's, unless one looks like a slip."""
        near = difflib.get_close_matches(name, Config.model_fields, 1, 0.8)
        if near:
            self.faults.append(f"environment {variable}: did you mean {PREFIX}{near[0].upper()}?")

    def _only_profile(self) -> Key | None:
        profiles = self.tree.get("profiles")
        names = list(profiles) if isinstance(profiles, dict) else []
        if len(names) > 1:
            self.faults.append(
                f"--listen: there are {len(names)} profiles ({', '.join(names)}); "
                "change their listen keys in the file instead"
            )
            return None
        return ("profiles", names[0] if names else "internal", "listen")

    def _folder(self, key: Key) -> Path:
        return self.base if self.origins.get(key, "file") == "file" else self.working_folder

    def _anchor_path(self, key: Key) -> None:
        value = self.get(key)
        if isinstance(value, str) and value:
            self._replace(key, str(self._folder(key) / value))

    def _anchor_database(self) -> None:
        key = ("storage", "url")
        value = self.get(key)
        if isinstance(value, str) and value.startswith("sqlite:"):
            path = value.removeprefix("sqlite:")
            path = path.removeprefix("//") if path.startswith("//") else path
            if path.strip("/"):
                self._replace(key, f"sqlite:{self._folder(key) / path}")

    def _replace(self, key: Key, value: object) -> None:
        table = self.get(key[:-1])
        if isinstance(table, dict):
            table[key[-1]] = value


def field_type(key: Key) -> object:
    """The type that the schema gives a key; None if it has no such key."""
    annotation: object = Config
    for name in key:
        if get_origin(annotation) is dict:
            annotation = get_args(annotation)[1]
        elif isinstance(annotation, type) and issubclass(annotation, BaseModel):
            known = annotation.model_fields.get(name)
            if known is None:
                return None
            annotation = known.annotation
        else:
            return None
    return annotation


def _read(annotation: object, text: str) -> object:
    """What a variable's text means for a key of this type; the text itself if it does not fit."""
    if annotation is bool:
        return TRUTH.get(text.strip().lower(), text)
    if annotation is int:
        return int(text) if text.isascii() and text.isdigit() and len(text) <= 12 else text
    if get_origin(annotation) is tuple:
        return _read_list(text)
    return text


def _read_list(text: str) -> object:
    if text.lstrip().startswith("["):
        try:
            return json.loads(text)
        except ValueError:
            return text
    return [item.strip() for item in text.split(",") if item.strip()]
