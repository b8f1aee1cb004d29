"""The tree of errors: what its docstring draws is what the classes are."""

from __future__ import annotations

import inspect

import pytest

from offhook import errors


def drawn() -> list[tuple[int, str]]:
    """The class names of the docstring with their depth, in order."""
    tree = (errors.__doc__ or "").split("\n\n")[1].split("\n")
    marks = "│├└─ "
    margins = [len(line) - len(line.lstrip(marks)) for line in tree]
    return [
        ((margin - margins[0]) // 4, line.strip(marks).split()[0])
        for margin, line in zip(margins, tree, strict=True)
        if line.strip()
    ]


def test_the_docstring_draws_the_whole_tree() -> None:
    parents: list[type[BaseException]] = []
    for depth, name in drawn():
        error = getattr(errors, name)
        assert error.__bases__[0] is (parents[depth - 1] if depth else Exception)
        parents[depth:] = [error]
    assert sorted(name for _, name in drawn()) == sorted(errors.__all__)


def test_every_class_is_public() -> None:
    classes = [name for name, value in vars(errors).items() if inspect.isclass(value)]
    assert sorted(classes) == sorted(errors.__all__)


@pytest.mark.parametrize(
    "error", [errors.PeerError, errors.MessageError, errors.UriError, errors.ChallengeError]
)
def test_a_fault_of_the_peer_carries_the_answer(error: type[errors.PeerError]) -> None:
    fault = error(416, "Unsupported URI Scheme")
    assert (fault.status, fault.reason) == (416, "Unsupported URI Scheme")
    assert str(fault) == "416 Unsupported URI Scheme"


def test_a_wrong_configuration_keeps_each_fault_on_its_line() -> None:
    error = errors.ConfigurationError(["domains: is empty", "storage.url: is not a database"])
    assert error.faults == ["domains: is empty", "storage.url: is not a database"]
    assert str(error) == "domains: is empty\nstorage.url: is not a database"
