"""Lasting: connections that outlive their request: WebSockets, and streams of server-sent events."""

from __future__ import annotations

from sojourn.inbound.lasting.attendance import Attendance
from sojourn.inbound.lasting.presence import Attending, Presence
from sojourn.inbound.lasting.sockets import Sockets
from sojourn.inbound.lasting.stream import Stream

__all__ = ["Attendance", "Attending", "Presence", "Sockets", "Stream"]
