"""Record: what is stored of a session."""

from __future__ import annotations

from uuid import UUID

import msgspec

from sojourn.errors import NotStorable

__all__ = ["BACKENDS", "Record", "is_text", "told_by"]

BACKENDS = "backend:"
"""What the name of no application begins with: under it are sessions that are held at back ends."""


class Record(msgspec.Struct, frozen=True, kw_only=True):
    """One stored session. Times are seconds since the epoch; `math.inf` where there is no limit.

    A store looks at every field but `data`, which it keeps as it is.
    """

    key: str
    """Where it is stored: a hash of the secret id (`SessionId.key`), 45 characters."""
    app: str
    """The application that it belongs to."""
    ref: str
    """Its public name, the same over all renewals."""
    principal: str | None
    """Who is signed in."""
    epoch: int
    """How often the session changed hands: raised by each sign-in, sign-out and explicit renewal."""
    version: int
    """Raised by each save; 1 when created, 0 before."""
    created_at: float
    """When it was first stored."""
    accessed_at: float
    """When it was last used, as far as that was stored."""
    renewed_at: float
    """When it got the id that it has."""
    expires_at: float
    """From when on it is absent, whatever is stored. Includes the slack of `Lifetime`."""
    absolute_at: float
    """The end that no use can put off."""
    node: str
    """The process that wrote it last."""
    data: bytes
    """Its attributes (see `codec`)."""

    @property
    def blank(self) -> bool:
        """Whether nothing is stored there yet: it is where an application may begin a session (see `SharedStore`)."""
        return not self.version

    def __repr__(self) -> str:
        # The key is a hash and the data is private: neither helps a reader of logs.
        return f"<Record {self.ref} of {self.app}, version {self.version}>"


def is_text(value: object) -> bool:
    """Whether every store can keep `value` in a field: a str of Unicode characters without NUL.

    PostgreSQL has no NUL in a text. Half a surrogate pair, which JSON can bring, is no character.
    """
    if not isinstance(value, str) or "\0" in value:
        return False
    try:
        value.encode()
    except UnicodeEncodeError:
        return False
    return True


def told_by(value: object, name: str) -> str | None:
    """The principal that the value of the attribute `name` tells, None for nobody.

    Raises `NotStorable` for what is neither text, a whole number nor a UUID.
    """
    if value is None:
        return None
    if is_text(value) or (isinstance(value, int | UUID) and not isinstance(value, bool)):
        return str(value) or None  # some sign out by ""
    raise NotStorable(
        f"session[{name!r}]",
        f"it tells who is signed in (`principal` of Sessions), and is a {type(value).__name__}; "
        "give Unicode text, a whole number or a UUID, or None",
    )
