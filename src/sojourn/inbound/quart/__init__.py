"""Quart: `quart.session` is the session, once `site.session_interface = SessionInterface(sessions)`."""

from __future__ import annotations

from sojourn.inbound.quart.interface import SessionInterface

__all__ = ["SessionInterface"]
