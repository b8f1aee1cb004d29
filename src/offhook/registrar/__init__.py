"""Registration without clock or storage: the registrar's decisions, the look-up of targets, the
client machine (RFC 3261 10)."""

from offhook.registrar.binding import Binding
from offhook.registrar.client import Failed, Registered, RegistrationClient, Send
from offhook.registrar.gruu import Gruu, Gruus
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
    "Failed",
    "Group",
    "Gruu",
    "Gruus",
    "Refusal",
    "RegistrarPolicy",
    "Registered",
    "Registration",
    "RegistrationClient",
    "Send",
    "Update",
    "address_of_record",
    "change",
    "read",
    "targets",
]
