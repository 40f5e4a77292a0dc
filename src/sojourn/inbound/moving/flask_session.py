"""Flask-Session: what it keeps in Redis, Memcached and anything else that has `get` and `delete`."""

from __future__ import annotations

import asyncio
import base64
import hashlib
import hmac
import inspect
import logging
import re
from collections.abc import Callable
from typing import Any, Protocol

import msgspec

from sojourn.core.cookies import Cookie
from sojourn.errors import SettingError
from sojourn.inbound.moving.predecessor import Found

__all__ = ["FlaskSession"]

_ID = re.compile(r"[A-Za-z0-9_-]{16,512}")  # token_urlsafe(SESSION_ID_LENGTH); before 0.6 a UUID
_SALT = b"flask-session"

_log = logging.getLogger(__name__)


class Client(Protocol):
    """What Flask-Session was given as `SESSION_REDIS` or `SESSION_MEMCACHED`. It may be async."""

    def get(self, name: str, /) -> Any:
        """The bytes of that name, or None."""
        ...

    def delete(self, name: str, /) -> Any:
        """Forget them."""
        ...


class FlaskSession:
    """Sessions of Flask-Session 0.7 or newer, in its formats msgpack and JSON; see `Predecessor`.

    What an older one pickled is left behind, since to read it is to run what it says: let 0.7 or newer serve for as
    long as sessions live, and it writes them anew.
    """

    name = "flask-session"

    def __init__(
        self,
        client: Client,
        *,
        prefix: str = "session:",
        cookie: Cookie | None = None,
        signed_with: str | bytes | None = None,
        principal: str | None = None,
        leave: bool = False,
    ) -> None:
        """Settings, as Flask-Session had them.

        - `client`: `SESSION_REDIS`, `SESSION_MEMCACHED`, or anything with `get` and `delete`. It is called in threads.
        - `prefix`: `SESSION_KEY_PREFIX`.
        - `cookie`: name, path and domain as in `SESSION_COOKIE_NAME`, `_PATH` and `_DOMAIN`; None: `session` at `/`.
        - `signed_with`: the `SECRET_KEY`, where `SESSION_USE_SIGNER` was on.
        - `principal`: the attribute that tells who is signed in: `"_user_id"` for Flask-Login.
        - `leave`: leave what is taken over where it was.

        Raises `SettingError`.
        """
        if not (callable(getattr(client, "get", None)) and callable(getattr(client, "delete", None))):
            raise SettingError("FlaskSession(client): give what SESSION_REDIS was, or anything with `get` and `delete`")
        self.cookie = cookie if cookie is not None else Cookie(name="session", secure=False)
        self._client = client
        self._prefix = prefix
        self._signing_key = None if signed_with is None else _signing_key(signed_with)
        self._principal = principal
        self._leave = leave
        self._told = False

    def identify(self, value: bytes) -> str | None:
        """As `Predecessor.identify`."""
        if self._signing_key is not None:
            value, _, signature = value.rpartition(b".")
            if not hmac.compare_digest(_signature(self._signing_key, value), signature):
                return None
        identity = value.decode("latin-1")
        return self._prefix + identity if _ID.fullmatch(identity) else None

    async def read(self, identity: str) -> Found | None:
        """As `Predecessor.read`."""
        data = await _called(self._client.get, identity)
        if not data:
            return None
        attributes = _decoded(data)
        if attributes is None:
            self._tell()
            return None
        principal = None if self._principal is None else attributes.get(self._principal)
        return Found(attributes=attributes, principal=None if principal is None else str(principal))

    async def remove(self, identity: str) -> None:
        """As `Predecessor.remove`."""
        if not self._leave:
            await _called(self._client.delete, identity)

    def _tell(self) -> None:
        """Say it once: there are as many as there are visitors."""
        if not self._told:
            self._told = True
            _log.warning(
                "Flask-Session holds sessions that are neither msgpack nor JSON, pickled it seems; they are not read, "
                "and their visitors sign in anew. Serve with Flask-Session 0.7 or newer for a while before moving over"
            )


async def _called(act: Callable[[str], Any], name: str) -> Any:
    answer = await asyncio.to_thread(act, name)
    return await answer if inspect.isawaitable(answer) else answer


def _decoded(data: object) -> dict[str, Any] | None:
    """The attributes, whichever of the two formats they are in; None for any other."""
    if not isinstance(data, bytes):
        return None  # made by the client itself: cachelib's pickle
    for decode in (msgspec.msgpack.decode, msgspec.json.decode):
        try:
            return decode(data, type=dict[str, Any])
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
            continue
    return None


def _signing_key(secret: str | bytes) -> bytes:
    """As `itsdangerous.Signer(secret, salt="flask-session", key_derivation="hmac")` derives it."""
    return hmac.digest(secret.encode() if isinstance(secret, str) else secret, _SALT, hashlib.sha1)


def _signature(key: bytes, value: bytes) -> bytes:
    return base64.urlsafe_b64encode(hmac.digest(key, value, hashlib.sha1)).rstrip(b"=")
