"""Django: what its own session engines keep. Django is read by Django, so its settings are those of the old site."""

from __future__ import annotations

import asyncio
import re
import time
from datetime import UTC, datetime
from functools import cached_property
from importlib import import_module
from typing import Any

from django.conf import settings
from django.contrib.sessions.backends import cache, cached_db, db, signed_cookies
from django.contrib.sessions.serializers import JSONSerializer
from django.core import signing
from django.db import close_old_connections

from sojourn.core.cookies import Cookie
from sojourn.errors import SettingError
from sojourn.inbound.moving.predecessor import Found
from sojourn.inbound.moving.reading import principal_of

__all__ = ["DjangoSession"]

_KEY = re.compile(r"[0-9a-z]{32}")  # django.contrib.sessions.backends.base: VALID_KEY_CHARS
_SALT = "django.contrib.sessions.backends.signed_cookies"
_DEFAULT = "django.contrib.sessions.backends.db"


class DjangoSession:
    """Sessions of Django's engines `db`, `cached_db`, `file`, `signed_cookies` and `cache`, in JSON; see `Predecessor`.

    What an engine signs is checked with `SECRET_KEY` and `SECRET_KEY_FALLBACKS`. Who is signed in stays so, with the
    hash by which Django's authentication ends sessions when the password changes.
    """

    name = "django"

    def __init__(
        self,
        engine: str = _DEFAULT,
        *,
        cookie: Cookie | None = None,
        trusts_cache: bool = False,
        leave: bool = False,
    ) -> None:
        """Settings, as Django had them; nothing of Django's is needed before the first visitor comes.

        - `engine`: what `SESSION_ENGINE` was.
        - `cookie`: name, path and domain as in `SESSION_COOKIE_NAME`, `_PATH` and `_DOMAIN`; None: `sessionid` at `/`.
        - `trusts_cache`: for the engine `cache`. Django's caches pickle: whoever can write to one runs code in what
          reads it. True: that is trusted, as it was until now. The other engines are read without any cache.
        - `leave`: leave what is taken over where it was.

        Raises `SettingError`.
        """
        if not isinstance(engine, str):
            raise SettingError("DjangoSession(engine): give what SESSION_ENGINE was, as in " + repr(_DEFAULT))
        if engine == cache.__name__ and not trusts_cache:
            raise SettingError(
                "DjangoSession(engine): sessions in Django's cache are pickled; give trusts_cache=True if nobody else "
                "can write to it"
            )
        self.cookie = cookie if cookie is not None else Cookie(name="sessionid", secure=False)
        self._engine = engine
        self._trusts_cache = trusts_cache
        self._leave = leave

    def identify(self, value: bytes) -> str | None:
        """As `Predecessor.identify`: a session key, or the whole value where it was signed with a key of the site."""
        text = value.decode("latin-1")
        if not issubclass(self._kind, signed_cookies.SessionStore):
            return text if _KEY.fullmatch(text) else None
        try:
            signing.TimestampSigner(salt=_SALT).unsign(text)
        except signing.BadSignature:
            return None
        return text

    async def read(self, identity: str) -> Found | None:
        """As `Predecessor.read`."""
        attributes = await asyncio.to_thread(self._apart, self._load, identity)
        if not attributes:
            return None
        return Found(attributes=attributes, principal=principal_of(attributes, "_auth_user_id"))

    async def remove(self, identity: str) -> None:
        """As `Predecessor.remove`."""
        if not self._leave and not issubclass(self._kind, signed_cookies.SessionStore):
            await asyncio.to_thread(self._apart, self._delete, identity)

    @cached_property
    def _kind(self) -> type[Any]:
        """The class that the engine is, found when it is needed: engines with models want a site that is set up."""
        try:
            kind: type[Any] = import_module(self._engine).SessionStore
        except (ImportError, AttributeError):
            raise SettingError(f"DjangoSession(engine={self._engine!r}): there is no SessionStore") from None
        if issubclass(kind, cache.SessionStore) and not self._trusts_cache:
            raise SettingError(f"DjangoSession(engine={self._engine!r}): it is a cache, and needs trusts_cache=True")
        return kind

    def _apart(self, act: Any, identity: str) -> Any:
        """Do it in this thread, which has connections of its own to the database."""
        close_old_connections()
        try:
            return act(identity)
        finally:
            close_old_connections()

    def _load(self, identity: str) -> dict[str, Any]:
        old = self._kind(identity)
        old.serializer = JSONSerializer  # and not SESSION_SERIALIZER, which may be pickle's
        if isinstance(old, signed_cookies.SessionStore):
            return _signed(old, identity)
        # Each save of cached_db is in the database, too; the cache is not asked, since it pickles.
        load = db.SessionStore.load if isinstance(old, cached_db.SessionStore) else type(old).load
        return load(old)

    def _delete(self, identity: str) -> None:
        self._kind(identity).delete(identity)


def _signed(old: Any, value: str) -> dict[str, Any]:
    """What a signed cookie holds, unless it is too old by `SESSION_COOKIE_AGE` or by `set_expiry`."""
    try:
        attributes = signing.loads(value, salt=_SALT, serializer=JSONSerializer)
        signed_at = signing.b62_decode(value.rsplit(":", 2)[1])
    except (signing.BadSignature, ValueError, RecursionError):
        return {}
    if not isinstance(attributes, dict):
        return {}
    signed = datetime.fromtimestamp(signed_at, UTC if settings.USE_TZ else None)
    age = old.get_expiry_age(modification=signed, expiry=attributes.get("_session_expiry"))
    return attributes if time.time() - signed_at <= min(age, settings.SESSION_COOKIE_AGE) else {}
