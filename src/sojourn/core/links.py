"""Links: URLs that carry the id of a session, for visitors without cookies."""

from __future__ import annotations

from abc import abstractmethod

from sojourn.core.attributes.mapping import AttributeMapping
from sojourn.core.ids import SessionId
from sojourn.core.keeper import Track
from sojourn.errors import Untracked

__all__ = ["Linked"]


class Linked(AttributeMapping):
    """A session whose id may travel in other ways than a cookie."""

    track: Track | None = None
    """How its id travels; None: in a cookie, and in no other way."""

    def encode_url(self, url: str) -> str:
        """`url` with the id of the session in it, for a link: for visitors without cookies (see `Rewriting`).

        Unchanged unless `tracking` of `Sessions` holds `"url"`, there is a session by now, and `url` is one of this
        application. Fill the session and sign in before: what was encoded holds the id of then.
        """
        return self._encoded(url, redirect=False)

    def encode_redirect_url(self, url: str) -> str:
        """As `encode_url`, for a Location header: there, what leads to the same page is a request, too."""
        return self._encoded(url, redirect=True)

    @property
    def keeps_id(self) -> bool:
        """Whether age is no reason for a new id."""
        return self.track is not None and self.track.keeps_id

    @property
    def mute(self) -> bool:
        """Whether its visitor cannot be told of a new session."""
        return self.track is not None and self.track.mute

    def _refuse_untracked(self) -> None:
        if self.mute:
            raise Untracked("a session cannot be created: the client has shown no certificate, and has no other way")

    @abstractmethod
    def _linked_id(self) -> SessionId | None:
        """The id that links are to carry, None where there is no session; to ask is to look at it."""

    def _encoded(self, url: str, *, redirect: bool) -> str:
        if self.track is None or (given := self._linked_id()) is None:
            return url
        return self.track.encode(url, given, redirect=redirect)
