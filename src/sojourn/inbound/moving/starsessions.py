"""starsessions: what it keeps in Redis, in a cookie, or in a store of the application's own."""

from __future__ import annotations

import logging
import re
import time
from collections.abc import Awaitable, Mapping
from typing import Any, Protocol

from sojourn.core.cookies import Cookie
from sojourn.core.lifetime import Clock
from sojourn.errors import SettingError
from sojourn.inbound.moving.predecessor import Found
from sojourn.inbound.moving.reading import attributes_of, principal_of

__all__ = ["Starsessions"]

_ID = re.compile(r"[0-9a-f]{32}")  # token_hex(16)
_SIGNED = re.compile(r"[A-Za-z0-9+/=]+\.[\w-]+\.[\w-]+", re.ASCII)  # of its CookieStore
_ABOUT = "__metadata__"  # the attribute of its own

_log = logging.getLogger(__name__)


class SessionStore(Protocol):
    """A store of starsessions."""

    def read(self, session_id: str, lifetime: int) -> Awaitable[bytes]:
        """What is kept, b"" for nothing."""
        ...

    def remove(self, session_id: str) -> Awaitable[None]:
        """Forget it."""
        ...


class Starsessions:
    """Sessions of starsessions 2, in its format JSON; see `Predecessor`."""

    name = "starsessions"

    def __init__(
        self,
        store: SessionStore,
        *,
        lifetime: float = 0,
        rolling: bool = False,
        cookie: Cookie | None = None,
        principal: str | None = None,
        leave: bool = False,
        clock: Clock = time.time,
    ) -> None:
        """Settings, as its `SessionMiddleware` had them.

        - `store`: the `RedisStore`, `CookieStore` or other one that it was given.
        - `lifetime`: in seconds; 0: until the browser is closed. `rolling`: whether each use put off the end.
        - `cookie`: name, path and domain as in `cookie_name`, `cookie_path` and `cookie_domain`; None: `session` at
          `/`.
        - `principal`: the attribute that tells who is signed in.
        - `leave`: leave what is taken over where it was.
        - `clock`: tells the time in seconds since the epoch.

        Raises `SettingError`.
        """
        if not (callable(getattr(store, "read", None)) and callable(getattr(store, "remove", None))):
            raise SettingError("Starsessions(store): give the store that its SessionMiddleware had")
        if not lifetime >= 0:
            raise SettingError(f"Starsessions(lifetime={lifetime!r}): give seconds, or 0 as it had")
        self.cookie = cookie if cookie is not None else Cookie(name="session", secure=False)
        self._store = store
        self._lifetime = int(lifetime)
        self._use = "last_access" if rolling else "created"
        self._principal = principal
        self._leave = leave
        self._clock = clock
        self._told = False

    def identify(self, value: bytes) -> str | None:
        """As `Predecessor.identify`. A signature is checked by the store, when it reads."""
        identity = value.decode("latin-1")
        return identity if _ID.fullmatch(identity) or _SIGNED.fullmatch(identity) else None

    async def read(self, identity: str) -> Found | None:
        """As `Predecessor.read`."""
        data = await self._store.read(identity, self._lifetime)
        if not data:
            return None
        attributes = attributes_of(data)
        if attributes is None:
            self._tell()
            return None
        about = attributes.pop(_ABOUT, None)
        if not attributes or self._is_over(about if isinstance(about, dict) else {}):
            return None
        return Found(attributes=attributes, principal=principal_of(attributes, self._principal))

    async def remove(self, identity: str) -> None:
        """As `Predecessor.remove`."""
        if not self._leave:
            await self._store.remove(identity)

    def _is_over(self, about: Mapping[str, Any]) -> bool:
        """Whether the browser was to have forgotten it by now; Redis forgets it by itself, other stores do not."""
        lifetime, since = about.get("lifetime", self._lifetime), about.get(self._use)
        numbers = isinstance(lifetime, int | float) and isinstance(since, int | float)
        return numbers and 0 < lifetime <= self._clock() - since  # type: ignore[operator]

    def _tell(self) -> None:
        """Say it once: there are as many as there are visitors."""
        if not self._told:
            self._told = True
            _log.warning(
                "starsessions holds sessions that are not JSON; they are not read, and their visitors sign in anew. "
                "Serve with its JsonSerializer for a while before moving over"
            )
