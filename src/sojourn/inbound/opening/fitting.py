"""Fitting: what a framework's side settles before the first request, where the application has left it open."""

from __future__ import annotations

import msgspec

from sojourn.core.cookies import Cookie
from sojourn.core.lifetime import Lifetime
from sojourn.core.session import Session
from sojourn.errors import SettingError
from sojourn.inbound.keeping.commits import Commits
from sojourn.inbound.keeping.rules import Rules
from sojourn.inbound.moving.takeover import Takeover
from sojourn.inbound.opening.owners import Owners
from sojourn.inbound.opening.principals import check_principal, following
from sojourn.inbound.tracking.cookies import CookieTracking

__all__ = ["Fitting"]


class Fitting:
    """That part of `Sessions`."""

    cookie: Cookie
    lifetime: Lifetime
    _kind: type[Session]
    _chosen: tuple[Cookie | None, Lifetime | None]
    _assumed: tuple[Cookie, Lifetime] | None = None
    _name: bytes
    _rules: Rules
    _tracking: CookieTracking
    _commits: Commits
    _owners: Owners | None
    _takeover: Takeover | None

    def shape(self, kind: type[Session]) -> None:
        """Have its sessions be of `kind`, which shows what a framework expects of one."""
        if not issubclass(self._kind, kind):
            self._kind = kind if self._kind is Session else type(kind.__name__, (kind, self._kind), {})

    def follow(self, principal: str, *, asked: bool = False) -> None:
        """Have principals follow the attribute of that name, unless something else tells who is signed in.

        `asked`: the application has named it. Raises `SettingError`.
        """
        check_principal(principal)
        if asked and self._owners is not None:
            raise SettingError(
                "Sessions(identity=…, principal=…): the one tells whose a request is, so the session needs no other; "
                "give one of them"
            )
        if self._owners is None and self._rules.principal is None:
            self._kind = following(self._kind, principal)
            self._rules = msgspec.structs.replace(self._rules, principal=principal)
            if self._takeover is not None:
                self._takeover.follow(self._rules, self.cookie)

    def assume(self, *, cookie: Cookie, lifetime: Lifetime | None = None) -> None:
        """Take settings of the framework's for what was not given to `Sessions`.

        Raises `SettingError` when two applications of one `Sessions` have different ones.
        """
        assumed = (self._chosen[0] or cookie, self._chosen[1] or lifetime or self.lifetime)
        if self._assumed not in (None, assumed):
            raise SettingError("two applications have different settings for cookies: give each Sessions of its own")
        self._assumed = assumed
        self.cookie, self.lifetime = assumed
        self._name = self.cookie.name.encode()
        self._tracking.use(self.cookie)
        self._rules = msgspec.structs.replace(self._rules, lifetime=self.lifetime)
        self._commits.follow(self._rules)
        if self._takeover is not None:
            self._takeover.follow(self._rules, self.cookie)
