"""Owners: a principal's session is refused to a request that is somebody else's."""

from __future__ import annotations

from collections.abc import Callable
from typing import Literal

from sojourn.core.session import Session
from sojourn.errors import SettingError
from sojourn.inbound.tracking.request import Request

__all__ = ["Identity", "Owners", "Strangers", "owners_of"]

Identity = Callable[[Request], str | None]
"""Tells whose request it is; None: nobody's."""

Strangers = Literal["refuse", "end"]

_UNKNOWN = "it is not known yet whose this request is; use the session where its visitor has been authenticated"


class Owners:
    """Who may have which session, by the rules of WebSphere's security integration.

    | whose session | a request of nobody | of A | of B |
    |---|---|---|---|
    | none yet | nobody's | A's, once it is stored | B's |
    | nobody's | as it is | becomes A's, with a new id | becomes B's |
    | A's | refused | as it is | refused |
    """

    def __init__(self, identity: Identity, *, ends: bool) -> None:
        """`ends`: whether a session that a stranger came with is to end, and the stranger to begin a new one."""
        self._identity = identity
        self.ends = ends

    def admit(self, session: Session, request: Request) -> bool:
        """Whether the request may have `session`; if so, and it is nobody's, it is theirs from now on.

        Where that is told later, all are admitted, and may not use it until then.
        """
        if request.told_later:
            session.estrange(_UNKNOWN)
            return True
        who, owner = self._identity(request), session.signed_in
        if owner is None:
            if who is not None:
                session.belong(who)
            return True
        return owner == who


def owners_of(identity: Identity | Literal["request"] | None, strangers: Strangers) -> Owners | None:
    """The rules that these settings make; None when all are admitted. Raises `SettingError`."""
    if strangers not in ("refuse", "end"):
        raise SettingError(f"Sessions(strangers={strangers!r}): give 'refuse' or 'end'")
    if identity is None:
        return None
    if identity != "request" and not callable(identity):
        raise SettingError(f"Sessions(identity={identity!r}): give 'request', or a function of a Request")
    return Owners(_of_request if identity == "request" else identity, ends=strangers == "end")


def _of_request(request: Request) -> str | None:
    return request.user
