"""Settings: the `Sessions` that Django's settings describe."""

from __future__ import annotations

import dataclasses
import threading
from functools import lru_cache
from typing import Any

from django.conf import settings
from django.core.exceptions import ImproperlyConfigured
from django.core.signals import setting_changed

from sojourn.core.cookies import Cookie
from sojourn.core.lifetime import Lifetime
from sojourn.errors import SettingError
from sojourn.inbound.bridge import at_exit
from sojourn.inbound.django.strangers import fitted
from sojourn.inbound.sessions import Sessions
from sojourn.store.base import Store
from sojourn.store.url import open_store

__all__ = ["SOON", "get_sessions"]

SOON = 0.001  # seconds of a lifetime that is over: Django may be told 0 or less, and means at once

_making = threading.RLock()  # of the first requests of a process, one makes them


def get_sessions() -> Sessions:
    """The sessions of this site, as `SOJOURN_STORE`, `SOJOURN` and `SESSION_COOKIE_…` say; one object a process.

    `SOJOURN` holds keywords of `Sessions`. How long a session lives and what its cookie is like, Django's own settings
    say: of `lifetime`, only `absolute` and `renew` are taken. Raises `ImproperlyConfigured`.
    """
    with _making:
        return _sessions()


@lru_cache
def _sessions() -> Sessions:
    options = _options()
    options.pop("store", None)
    if "cookie" in options:
        raise ImproperlyConfigured("SOJOURN['cookie']: give SESSION_COOKIE_NAME and its like instead")
    try:
        idle = settings.SESSION_COOKIE_AGE or SOON
        lifetime = dataclasses.replace(options.pop("lifetime", Lifetime()), idle=idle)
        sessions = fitted(Sessions(_store(), cookie=_cookie(), lifetime=lifetime, **options))
    except (SettingError, TypeError) as error:
        raise ImproperlyConfigured(f"SOJOURN: {error}") from error
    at_exit(sessions.close)
    return sessions


def _options() -> dict[str, Any]:
    return dict(getattr(settings, "SOJOURN", {}))


@lru_cache
def _store() -> Store:
    """Outlives a change of the other settings, as tests make: what is in memory stays there."""
    options = _options()
    store = options.get("store", getattr(settings, "SOJOURN_STORE", None))
    if store is None:
        raise ImproperlyConfigured(
            "SOJOURN_STORE is not set; give the address of a store that all processes share, as in postgresql:///app "
            "or sqlite:////var/lib/app/sessions.db, or memory: where there is one process"
        )
    return open_store(store, clock=options.get("clock")) if isinstance(store, str) else store


def _cookie() -> Cookie:
    """As Django would set it; how long it is kept is said for each session."""
    same_site = settings.SESSION_COOKIE_SAMESITE
    return Cookie(
        name=settings.SESSION_COOKIE_NAME,
        secure=bool(settings.SESSION_COOKIE_SECURE),
        http_only=bool(settings.SESSION_COOKIE_HTTPONLY),
        same_site=same_site or "Lax",  # False sets no attribute, which browsers take for Lax
        path=settings.SESSION_COOKIE_PATH,
        domain=settings.SESSION_COOKIE_DOMAIN,
    )


def _changed(*, setting: str, **_: object) -> None:
    """A test has overridden it."""
    if setting in ("SOJOURN", "SOJOURN_STORE"):
        _store.cache_clear()
    if setting.startswith(("SOJOURN", "SESSION_COOKIE_")):
        _sessions.cache_clear()


setting_changed.connect(_changed)
