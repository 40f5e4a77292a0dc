"""Starlette: sessions that are kept in a signed cookie, as its `SessionMiddleware` writes them."""

from __future__ import annotations

import base64
import hashlib
import hmac
import time

from sojourn.core.cookies import Cookie
from sojourn.core.lifetime import Clock
from sojourn.errors import SettingError
from sojourn.inbound.moving.predecessor import Found
from sojourn.inbound.moving.reading import attributes_of, principal_of

__all__ = ["StarletteSession"]

_TWO_WEEKS = 14 * 24 * 60 * 60
_SALT = b"itsdangerous.Signer" + b"signer"  # as TimestampSigner(secret) derives its key ("django-concat")


class StarletteSession:
    """Sessions of Starlette's own `SessionMiddleware`, which FastAPI has, too; see `Predecessor`.

    They are nowhere but in the browser. What somebody has copied of such a cookie opens that state again until it is
    too old, as it did before; so take this out when the cookies of the old application are.
    """

    name = "starlette"

    def __init__(
        self,
        secret_key: object,
        *,
        max_age: float | None = _TWO_WEEKS,
        cookie: Cookie | None = None,
        principal: str | None = None,
        clock: Clock = time.time,
    ) -> None:
        """Settings, as `SessionMiddleware` had them.

        - `secret_key`: a text, bytes, or Starlette's `Secret`.
        - `max_age`: seconds after which what was signed is refused; None: never.
        - `cookie`: name, path and domain as in `session_cookie`, `path` and `domain`; None: `session` at `/`.
        - `principal`: the attribute that tells who is signed in.
        - `clock`: tells the time in seconds since the epoch.

        Raises `SettingError`.
        """
        secret = secret_key if isinstance(secret_key, bytes) else str(secret_key or "").encode()
        if not secret:
            raise SettingError("StarletteSession(secret_key): give the one that SessionMiddleware had")
        if max_age is not None and not max_age > 0:
            raise SettingError(f"StarletteSession(max_age={max_age!r}): give seconds, or None for no limit")
        self.cookie = cookie if cookie is not None else Cookie(name="session", secure=False)
        self._signing_key = hashlib.sha1(_SALT + secret).digest()  # noqa: S324 - as it was signed
        self._max_age = max_age
        self._principal = principal
        self._clock = clock

    def identify(self, value: bytes) -> str | None:
        """As `Predecessor.identify`: the whole value, where it was signed with that key."""
        signed, _, signature = value.rpartition(b".")
        right = base64.urlsafe_b64encode(hmac.digest(self._signing_key, signed, hashlib.sha1)).rstrip(b"=")
        return value.decode("ascii") if hmac.compare_digest(right, signature) and value.isascii() else None

    async def read(self, identity: str) -> Found | None:
        """As `Predecessor.read`."""
        signed, _, _ = identity.rpartition(".")
        payload, _, stamp = signed.rpartition(".")
        try:
            signed_at = int.from_bytes(_decoded(stamp), "big")
            attributes = attributes_of(base64.b64decode(payload))
        except ValueError:
            return None  # signed with this key by something else
        if not attributes or self._is_over(signed_at):
            return None
        return Found(attributes=attributes, principal=principal_of(attributes, self._principal))

    async def remove(self, identity: str) -> None:
        """As `Predecessor.remove`: the browser alone has it, and is told to forget it."""

    def _is_over(self, signed_at: int) -> bool:
        return self._max_age is not None and not 0 <= int(self._clock()) - signed_at <= self._max_age


def _decoded(text: str) -> bytes:
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))
