"""Every exception of Sojourn.

    SojournError
    ├── SettingError            a setting, cookie attribute or store address that cannot work
    ├── SessionError            how the application used its session
    │   ├── SessionEnded        used after `end()`, here or elsewhere
    │   ├── NotOwner            the session of one principal, used by a request of another's
    │   ├── OutsideRequest      used after its request, or on a path that has no session
    │   ├── ResponseStarted     created or renewed when no cookie can be sent any more
    │   ├── Untracked           created for a client that cannot be told of it
    │   ├── NotStorable         a value that no store can keep
    │   ├── Unreadable          a stored attribute that cannot be read (also a KeyError)
    │   ├── ViewMismatch        stored data that does not fit the type of a view
    │   ├── Contradiction       two requests changed one attribute, and that is refused
    │   ├── Occupied            another request had the session to itself for too long
    │   └── LeaseLost           the sole right to the session ran out before the changes were stored
    ├── BackendError            what comes of a call to a back end besides its answer
    │   ├── SignInFailed        the back end refuses the credentials, or signing in came to nothing
    │   ├── SessionLost         the session at the back end is gone, and the call cannot just be sent again
    │   ├── ExchangeEnded       a call after the end of what it was part of
    │   └── BackendBusy         a limit of the back end left no room in time
    └── StoreError              what a store can answer besides its result
        ├── Conflict            the record is not the one that was to be replaced
        ├── Gone                the record has ended; it is never brought back
        ├── Overtaken           a save met a newer record each time it tried
        ├── LimitReached        the principal has as many sessions as one may have
        └── StoreUnavailable    the store cannot be reached or used now
            ├── OutcomeUnknown  the answer to a write was lost: it happened, or it did not
            ├── StoreBusy       another process holds it for too long
            ├── StoreFull       no room is left
            ├── StoreReadOnly   it may be read but not written
            ├── StoreDenied     this user may not use it, or not with this password
            ├── StoreDamaged    what it holds is not what Sojourn wrote
            └── StoreTooNew     a newer Sojourn made its schema

Every message is one line that says what is wrong, where, and what to do. None holds an id or a value of a session.
`status_hint` is the HTTP status that an uncaught error stands for.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from sojourn.core.record import Record

__all__ = [
    "BackendBusy",
    "BackendError",
    "Conflict",
    "Contradiction",
    "ExchangeEnded",
    "Gone",
    "LeaseLost",
    "LimitReached",
    "NotOwner",
    "NotStorable",
    "Occupied",
    "OutcomeUnknown",
    "OutsideRequest",
    "Overtaken",
    "ResponseStarted",
    "SessionEnded",
    "SessionError",
    "SessionLost",
    "SettingError",
    "SignInFailed",
    "SojournError",
    "StoreBusy",
    "StoreDamaged",
    "StoreDenied",
    "StoreError",
    "StoreFull",
    "StoreReadOnly",
    "StoreTooNew",
    "StoreUnavailable",
    "Unreadable",
    "Untracked",
    "ViewMismatch",
]


class SojournError(Exception):
    """The root of every error that Sojourn raises."""

    status_hint = 500
    headers: Sequence[tuple[bytes, bytes]] = ()
    """What the visitor is to be told all the same, by those who answer for the application."""


class SettingError(SojournError, ValueError):
    """A setting, cookie attribute or store address that cannot work; raised when it is given, not when it is used."""


class SessionError(SojournError):
    """The application used its session in a way that cannot work."""


class SessionEnded(SessionError):
    """The session was used after it had ended."""


class NotOwner(SessionError):
    """The session belongs to a principal, and the request to another one or to nobody."""

    status_hint = 403


class OutsideRequest(SessionError):
    """The session was used outside the request that it belongs to."""


class ResponseStarted(SessionError):
    """A session was to be created or renewed after the first byte of the response, when no cookie can be sent."""


class Untracked(SessionError):
    """A session was to be created for a client that cannot be told of it: one without a certificate."""

    status_hint = 403


class NotStorable(SessionError, TypeError):
    """A value that cannot be kept; `path` says where it is, as in `session["cart"]["items"][3]`."""

    def __init__(self, path: str, reason: str) -> None:
        """`path`: from the session to the value. `reason`: what is wrong with it and what to do."""
        super().__init__(f"{path} cannot be stored: {reason}")
        self.path = path


class Unreadable(SessionError, KeyError):
    """A stored attribute that cannot be read; it is treated as absent, and its bytes are kept as they are."""

    def __init__(self, name: str, reason: str) -> None:
        """`name`: the attribute's. `reason`: why it cannot be read."""
        super().__init__(f"session[{name!r}] cannot be read: {reason}. Its bytes are kept until it is set or deleted")
        self.name = name
        self.reason = reason

    __str__ = Exception.__str__  # KeyError would show the message in quotes


