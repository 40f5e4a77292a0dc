"""Moving over: sessions that another library began go on here, so that nobody is signed out by the move."""

from __future__ import annotations

from sojourn.inbound.moving.flask_session import FlaskSession
from sojourn.inbound.moving.predecessor import Found, Predecessor

__all__ = ["FlaskSession", "Found", "Predecessor"]
