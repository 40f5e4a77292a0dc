"""Strangers: who is refused a session is answered 403, whichever middleware it was that looked at it."""

from __future__ import annotations

from django.core.exceptions import PermissionDenied

from sojourn import errors
from sojourn.core.session import Session
from sojourn.inbound.sessions import Sessions

__all__ = ["fitted"]


class NotOwner(errors.NotOwner, PermissionDenied):
    """As `errors.NotOwner`. Django answers it itself: what a middleware inside ours raises does not come to us."""


class DjangoSession(Session):
    """What stands behind `request.session`."""

    refusal = NotOwner


def fitted(sessions: Sessions) -> Sessions:
    """The same, for Django to answer those whom they refuse."""
    sessions.shape(DjangoSession)
    return sessions