class ViewMismatch(SessionError):
    """Stored data does not fit the type of a view; the message holds the path of the first misfit."""


class Contradiction(SessionError):
    """Two requests changed the same attributes, and the session is set to refuse that (`on_conflict="fail"`).

    Also raised when an object was changed that another request has replaced since it was handed out.
    """

    status_hint = 409

    def __init__(self, names: Iterable[str]) -> None:
        """`names`: the attributes that both requests changed."""
        self.names = tuple(sorted(names))
        super().__init__(f"another request changed {', '.join(map(repr, self.names))} first; load the session again")


class Occupied(SessionError):
    """Another request had the session to itself for longer than this one would wait."""

    status_hint = 503


class LeaseLost(SessionError):
    """The sole right to the session ran out before the changes were stored; nothing was."""

    status_hint = 409


class BackendError(SojournError):
    """A call to a back end came to nothing, although its connection worked."""

    status_hint = 502


class SignInFailed(BackendError):
    """The back end refuses the credentials, or signing in came to no session; every call that waited for it fails."""


class SessionLost(BackendError):
    """The back end has forgotten the session, and the call was not sent once more.

    Either it is part of a stateful exchange, whose state is lost with the session; or it may have been processed, or
    its body cannot be sent again. A later call signs in anew, except in a stateful exchange.
    """


class ExchangeEnded(BackendError):
    """A call after the end of its exchange, or of its back end; it was not sent."""

    status_hint = 500


class BackendBusy(BackendError):
    """A limit that was set for the back end left no room for the call in time; it was not sent."""

    status_hint = 503


class StoreError(SojournError):
    """What a store answers when it cannot do what was asked."""

    status_hint = 503


class Conflict(StoreError):
    """What is stored is not the record that was to be replaced."""

    def __init__(self, stored: Record | None = None) -> None:
        """`stored`: what is there instead, where the store knows it without asking again."""
        super().__init__("the stored session is a newer one; load it and merge")
        self.stored = stored


class Gone(StoreError):
    """The record that was to be replaced has ended, or was moved away at a sign-in."""

    def __init__(self) -> None:
        """Hold the one message that there is."""
        super().__init__("the session has ended; it is not brought back")


class Overtaken(StoreError):
    """A save met a newer record each time it tried."""


class LimitReached(StoreError):
    """The principal has as many sessions as one may have, and `when_full="refuse"`."""

    status_hint = 429


class StoreUnavailable(StoreError):
    """The store cannot be reached, or cannot be used now."""


class OutcomeUnknown(StoreUnavailable):
    """The store was asked to write, and its answer was lost: it happened, or it did not."""


class StoreBusy(StoreUnavailable):
    """Another process holds the store for longer than this one may wait."""


class StoreFull(StoreUnavailable):
    """The store has no room left."""


class StoreReadOnly(StoreUnavailable):
    """The store can be read but not written."""


class StoreDenied(StoreUnavailable):
    """The store lets this user not in, or not do what it takes; that does not pass by itself."""


class StoreDamaged(StoreUnavailable):
    """What is stored is not what Sojourn wrote."""


class StoreTooNew(StoreUnavailable):
    """A newer version of Sojourn made the store's schema."""
