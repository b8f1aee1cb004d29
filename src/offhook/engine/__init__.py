"""The sans-IO whole: messages and time in, actions and events out."""

from offhook.engine.actions import Action, Close, Open, Resolve, Send
from offhook.engine.application import Application
from offhook.engine.engine import Engine
from offhook.engine.events import Event
from offhook.engine.incoming import Incoming
from offhook.engine.settings import EngineSettings

__all__ = [
    "Action",
    "Application",
    "Close",
    "Engine",
    "EngineSettings",
    "Event",
    "Incoming",
    "Open",
    "Resolve",
    "Send",
]
