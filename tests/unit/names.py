"""A DNS of a test: what a mapping of host names to addresses answers, and nothing else."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from offhook.transport.records import NOTHING, Answer, Kind, Question

__all__ = ["from_names", "with_addresses"]


def from_names(
    names: Mapping[str, Sequence[str]], questions: Sequence[Question]
) -> Sequence[Answer]:
    """The answers of a DNS that has addresses only."""
    return [
        Answer(addresses=tuple(names.get(question.name, ())))
        if question.kind is Kind.ADDRESSES
        else NOTHING
        for question in questions
    ]


def with_addresses(*addresses: str) -> Sequence[Answer]:
    """The answer to one question for addresses."""
    return [Answer(addresses=addresses)]
