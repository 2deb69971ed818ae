"""Telling people: what happened, who is told, and the server that tells them."""

from components.notify.alertmanager import Alertmanager
from components.notify.moments import ended, trial
from components.notify.receivers import Receivers, load, parse
from components.notify.routing import config

__all__ = ["Alertmanager", "Receivers", "config", "ended", "load", "parse", "trial"]
