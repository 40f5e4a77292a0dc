"""Lasting: connections that outlive their request: WebSockets, and streams of server-sent events."""

from __future__ import annotations

from sojourn.inbound.lasting.attendance import Attendance, Attending
from sojourn.inbound.lasting.sockets import Sockets

__all__ = ["Attendance", "Attending", "Sockets"]
