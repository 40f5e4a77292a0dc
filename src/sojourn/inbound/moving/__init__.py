"""Moving over: sessions that another library began go on here, so that nobody is signed out by the move.

The readers for Django's and for Flask's own are `sojourn.inbound.moving.django.DjangoSession` and
`sojourn.inbound.moving.flask.FlaskCookie`: they import Django, and Flask.
"""

from __future__ import annotations

from sojourn.inbound.moving.flask_session import FlaskSession
from sojourn.inbound.moving.predecessor import Found, Predecessor
from sojourn.inbound.moving.starlette import StarletteSession
from sojourn.inbound.moving.starsessions import Starsessions

__all__ = ["FlaskSession", "Found", "Predecessor", "StarletteSession", "Starsessions"]
