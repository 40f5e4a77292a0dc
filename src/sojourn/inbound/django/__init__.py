"""Django: `SESSION_ENGINE = "sojourn.inbound.django"`, and a middleware that needs no load from the store."""

from __future__ import annotations

from sojourn.inbound.django.engine import SessionStore
from sojourn.inbound.django.middleware import SessionMiddleware
from sojourn.inbound.django.settings import get_sessions

__all__ = ["SessionMiddleware", "SessionStore", "get_sessions"]
