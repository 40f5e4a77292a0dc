"""Devices: a visitor's sessions, listed and ended by the visitor: a page to be mounted, and what it calls."""

from __future__ import annotations

from sojourn.inbound.devices.device import Device, name_of, note
from sojourn.inbound.devices.devices import Devices

__all__ = ["Device", "Devices", "name_of", "note"]
