"""Session: the mapping that the application sees during a request."""

from __future__ import annotations

import datetime as dt
import decimal
import enum
import uuid
from collections.abc import Awaitable, Callable, Iterator, MutableMapping
from typing import Any, TypeVar

import msgspec

from sojourn.core import codec
from sojourn.core.codec import Attributes, Packed
from sojourn.core.ids import SessionId, new_ref
from sojourn.core.merge import Changes, FieldChanges
from sojourn.core.record import Record
from sojourn.core.view import View
from sojourn.errors import NotStorable, OutsideRequest, ResponseStarted, SessionEnded, Unreadable, ViewMismatch

__all__ = ["Session", "Stage"]

T = TypeVar("T")

# What cannot change in place needs no second look at the end of the request.
_IMMUTABLE = frozenset(
    {str, int, float, bool, type(None), bytes, dt.datetime, dt.date, dt.time, dt.timedelta, decimal.Decimal, uuid.UUID}
)


class Stage(enum.Enum):
    """How far the request of a session is."""

    OPEN = enum.auto()
    STARTED = enum.auto()  # the response has started: no cookie can be sent
    CLOSED = enum.auto()
    SKIPPED = enum.auto()  # a path without sessions


class Session(MutableMapping[str, Any]):
    """A visitor's session: a mapping of attribute names to values, valid during one request.

    Nothing needs to be saved or marked: what has changed is found by comparing bytes, nested changes too. A session
    that is left empty is never stored. Values come back with the type that they had; what can be stored is listed in
    `codec`. Reading an attribute that was handed out returns the same object again.
    """

    __slots__ = (
        "_assigned",
        "_ended",
        "_found",
        "_given",
        "_live",
        "_looked",
        "_next_id",
        "_now",
        "_packed",
        "_owed_id",
        "_principal",
        "_record",
        "_ref",
        "_renew",
        "_saver",
        "_stage",
        "_told",
        "_unreadable",
        "_views",
    )

    def __init__(
        self,
        record: Record | None,
        now: float,
        saver: Saver | None = None,
        *,
        given: SessionId | None = None,
        told: int | None = None,
    ) -> None:
        """`record`: what is stored, None for a visitor without a session. `now`: when the request began, in seconds
        since the epoch. `saver`: carries out `save`. `given`: the id that the request came with. `told`: the version
        that its cookie told.
        """  # noqa: D205 - one sentence each
        self._found = record
        self._record = record
        self._given = given
        self._told = told
        self._owed_id: SessionId | None = None
        self._next_id: SessionId | None = None
        self._ref = record.ref if record is not None else None
        self._now = now
        self._saver = saver
        self._stage = Stage.OPEN
        self._looked = False
        self._ended = False
        self._renew = False
        self._principal = record.principal if record is not None else None
        self._packed: dict[str, Packed] | None = None if record is not None else {}
        self._live: dict[str, Any] = {}
        self._assigned: set[str] = set()
        self._views: dict[str, View] = {}
        self._unreadable: dict[str, str] = {}

    # --- the mapping ---------------------------------------------------------------------------------------------

    def __getitem__(self, name: str) -> Any:
        if name in self._live:
            self._look()
            return self._live[name]
        packed = self._attributes().get(name)
        if packed is None or name in self._assigned:
            raise KeyError(name)
        if name in self._unreadable:
            raise Unreadable(name, self._unreadable[name])
        try:
            value = codec.unpack(packed)
        except codec.Undecodable as error:
            self._unreadable[name] = str(error)
            raise Unreadable(name, str(error)) from None
        self._live[name] = value
        return value

    def __setitem__(self, name: str, value: Any) -> None:
        if type(name) is not str:
            raise NotStorable(f"session[{name!r}]", "the name of an attribute is a str")
        self._attributes()
        if self._record is None and self._stage is Stage.STARTED:
            raise ResponseStarted("a session cannot be created after the response has started; set it before")
        self._views.pop(name, None)
        self._live[name] = value
        self._assigned.add(name)

    def __delitem__(self, name: str) -> None:
        if name not in self._live and (name not in self._attributes() or name in self._assigned):
            raise KeyError(name)
        self._look()
        self._views.pop(name, None)
        self._live.pop(name, None)
        self._assigned.add(name)

    def __contains__(self, name: object) -> bool:
        try:
            self[name]  # type: ignore[index]  # what cannot be read is absent, so it has to be tried
        except KeyError:
            return False
        return True

    def __iter__(self) -> Iterator[str]:
        names = dict.fromkeys((*self._attributes(), *self._live))
        return iter([name for name in names if name in self])

    def __len__(self) -> int:
        return sum(1 for _ in self)

    def __repr__(self) -> str:
        return f"<Session {self._ref or 'not stored'}>"

    def view(self, kind: type[T], *, at: str | None = None) -> T:
        """The attribute named `at` (else the name of the class) as an object of the dataclass or Struct `kind`.

        Where nothing is stored, an object of defaults; looking at it stores nothing. What is changed in it is kept,
        field by field: fields that the class does not know stay as they are. The same object for the same name.
        Raises `ViewMismatch` when the stored data does not fit.
        """
        name = kind.__name__ if at is None else at
        attributes = self._attributes()
        view = self._views.get(name)
        if view is None:
            stored = None if name in self._assigned else attributes.get(name)
            view = self._views[name] = View(name, kind, stored, self._live.get(name, msgspec.UNSET))
            self._live[name] = view.value
        if view.kind is not kind:
            raise ViewMismatch(f"session[{name!r}] is in use as {view.kind.__qualname__} in this request")
        return view.value  # type: ignore[no-any-return]

    # --- who and when --------------------------------------------------------------------------------------------

    @property
    def id(self) -> str:
        """The secret that the visitor carries. Keep it out of logs: use `ref` there."""
        kept = self._record is not None and not self._renew and self._given is not None
        return (self._given if kept else self.next_id()).secret  # type: ignore[union-attr]

    @property
    def ref(self) -> str:
        """The public name of the session: stable over renewals, fit for logs; readable after the end, too."""
        if self._ref is None:
            self._ref = new_ref()
        return self._ref

    @property
    def is_new(self) -> bool:
        """Whether the visitor came without a session."""
        return self._found is None

    @property
    def version(self) -> int:
        """How often the session was saved; 0 when it is not stored."""
        return 0 if self._record is None else self._record.version

    @property
    def created_at(self) -> float:
        """When the session was created, in seconds since the epoch."""
        return self._now if self._record is None else self._record.created_at

    @property
    def accessed_at(self) -> float:
        """When the visitor's previous request used it, in seconds since the epoch, to within the slack of `Lifetime`."""
        return self._now if self._found is None else self._found.accessed_at

    @property
    def expires_at(self) -> float | None:
        """When the session ends if it is not used, in seconds since the epoch; None when it is not stored."""
        return None if self._record is None else self._record.expires_at

    @property
    def principal(self) -> str | None:
        """Who is signed in. Assigning it is a sign-in (or a sign-out, with None): the session gets a new id, and the
        old one ends at once (ASVS 7.2.4). Assign it when that happens, not with every request.
        """  # noqa: D205 - one sentence
        self._look()
        return self._principal

    @principal.setter
    def principal(self, principal: str | None) -> None:
        self._refuse_late("a sign-in")
        self._principal = principal
        self._renew = True

    def renew(self) -> None:
        """Give the session a new id, and end the old one at once: for any change of what the visitor may do."""
        self._refuse_late("a renewal")
        self._renew = True

    def end(self) -> None:
        """End the session: here and everywhere, whatever other requests still do with it. Frees its data at once."""
        self._look()
        self._ended = True
        self._live.clear()
        self._views.clear()
        self._packed = {}

    def save(self) -> Awaitable[None]:
        """Store the changes now. For `save="manual"`, WebSockets and long responses; otherwise nobody needs it."""
        self._look()
        if self._saver is None:
            raise OutsideRequest("this session is not connected to a store")
        return self._saver(self)

    def mark_accessed(self) -> None:
        """Count this request as a use of the session. Frameworks call it when the application asks for the session."""
        self._looked = True

    # --- for the side that carries it ----------------------------------------------------------------------------

    @property
    def record(self) -> Record | None:
        """What is stored, as far as this request knows."""
        return self._record

    @property
    def given(self) -> SessionId | None:
        """The id that the request came with, or that it gave out since."""
        return self._given

    @property
    def told(self) -> int | None:
        """The version that the visitor's cookie tells, or will tell with this response."""
        return self._told

    @property
    def owed_id(self) -> SessionId | None:
        """The id that a `save` gave to the session and that the response has still to carry."""
        return self._owed_id

    def next_id(self) -> SessionId:
        """The id that the session gets when it is created or renewed: the same for every call, until it has it."""
        if self._next_id is None:
            # The tag is kept from an id that was ours; one that the visitor made up leaves no trace (R02).
            self._next_id = SessionId.new(after=self._given if self._record is not None else None)
        return self._next_id

    @property
    def stage(self) -> Stage:
        """How far the request is."""
        return self._stage

    @property
    def signed_in(self) -> str | None:
        """The principal; asking is no use of the session."""
        return self._principal

    @property
    def looked(self) -> bool:
        """Whether the application used the session, or asked for it."""
        return self._looked

    @property
    def ended(self) -> bool:
        """Whether the application ended it."""
        return self._ended

    @property
    def renewing(self) -> bool:
        """Whether it is to get a new id, and whoever has the old one is to lose it."""
        return self._renew

    @property
    def unreadable(self) -> dict[str, str]:
        """The attributes that could not be read, with the reason; the reason for the whole session under ""."""
        return self._unreadable

    def advance(self, stage: Stage) -> None:
        """Go on to the next stage of the request."""
        self._stage = stage

    def changes(self) -> dict[str, Packed | FieldChanges | None]:
        """What differs from what is stored, packed. Raises `NotStorable`."""
        found: dict[str, Packed | FieldChanges | None] = {}
        if self._packed is None or self._ended:
            return found
        for name in self._assigned - self._live.keys():
            if name in self._packed:
                found[name] = None
        for name, value in self._live.items():
            assigned = name in self._assigned
            view = self._views.get(name)
            before = self._packed.get(name)
            if view is not None and not assigned:
                fields = view.changes(before)
                if fields is not None:
                    found[name] = fields
            elif assigned or type(value) not in _IMMUTABLE:
                pack = codec.pack if view is None else codec.pack_field
                packed = pack(value, f"session[{name!r}]")
                if before is None or not codec.same(packed, before):
                    found[name] = packed
        return found

    def committed(self, record: Record, attributes: Attributes | None, changes: Changes) -> None:
        """Go on from `record`, which holds `attributes` (None: what was read), among them `changes`.

        What others stored meanwhile is seen where it was not read yet. What was read here and not changed goes on
        being compared with what was read; or another's change would be taken for ours, and undone.
        """
        if self._next_id is not None and record.key == self._next_id.key:
            self._given = self._owed_id = self._next_id
        self._next_id = None
        self._record = record
        self._ref = record.ref
        self._principal = record.principal
        self._renew = False
        if attributes is None:
            return
        found = self._packed or {}
        read = {name: found[name] for name in self._live.keys() - changes.keys() if name in found}
        self._packed = {**attributes, **read}
        self._assigned -= changes.keys()
        for name in changes.keys() & self._views.keys():
            self._views[name].committed()

    def lost(self) -> None:
        """Take note that the session has ended elsewhere."""
        self._ended = True
        self._record = None

    def _attributes(self) -> dict[str, Packed]:
        self._look()
        if self._packed is None:
            self._packed = self._read()
        return self._packed

    def _read(self) -> dict[str, Packed]:
        if self._record is None:
            return {}
        try:
            return codec.read(self._record.data)
        except codec.Undecodable as error:
            # Nothing of it can be used and nothing is overwritten: the visitor is one without a session.
            self._unreadable[""] = str(error)
            self._record = self._found = self._ref = self._principal = None
            return {}

    def _look(self) -> None:
        self._looked = True
        if self._ended:
            raise SessionEnded(f"session {self._ref or ''} has ended; the visitor's next request begins a new one")
        if self._stage is Stage.CLOSED:
            raise OutsideRequest("this session's request is over; a session is valid during its own request only")
        if self._stage is Stage.SKIPPED:
            raise OutsideRequest("this path has no session: it is in `skip` of Sessions(…)")

    def _refuse_late(self, what: str) -> None:
        self._look()
        if self._stage is Stage.STARTED:
            raise ResponseStarted(f"{what} needs a cookie, and the response has started; do it before")


Saver = Callable[[Session], Awaitable[None]]
