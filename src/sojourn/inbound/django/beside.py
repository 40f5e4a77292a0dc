"""Beside: what `request.session` offers beside Django's own."""

from __future__ import annotations

from abc import abstractmethod
from typing import TypeVar

from sojourn.core.keeper import Exclusive
from sojourn.core.session import Session

__all__ = ["Beside"]

T = TypeVar("T")


class Beside:
    """Sojourn's own session, as far as Django has no word for it; each is described at `Session`."""

    _session_key: str | None

    @abstractmethod
    def _get_session(self) -> Session:
        """The session, loaded."""

    @property
    def ref(self) -> str:
        """As `Session`."""
        return self._get_session().ref

    @property
    def ended(self) -> bool:
        """As `Session`."""
        return self._get_session().ended

    @property
    def version(self) -> int:
        """As `Session`."""
        return self._get_session().version

    @property
    def is_new(self) -> bool:
        """As `Session`."""
        return self._get_session().is_new

    @property
    def created_at(self) -> float:
        """As `Session`."""
        return self._get_session().created_at

    @property
    def accessed_at(self) -> float:
        """As `Session`."""
        return self._get_session().accessed_at

    @property
    def expires_at(self) -> float | None:
        """As `Session`."""
        return self._get_session().expires_at

    @property
    def principal(self) -> str | None:
        """As `Session`. `django.contrib.auth` sets it: to the primary key of the user, as text."""
        return self._get_session().principal

    @principal.setter
    def principal(self, principal: str | None) -> None:
        session = self._get_session()
        session.principal = principal
        self._session_key = session.id

    def own(self, principal: str | None) -> None:
        """As `Session`."""
        session = self._get_session()
        session.own(principal)
        self._session_key = session.id

    def view(self, kind: type[T], *, at: str | None = None) -> T:
        """As `Session`."""
        return self._get_session().view(kind, at=at)

    def exclusive(self, *, wait: float = 5.0) -> Exclusive:
        """As `Session`: `with` in sync views, `async with` in async ones."""
        return self._get_session().exclusive(wait=wait)

    def renew(self) -> None:
        """As `Session`: with the answer; `cycle_key` in Django's words."""
        session = self._get_session()
        session.renew()
        self._session_key = session.id

    def encode_url(self, url: str) -> str:
        """As `Session`."""
        return self._get_session().encode_url(url)

    def encode_redirect_url(self, url: str) -> str:
        """As `Session`."""
        return self._get_session().encode_redirect_url(url)
