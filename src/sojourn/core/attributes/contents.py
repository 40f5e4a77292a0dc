"""Contents: the attributes of a session during one request: decoded when asked for, with what changed in them."""

from __future__ import annotations

import datetime as dt
import decimal
import uuid
from collections.abc import Iterable
from typing import Any

import msgspec

from sojourn.core import codec
from sojourn.core.attributes.view import View
from sojourn.core.codec import Attributes, Packed
from sojourn.core.merge import Changes, FieldChanges
from sojourn.errors import Contradiction, NotStorable, Unreadable, ViewMismatch

__all__ = ["Contents"]

# What cannot change in place needs no second look at the end of the request.
_IMMUTABLE = frozenset(
    {str, int, float, bool, type(None), bytes, dt.datetime, dt.date, dt.time, dt.timedelta, decimal.Decimal, uuid.UUID}
)


class Contents:
    """Packed attributes as they were found, and beside them what was handed out or assigned since."""

    __slots__ = ("_assigned", "_found", "_live", "_outdated", "_views", "unreadable")

    def __init__(self, data: bytes | None) -> None:
        """`data`: of a record, None for a session that is not stored. Raises `codec.Undecodable`."""
        self._found: Attributes = {} if data is None else codec.read(data)
        self._live: dict[str, Any] = {}
        self._views: dict[str, View] = {}
        self._assigned: set[str] = set()  # set or deleted by the application
        self._outdated: tuple[tuple[str, Any, bytes], ...] = ()  # handed out, and replaced by what is stored since
        self.unreadable: dict[str, str] = {}
        """Why an attribute could not be read, by name."""

    def get(self, name: str) -> Any:
        """The value of an attribute: the same object each time. Raises KeyError, or its kind `Unreadable`."""
        try:
            return self._live[name]
        except KeyError:
            pass
        if name in self._assigned or name not in self._found:
            raise KeyError(name)
        if name not in self.unreadable:
            try:
                value = self._live[name] = codec.unpack(self._found[name])
            except codec.Undecodable as error:
                self.unreadable[name] = str(error)
            else:
                return value
        raise Unreadable(name, self.unreadable[name])

    def set(self, name: str, value: object) -> None:
        """Put a value in."""
        self._views.pop(name, None)
        self._live[name] = value
        self._assigned.add(name)

    def delete(self, name: str) -> None:
        """Take an attribute out, readable or not. Raises KeyError."""
        if name not in self._live and (name in self._assigned or name not in self._found):
            raise KeyError(name)
        self._views.pop(name, None)
        self._live.pop(name, None)
        self._assigned.add(name)

    def names(self) -> list[str]:
        """The names of all attributes that can be read, in the order in which they came."""
        return [name for name in dict.fromkeys((*self._found, *self._live)) if self._readable(name)]

    def view(self, name: str, kind: type) -> Any:
        """An attribute as an object of `kind`: the same object each time. Raises `ViewMismatch`."""
        view = self._views.get(name)
        if view is None:
            packed = None if name in self._assigned else self._found.get(name)
            view = self._views[name] = View(name, kind, packed, self._live.get(name, msgspec.UNSET))
            self._live[name] = view.value
        if view.kind is not kind:
            raise ViewMismatch(f"session[{name!r}] is in use as {view.kind.__qualname__} in this request")
        return view.value

    @property
    def pristine(self) -> bool:
        """Whether nothing has changed, as far as a short look tells: nothing set, and what was read is as it was."""
        if self._assigned or self._outdated or self._views:
            return False
        for name, value in self._live.items():
            if type(value) not in _IMMUTABLE and not codec.is_packed_as(value, self._found[name]):
                return False
        return True

    def changes(self) -> dict[str, Packed | FieldChanges | None]:
        """What differs from what was found.

        Raises `NotStorable`; `Contradiction` when an object was changed that is not the one that is stored any more.
        """
        if changed := {name for name, value, packed in self._outdated if _packed(name, value) != packed}:
            raise Contradiction(changed)
        deleted = {name for name in self._assigned if self._deleted(name)}
        changes: dict[str, Packed | FieldChanges | None] = dict.fromkeys(deleted & self._found.keys())
        for name, value in self._live.items():
            if name not in deleted and (name in self._assigned or type(value) not in _IMMUTABLE):
                change = self._change(name, value)
                if change is not None:
                    changes[name] = change
        return changes

    def found(self, *, unread: bool) -> Attributes:
        """What was read, as it was found; with `unread` everything else, too."""
        return {name: packed for name, packed in self._found.items() if unread or name in self._live}

    def committed(self, attributes: Attributes, changes: Changes) -> None:
        """Go on from `attributes`, which hold `changes` and whatever others stored meanwhile.

        That is seen where nothing was read yet. What was read here and not changed goes on being compared with what
        was read; or another's change would be taken for ours, and undone.
        """
        read = {name: self._found[name] for name in self._live.keys() - changes.keys() if name in self._found}
        self._found = {**attributes, **read}
        for name, change in changes.items():
            if isinstance(change, FieldChanges) and name in self._views:
                self._views[name].committed(change)
            elif change is None and name not in self._live:
                self._assigned.discard(name)  # if it comes again, it is another's
            elif name in self._live and name in attributes and codec.is_packed_as(self._live[name], attributes[name]):
                self._assigned.discard(name)  # it is what was found from now on, so that nothing is left to be stored

    def assigned(self, name: str) -> bool:
        """Whether an attribute was set or deleted."""
        return name in self._assigned

    def leave(self) -> None:
        """Leave behind what was found, and what was changed in it. What was set since stays."""
        self._live = {name: value for name, value in self._live.items() if name in self._assigned}
        self._views = {name: view for name, view in self._views.items() if name in self._assigned}
        self._assigned &= self._live.keys()
        self._found, self._outdated = {}, ()
        self.unreadable.clear()

    def refresh(self, attributes: Attributes) -> None:
        """Go on from `attributes`, and hand out anew what they hold otherwise. What is still to be committed stays.

        Raises `NotStorable`, or `Contradiction`.
        """
        pending = self.changes().keys()
        kept = {name: self._found[name] for name in pending if name in self._found}
        for name in self._live.keys() - pending:
            if _bytes(self._found.get(name)) != _bytes(attributes.get(name)):
                self._retire(name)
        self._assigned &= pending | self._live.keys()
        self._found = {**attributes, **kept}
        self.unreadable.clear()

    def revert(self) -> None:
        """Drop what was not committed."""
        outdated = [(name, value, _packed(name, value)) for name, value, _ in self._outdated]
        self._outdated = tuple((name, value, packed) for name, value, packed in outdated if packed is not None)
        for name in [*self._live]:
            self._retire(name)
        self._assigned.clear()

    def give_up(self, names: Iterable[str]) -> None:
        """Drop what was done with these attributes: they are handed out anew, as others stored them."""
        for name in names:
            self._assigned.discard(name)
            if name in self._live:
                self._retire(name)

    def _retire(self, name: str) -> None:
        """Hand out `name` anew. A later change of the object that was handed out cannot be kept, so it is watched."""
        value = self._live.pop(name)
        self._views.pop(name, None)
        self._assigned.discard(name)
        if type(value) not in _IMMUTABLE and (packed := _packed(name, value)) is not None:
            self._outdated += ((name, value, packed),)

    def _deleted(self, name: str) -> bool:
        """Whether an attribute that was set or deleted is not there; looking at a view of it does not make it anew."""
        return name not in self._live or (name in self._views and self._views[name].untouched)

    def _readable(self, name: str) -> bool:
        try:
            self.get(name)
        except KeyError:
            return False
        return True

    def _change(self, name: str, value: object) -> Packed | FieldChanges | None:
        found = self._found.get(name)
        view = self._views.get(name)
        if view is not None and name not in self._assigned:
            return view.changes(found)
        path = f"session[{name!r}]"
        if view is None or view.whole:
            return codec.pack_change(value, found, path)
        packed = codec.pack_field(value, path)
        return packed if found is None or not codec.same(packed, found) else None


def _packed(name: str, value: object) -> bytes | None:
    try:
        return codec.pack_field(value, f"session[{name!r}]")
    except NotStorable:
        return None


def _bytes(packed: Packed | None) -> bytes | None:
    return None if packed is None else bytes(packed)
