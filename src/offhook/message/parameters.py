"""Parameters of URIs and header values: an immutable ordered mapping whose names compare without
case (RFC 3261 7.3.1, 19.1.1)."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping

from offhook.message.grammar import is_token, quote, unquote

__all__ = ["NO_PARAMETERS", "ParameterItems", "Parameters"]


ParameterItems = Mapping[str, str | None] | Iterable[tuple[str, str | None]]
"""What parameters are made of: other parameters, a mapping, or pairs as written on the wire."""


class Parameters(Mapping[str, str | None]):
    """`;lr;transport=tcp`: names in lower case to values without their quotes, None for a name
    without a value.

    `str()` gives the text back as it was received, with its leading semicolon ("" if there are
    none).
    """

    __slots__ = ("_items",)

    def __init__(self, items: ParameterItems = ()) -> None:
        """A quoted value keeps its quotes, and no value gets any here (`set` does that)."""
        if isinstance(items, Parameters):
            self._items: tuple[tuple[str, str | None], ...] = items.raw()
        else:
            self._items = tuple(items.items() if isinstance(items, Mapping) else items)

    def __getitem__(self, name: str) -> str | None:
        wanted = name.lower()
        for key, value in self._items:
            if key.lower() == wanted:
                return value if value is None or value[:1] != '"' else unquote(value)
        raise KeyError(name)

    def __contains__(self, name: object) -> bool:
        wanted = name.lower() if isinstance(name, str) else name
        return any(key.lower() == wanted for key, _ in self._items)

    def __iter__(self) -> Iterator[str]:
        return iter([key.lower() for key, _ in self._items])

    def __len__(self) -> int:
        return len(self._items)

    def __str__(self) -> str:
        return "".join(
            [f";{key}" if value is None else f";{key}={value}" for key, value in self._items]
        )

    def __repr__(self) -> str:
        return f"Parameters({str(self)!r})"

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Parameters) and self._items == other._items

    def __hash__(self) -> int:
        return hash(self._items)

    def text(self, name: str) -> str:
        """The value of `name`, "" if it is absent or has none."""
        return self.get(name) or ""

    def raw(self) -> tuple[tuple[str, str | None], ...]:
        """The pairs as written on the wire, quotes included."""
        return self._items

    def set(self, name: str, value: str | None = None) -> Parameters:
        """A copy with `name` set in its place, or added at the end; a value that is no token gets
        quotes."""
        wire = value if value is None or _plain(value) else quote(value)
        wanted = name.lower()
        if name in self:
            return Parameters(
                [(key, wire if key.lower() == wanted else old) for key, old in self._items]
            )
        return Parameters([*self._items, (name, wire)])

    def without(self, *names: str) -> Parameters:
        """A copy without these names."""
        unwanted = {name.lower() for name in names}
        return Parameters([item for item in self._items if item[0].lower() not in unwanted])


def _plain(value: str) -> bool:
    """True if a value needs no quotes: a token or a host (RFC 3261 25.1, gen-value)."""
    return is_token(value.replace(":", "").replace("[", "").replace("]", "").replace("/", ""))


NO_PARAMETERS = Parameters()
