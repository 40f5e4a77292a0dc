"""Flask: sessions that Flask itself, or Quart, keeps in a signed cookie."""

from __future__ import annotations

import hashlib
import time
from collections.abc import Sequence
from datetime import timedelta

from flask.sessions import session_json_serializer
from itsdangerous import BadData, URLSafeTimedSerializer

from sojourn.core.cookies import Cookie
from sojourn.core.lifetime import Clock
from sojourn.errors import SettingError
from sojourn.inbound.moving.predecessor import Found
from sojourn.inbound.moving.reading import principal_of

__all__ = ["FlaskCookie"]

_LASTING = timedelta(days=31)  # Flask's default of PERMANENT_SESSION_LIFETIME


class FlaskCookie:
    """Sessions of Flask's own `SecureCookieSessionInterface`, and of Quart's, which is the same; see `Predecessor`.

    They are nowhere but in the browser. What somebody has copied of such a cookie opens that state again until it is
    too old, as it did before; so take this out when the cookies of the old application are.
    """

    name = "flask"

    def __init__(
        self,
        secret_key: str | bytes,
        *,
        fallbacks: Sequence[str | bytes] = (),
        lifetime: timedelta | float = _LASTING,
        salt: str = "cookie-session",
        cookie: Cookie | None = None,
        principal: str | None = None,
        clock: Clock = time.time,
    ) -> None:
        """Settings, as Flask had them.

        - `secret_key`, `fallbacks`: `SECRET_KEY` and `SECRET_KEY_FALLBACKS`.
        - `lifetime`: `PERMANENT_SESSION_LIFETIME`, after which what was signed is refused, permanent or not.
        - `salt`: that of a session interface of the application's own.
        - `cookie`: name, path and domain as in `SESSION_COOKIE_NAME`, `_PATH` and `_DOMAIN`; None: `session` at `/`.
        - `principal`: the attribute that tells who is signed in; None: as in `Sessions`.
        - `clock`: tells the time in seconds since the epoch.

        Raises `SettingError`.
        """
        if isinstance(fallbacks, str | bytes) or not all((secret_key, *fallbacks)):
            raise SettingError(
                "FlaskCookie(secret_key): give the SECRET_KEY, and a list of fallbacks where there are any"
            )
        seconds = lifetime.total_seconds() if isinstance(lifetime, timedelta) else lifetime
        if not seconds > 0:
            raise SettingError(f"FlaskCookie(lifetime={lifetime!r}): give what PERMANENT_SESSION_LIFETIME was")
        self.cookie = cookie if cookie is not None else Cookie(name="session", secure=False)
        self._signed = URLSafeTimedSerializer(
            [*fallbacks, secret_key],  # type: ignore[arg-type]  # texts and bytes may be mixed
            salt=salt,
            serializer=session_json_serializer,
            signer_kwargs={"key_derivation": "hmac", "digest_method": hashlib.sha1},
        )
        self._seconds = int(seconds)
        self._principal = principal
        self._clock = clock

    def identify(self, value: bytes) -> str | None:
        """As `Predecessor.identify`: the whole value, where it was signed with one of the keys."""
        right = value.isascii() and self._signed.make_signer().validate(value)
        return value.decode("ascii") if right else None

    async def read(self, identity: str) -> Found | None:
        """As `Predecessor.read`."""
        try:
            attributes, signed_at = self._signed.loads(identity, return_timestamp=True)
        except (BadData, ValueError, TypeError, RecursionError):
            return None  # signed with this key by something else
        if not isinstance(attributes, dict) or not attributes:
            return None
        if not 0 <= int(self._clock()) - int(signed_at.timestamp()) <= self._seconds:
            return None
        return Found(attributes=attributes, principal=principal_of(attributes, self._principal))

    async def remove(self, identity: str) -> None:
        """As `Predecessor.remove`: the browser alone has it, and is told to forget it."""
