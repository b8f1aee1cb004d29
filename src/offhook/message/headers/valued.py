"""Headers whose value is a word with parameters: Content-*, Accept, Event, Reason,
Subscription-State, Replaces and their like."""

from __future__ import annotations

from dataclasses import dataclass

from offhook.message.grammar import GrammarError, is_token, split_parameters
from offhook.message.headers.base import HeaderType, each, optional
from offhook.message.parameters import NO_PARAMETERS, Parameters

__all__ = [
    "ACCEPT",
    "ACCEPT_ENCODING",
    "ACCEPT_LANGUAGE",
    "CONTENT_DISPOSITION",
    "CONTENT_ENCODING",
    "CONTENT_TYPE",
    "EVENT",
    "INFO_PACKAGE",
    "JOIN",
    "REASON",
    "REPLACES",
    "SUBSCRIPTION_STATE",
    "TARGET_DIALOG",
    "Valued",
]


@dataclass(frozen=True, slots=True)
class Valued:
    """A word and its parameters. Of a media type the word is lower case, "application/sdp"; of
    Replaces it is the Call-ID."""

    value: str
    parameters: Parameters = NO_PARAMETERS

    def __str__(self) -> str:
        return f"{self.value}{self.parameters}"


def _read_token(value: str) -> Valued:
    word, items = split_parameters(value)
    if not is_token(word):
        raise GrammarError("not a token")
    return Valued(word, Parameters(items))


def _read_media_type(value: str) -> Valued:
    word, items = split_parameters(value)
    kind, slash, subtype = word.partition("/")
    kind, subtype = kind.strip(" \t"), subtype.strip(" \t")
    if not slash or not is_token(kind) or not is_token(subtype):
        raise GrammarError("not a media type")
    return Valued(f"{kind}/{subtype}".lower(), Parameters(items))


def _read_dialog(value: str) -> Valued:
    word, items = split_parameters(value)
    if not word or " " in word:
        raise GrammarError("not a Call-ID")
    return Valued(word, Parameters(items))


CONTENT_TYPE: HeaderType[Valued | None] = HeaderType(
    "content-type", "Content-Type", optional(_read_media_type)
)
CONTENT_DISPOSITION: HeaderType[Valued | None] = HeaderType(
    "content-disposition", "Content-Disposition", optional(_read_token)
)
CONTENT_ENCODING: HeaderType[list[Valued]] = HeaderType(
    "content-encoding", "Content-Encoding", each(_read_token)
)
ACCEPT: HeaderType[list[Valued]] = HeaderType("accept", "Accept", each(_read_media_type))
ACCEPT_ENCODING: HeaderType[list[Valued]] = HeaderType(
    "accept-encoding", "Accept-Encoding", each(_read_token)
)
ACCEPT_LANGUAGE: HeaderType[list[Valued]] = HeaderType(
    "accept-language", "Accept-Language", each(_read_token)
)
EVENT: HeaderType[Valued | None] = HeaderType("event", "Event", optional(_read_token))  # RFC 6665
INFO_PACKAGE: HeaderType[Valued | None] = HeaderType(
    "info-package", "Info-Package", optional(_read_token)
)  # RFC 6086
REASON: HeaderType[list[Valued]] = HeaderType("reason", "Reason", each(_read_token))  # RFC 3326
SUBSCRIPTION_STATE: HeaderType[Valued | None] = HeaderType(
    "subscription-state", "Subscription-State", optional(_read_token)
)  # RFC 6665
REPLACES: HeaderType[Valued | None] = HeaderType(
    "replaces", "Replaces", optional(_read_dialog)
)  # RFC 3891
JOIN: HeaderType[Valued | None] = HeaderType("join", "Join", optional(_read_dialog))  # RFC 3911
TARGET_DIALOG: HeaderType[Valued | None] = HeaderType(
    "target-dialog", "Target-Dialog", optional(_read_dialog)
)  # RFC 4538
