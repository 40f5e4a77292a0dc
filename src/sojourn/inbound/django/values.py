"""Values: the attributes that Django gives a meaning, and those that only its serializer can take."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from functools import lru_cache
from typing import Any

from django.conf import settings
from django.utils.module_loading import import_string

from sojourn.core import codec
from sojourn.core.lifetime import Lifetime
from sojourn.core.merge import Changes
from sojourn.core.session import Session
from sojourn.errors import NotStorable
from sojourn.inbound.django.settings import SOON
from sojourn.inbound.sessions import Sessions

__all__ = ["expiry_of", "identify", "set_lifetime", "simplify", "storable"]

EXPIRY = "_session_expiry"  # of SessionBase.set_expiry
USER, BACKEND, HASH = "_auth_user_id", "_auth_user_backend", "_auth_user_hash"  # of django.contrib.auth


def expiry_of(session: Session) -> Any:
    """What `set_expiry` was given, as it is stored."""
    return session.get(EXPIRY)


def set_lifetime(session: Session, sessions: Sessions, age: Callable[[], int]) -> None:
    """Let the session live as long as `set_expiry` says, by `age` in seconds; as all others where it says nothing."""
    if session.get(EXPIRY):
        session.lifetime = _lasting(sessions.lifetime, max(age(), SOON))
    elif session.lifetime is not None:
        session.lifetime = sessions.lifetime


def identify(session: Session, *, cycled: bool = False) -> None:
    """Take over who has signed in, or out, in the words of `django.contrib.auth`.

    What is stored is not kept for another user; what was changed since the request began is. `cycled`: whether it has
    just got a new id for that.
    """
    user = session.get(USER)
    principal = None if user is None else str(user)
    if principal == session.signed_in or USER not in storable(session):
        return
    changed = session.changes()
    kept = {name: session[name] for name in (*changed, BACKEND, HASH) if name in session}
    session.principal = principal
    if cycled:
        session.keep_id()
    if session.emptied:
        session.update(kept)


def storable(session: Session) -> Changes:
    """What has changed, with what Sojourn cannot store as Django's serializer would give it back.

    Raises `NotStorable` for what neither can.
    """
    while True:
        try:
            return session.changes()
        except NotStorable as error:
            if not simplify(session, error):
                raise


def simplify(session: Session, error: NotStorable) -> bool:
    """Put what could not be stored in as Django's serializer would give it back; whether that helps."""
    name = next((each for each in session if error.path.startswith(f"session[{each!r}]")), None)
    if name is None:
        return False
    value, serializer = session[name], import_string(settings.SESSION_SERIALIZER)()
    try:
        simple = serializer.loads(serializer.dumps({name: value}))[name]
        codec.pack(simple, name)
    except (TypeError, ValueError):  # among them NotStorable
        return False
    session[name] = simple
    return True


@lru_cache(maxsize=256)
def _lasting(lifetime: Lifetime, idle: float) -> Lifetime:
    return dataclasses.replace(lifetime, idle=idle)
