"""Registration without clock or storage: the registrar's decisions, the look-up of targets, the
client machine (RFC 3261 10)."""

from offhook.registrar.binding import Binding
from offhook.registrar.lookup import Group, targets
from offhook.registrar.reading import address_of_record, read
from offhook.registrar.registration import (
    ContactRequest,
    Refusal,
    RegistrarPolicy,
    Registration,
)
from offhook.registrar.server import Update, change

__all__ = [
    "Binding",
    "ContactRequest",
    "Group",
    "Refusal",
    "RegistrarPolicy",
    "Registration",
    "Update",
    "address_of_record",
    "change",
    "read",
    "targets",
]
