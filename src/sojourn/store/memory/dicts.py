"""Dicts: the tier that is in memory."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Sequence

import msgspec

from sojourn.core.events import Reason
from sojourn.core.lifetime import GRACE
from sojourn.core.record import Record
from sojourn.store.base import SWEEP_DELAY, Ending, Query, page
from sojourn.store.memory.order import Due, Sorted
from sojourn.store.tier import Found, Left, Tell

__all__ = ["Dicts"]

Place = tuple[str, str]  # key, app


class _Stub(msgspec.Struct):
    to: str
    leads: bool  # False after a sign-in
    until: float | None  # None: as long as the new key has not been used


class _Claim(msgspec.Struct):
    until: float
    reason: Reason


class Dicts:
    """A `Tier` of dicts."""

    def __init__(self, tell: Tell) -> None:
        """`tell` is called with every change."""
        self._tell = tell
        self._records: dict[Place, Record] = {}
        self._refs: dict[Place, str] = {}  # ref, app → key
        self._principals: dict[Place, dict[str, None]] = {}  # principal, app → keys
        self._stubs: dict[Place, _Stub] = {}
        self._behind: dict[Place, list[Place]] = {}  # where the stubs are that lead to a record
        self._claims: dict[Place, _Claim] = {}
        self._listed = Sorted()  # refs and apps
        self._due = Due(self._all_due)
        self._stubs_due = Due(self._all_stubs_due)

    def __len__(self) -> int:
        return len(self._records)

    def load(self, key: str, app: str, now: float) -> Record | None:
        """As `Tier`."""
        record = self._records.get((key, app))
        if record is None:
            stub = self._stubs.get((key, app))
            if stub is None or not stub.leads or (stub.until is not None and stub.until <= now):
                return None
            record = self._records.get((stub.to, app))
        return record if record is not None and self._lives(record, now) else None

    def moved(self, key: str, app: str, now: float) -> bool:
        """As `Tier`."""
        stub = self._stubs.get((key, app))
        return stub is not None and not stub.leads and stub.until is not None and stub.until > now

    def unclaimed(self, key: str, app: str) -> Record | None:
        """As `Tier`."""
        stub = self._stubs.get((key, app))
        place = (stub.to if stub is not None and stub.leads else key, app)
        return None if place in self._claims else self._records.get(place)

    def found(self, record: Record) -> list[Found]:
        """As `Tier`."""
        keys = {record.key: True, self._refs.get((record.ref, record.app), record.key): True}
        places = [(key, record.app) for key in keys if (key, record.app) in self._records]
        return [Found(self._records[place], place in self._claims) for place in places]

    def target(self, record: Record) -> str | None:
        """As `Tier`."""
        stub = self._stubs.get((record.key, record.app))
        return None if stub is None else stub.to

    def of_principal(self, principal: str, app: str, now: float) -> list[Record]:
        """As `Tier`."""
        found = [self._records[key, app] for key in self._principals.get((principal, app), ())]
        return [each for each in found if self._lives(each, now)]

    def put(self, record: Record, over: Record | None, now: float) -> None:
        """As `Tier`."""
        stored = None
        if over is not None:
            stored = self._records[over.key, over.app]
            self._unlist(stored, record)
            if record.key != over.key:
                self._leave_stub(over, record, now)
        place, home = (record.key, record.app), (record.ref, record.app)
        self._records[place] = record
        if stored is None or home != (stored.ref, stored.app):
            self._listed.add(home)
        self._refs[home] = record.key
        if record.principal is not None:
            self._principals.setdefault((record.principal, record.app), {})[record.key] = None
        if stored is None or stored.key != record.key or record.expires_at < stored.expires_at:
            self._due.add(record.expires_at + SWEEP_DELAY, place, among=len(self._records))
        self._used(record)
        self._tell(Left(record.key, record.app, record.version, record.node, ended=False))

    def touch(self, record: Record) -> bool:
        """As `Tier`."""
        place = (record.key, record.app)
        stored = self._records.get(place)
        if stored is None or stored.ref != record.ref or place in self._claims:
            return False
        self._records[place] = msgspec.structs.replace(
            stored,
            accessed_at=max(stored.accessed_at, record.accessed_at),
            expires_at=min(max(stored.expires_at, record.expires_at), stored.absolute_at),
        )
        self._used(record)
        return True

    def remove(self, record: Record) -> None:
        """As `Tier`."""
        place = (record.key, record.app)
        del self._records[place]
        self._unlist(record)
        self._claims.pop(place, None)
        for stub in self._behind.pop(place, ()):
            del self._stubs[stub]
        self._tell(Left(record.key, record.app, record.version, record.node, ended=True))

    def end(self, record: Record, reason: Reason, until: float) -> None:
        """As `Tier`."""
        self._claim((record.key, record.app), until, reason)
        self._tell(Left(record.key, record.app, record.version, record.node, ended=True))

    def claim(self, now: float, limit: int, lease: float) -> list[Ending]:
        """As `Tier`."""
        claimed: list[Ending] = []
        for place, record in self._ripe(now, limit).items():
            claim = self._claims.get(place)
            expired: Reason = "absolute" if record.expires_at >= record.absolute_at else "idle"
            claimed.append(Ending(record=record, reason=expired if claim is None else claim.reason))
            self._claim(place, now + lease, claimed[-1].reason)
        return claimed

    def forget(self, records: Sequence[Record]) -> None:
        """As `Tier`."""
        for place in [(record.key, record.app) for record in records]:
            if place in self._claims:
                self.remove(self._records[place])

    def discard(self, now: float, limit: int) -> int:
        """As `Tier`."""
        ripe = self._ripe(now, limit)
        for record in ripe.values():
            self.remove(record)
        return len(ripe)

    def find(self, query: Query, limit: int, after: str, now: float) -> list[Record]:
        """As `Tier`."""
        fitting = (each for each in self._among(query, after, now) if each.ref > after and query.fits(each))
        if query.principal is not None and query.app is not None:
            return page(fitting, limit)
        found = list(itertools.islice(fitting, limit))
        # A page ends between two refs.
        return found + list(itertools.takewhile(lambda each: each.ref == found[-1].ref, fitting if found else ()))

    def _among(self, query: Query, after: str, now: float) -> Iterator[Record]:
        """The live records that may fit; in the order of their refs, but for those of one principal."""
        if query.principal is not None and query.app is not None:
            yield from self.of_principal(query.principal, query.app, now)
            return
        for home in self._listed.after(after) if query.ref is None else self._listed.of(query.ref):
            record = self._records[self._refs[home], home[1]]
            if self._lives(record, now):
                yield record

    def _ripe(self, now: float, limit: int) -> dict[Place, Record]:
        """What is to be claimed; it is due no more. Forgets stubs whose time is over."""
        self._forget_stubs(now)
        ripe: dict[Place, Record] = {}
        later: dict[Place, float] = {}
        while len(ripe) < limit and (place := self._due.next(now)) is not None:
            record, claim = self._records.get(place), self._claims.get(place)
            if record is None or place in ripe:
                continue
            at = record.expires_at + SWEEP_DELAY if claim is None else claim.until
            if at > now:
                later[place] = at
            else:
                ripe[place] = record
        for place, at in later.items():
            self._due.add(at, place, among=len(self._records))
        return ripe

    def _claim(self, place: Place, until: float, reason: Reason) -> None:
        self._claims[place] = _Claim(until, reason)
        self._due.add(until, place, among=len(self._records))

    def _all_due(self) -> Iterator[tuple[float, Place]]:
        for place, record in self._records.items():
            claim = self._claims.get(place)
            yield record.expires_at + SWEEP_DELAY if claim is None else claim.until, place

    def _lives(self, record: Record, now: float) -> bool:
        return record.expires_at > now and (record.key, record.app) not in self._claims

    def _leave_stub(self, old: Record, new: Record, now: float) -> None:
        leads = new.epoch == old.epoch
        until = None if leads else now + GRACE
        left = (old.key, old.app)
        behind = self._behind.pop(left, [])
        for place in behind:
            stub = self._stubs[place]
            stub.to = new.key
            if stub.leads and until is not None:  # left at this sign-in, as the key before the last
                stub.leads = False
                self._close_stub(place, until)
        self._stubs[left] = _Stub(new.key, leads, None)
        if until is not None:
            self._close_stub(left, until)
        self._behind[new.key, new.app] = [*behind, left]
        del self._records[left]
        self._tell(Left(old.key, old.app, new.version, new.node, ended=True))

    def _used(self, record: Record) -> None:
        """Once the new key is in use, the old ones are followed for the grace time alone."""
        if record.accessed_at > record.renewed_at > record.created_at:
            for place in self._behind.get((record.key, record.app), ()):
                if self._stubs[place].until is None:
                    self._close_stub(place, record.accessed_at + GRACE)

    def _close_stub(self, place: Place, until: float) -> None:
        self._stubs[place].until = until
        self._stubs_due.add(until + GRACE, place, among=len(self._stubs))

    def _forget_stubs(self, now: float) -> None:
        # A stub that is not followed any more still tells a slow save where its session went.
        later: list[tuple[float, Place]] = []
        while (place := self._stubs_due.next(now)) is not None:
            stub = self._stubs.get(place)
            if stub is None or stub.until is None:
                continue
            if stub.until + GRACE > now:
                later.append((stub.until + GRACE, place))
                continue
            del self._stubs[place]
            self._behind[stub.to, place[1]].remove(place)
        for at, place in later:
            self._stubs_due.add(at, place, among=len(self._stubs))

    def _all_stubs_due(self) -> Iterator[tuple[float, Place]]:
        return ((stub.until + GRACE, place) for place, stub in self._stubs.items() if stub.until is not None)

    def _unlist(self, record: Record, heir: Record | None = None) -> None:
        """Take `record` out of what is looked up, where `heir` does not take its place there."""
        home = (record.ref, record.app)
        del self._refs[home]
        if heir is None or home != (heir.ref, heir.app):
            self._listed.remove(home)
        if record.principal is not None:
            keys = self._principals[record.principal, record.app]
            del keys[record.key]
            if not keys:
                del self._principals[record.principal, record.app]
