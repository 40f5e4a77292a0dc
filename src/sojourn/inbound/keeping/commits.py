"""Commits: carry out what was concluded, over whatever is stored by then."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from functools import partial
from typing import Literal

import msgspec

from sojourn.core import codec, events
from sojourn.core.events import Listeners
from sojourn.core.keeper import Right
from sojourn.core.merge import Changes, contradictions, refuse_contradictions
from sojourn.core.outcome import Outcome, Use, conclude
from sojourn.core.record import Record
from sojourn.core.session import Session, Stage
from sojourn.errors import (
    Conflict,
    Gone,
    LimitReached,
    OutcomeUnknown,
    Overtaken,
    SojournError,
    StoreFull,
    StoreUnavailable,
)
from sojourn.inbound.doubt import save_again
from sojourn.inbound.ending import Endings
from sojourn.inbound.ending.endings import LEASE
from sojourn.inbound.keeping.predecessors import Predecessors
from sojourn.inbound.keeping.rules import Rules
from sojourn.inbound.keeping.touches import Touches
from sojourn.inbound.keeping.turns import Turn, Turns
from sojourn.store.base import Admits, Ending, Moves, Opens, Store, power
from sojourn.store.stack import is_remote

__all__ = ["Commits"]

# Collisions with other nodes in a row before a commit gives up. With 10, three of 64,000 saves of one session that two
# nodes wrote without a pause were given up on SQLite. On PostgreSQL who loses asks twice for each time that the winner
# asks, so it waits until nobody of the other node does: with 30, some were given up of 62 that each node wrote at once.
TRIES = 100

PAUSE = 0.01  # seconds between two tries to begin a session where another is about to be there, or not to be any more

_log = logging.getLogger(__name__)


class Commits:
    """The commits of one node. A save is one operation of the store, unless another node was faster."""

    def __init__(self, store: Store, rules: Rules, listeners: Listeners, endings: Endings) -> None:
        """`store`: what is written to. `listeners`: who is told of it. `endings`: ends what the visitor ended."""
        self.touches = Touches(store)
        self._store = store
        self._unopened = power(store, Opens) if is_remote(store) else None
        self._moves = power(store, Moves)
        self._admits = power(store, Admits)
        self._endings = endings
        self._predecessors = Predecessors(store, endings)
        self._rules = rules
        self._touches_always = rules.choices.touch == "always"
        self._refuses = rules.choices.on_conflict == "fail"
        self._listeners = listeners
        self._turns = Turns()
        self._writing: set[asyncio.Task[Outcome]] = set()

    def follow(self, rules: Rules) -> None:
        """Go by other rules from now on."""
        self._rules = rules

    async def commit(self, session: Session, changes: Changes, *, counts: bool, fences: bool = False) -> Outcome:
        """Carry out what a request did with its session, and return what that was in the end.

        `fences`: make a new version of it, changed or not, or the first one. Raises `Contradiction`, `Overtaken`,
        `LeaseLost` or `LimitReached`, and then nothing was written; or `StoreUnavailable`: then nothing was written
        either, unless the answer to a write was lost and the store, asked again (see `doubt`), did not say what had
        become of it.
        """
        if self._unopened is not None and session.record is None and (changes or session.renewing or fences):
            # Or a session would begin by the clock of this machine. Where it fails, the save tells.
            with contextlib.suppress(StoreUnavailable):
                await self._unopened.open()
                self._unopened = None
        use, found = self._use(session, changes, counts=counts, fences=fences), session.record
        outcome = self._conclude(use, found)
        if outcome.write in ("nothing", "touch"):  # nobody has to be waited for
            await self._carry_out(use, outcome, found)
            return outcome
        # In a task of its own: a request that is cancelled meanwhile leaves nothing half done.
        writing = asyncio.get_running_loop().create_task(self._write(session, use, found, outcome))
        self._writing.add(writing)
        writing.add_done_callback(self._writing.discard)
        try:
            return await asyncio.shield(writing)
        except asyncio.CancelledError:
            writing.add_done_callback(_tell_if_it_failed)
            raise

    async def finish(self) -> None:
        """Wait for what is being written, and write the times of use."""
        loop = asyncio.get_running_loop()
        if writing := [task for task in list(self._writing) if task.get_loop() is loop]:
            await asyncio.wait(writing)
        await self.touches.flush()

    async def _write(self, session: Session, use: Use, found: Record | None, outcome: Outcome) -> Outcome:
        before, right = found, session.right
        try:
            async with self._turns.take(use.ref) as turn:
                use, found, stored = self._catch_up(session, use, found, turn)
                if stored is not before:
                    await _verify(right, use)
                    outcome = self._conclude(use, stored)
                for _ in range(TRIES):
                    try:
                        instead = await self._carry_out(use, outcome, stored)
                    except Conflict as conflict:
                        stored = await self._other(use, found, conflict)
                    else:
                        if instead is None:
                            return _settle(session, turn, use, outcome)
                        use, stored = self._give_way(session, use, found, stored, self._newer(use, found, instead))
                    await _verify(right, use)
                    outcome = self._conclude(use, stored)
        except Gone:
            session.lost()
            self._tell_of_drop(use)
            return Outcome()
        except (LimitReached, StoreFull) as refusal:
            self._tell_of_refusal(use, refusal)
            raise
        raise Overtaken(f"session {use.ref}: {TRIES} saves in a row met a newer version; nothing was saved, try again")

    def _catch_up(
        self, session: Session, use: Use, found: Record | None, turn: Turn
    ) -> tuple[Use, Record | None, Record | None]:
        """What the request did and found, and what is stored, when its turn has come. Raises `Gone`."""
        if session.record is not found:  # another task of this very request has committed
            if session.record is None:
                raise Gone
            found = session.record
            now = self._use(session, use.changes, counts=use.touches, fences=use.fences)
            use = msgspec.structs.replace(now, ended=use.ended)
        if use.ended:
            return use, found, found  # whatever others stored
        # Unless another node stored a newer one, and this request has loaded that.
        if turn.newest is not None and (found is None or turn.newest.version > found.version):
            return use, found, self._newer(use, found, turn.newest)
        return use, found, found

    async def _carry_out(self, use: Use, outcome: Outcome, stored: Record | None) -> Record | None:
        """Do it; or return what is stored instead, when it could not be learned whether it was done."""
        record = outcome.record
        if record is None:
            await self._drop(use, stored)
        elif outcome.write == "delete":
            if not await self._endings.end(record, "signed-out"):
                raise Gone
        elif outcome.write == "save":
            if stored is None and await self._left_behind(use):
                raise Gone
            fixed = stored is None and use.given is not None and use.given.fixed
            async with self._predecessors.announced(record) if fixed else contextlib.nullcontext():
                instead = await self._save(record, stored)
            if instead is not None:
                return instead
            if self._listeners:
                self._tell_of_save(use, record, stored)
        else:
            self.touches.add(record)
        return None

    async def _drop(self, use: Use, stored: Record | None) -> None:
        """Leave it. Raises `StoreUnavailable` for an end that would be taken to have happened."""
        if stored is None and (use.ended or use.renewed) and await self._out_of_reach(use):
            raise StoreUnavailable("the session that was to end was out of reach and goes on; try again")
        self._tell_of_drop(use)

    async def _save(self, record: Record, over: Record | None) -> Record | None:
        save = partial(self._put, record, over)
        try:
            await save()
        except OutcomeUnknown as unknown:
            return await save_again(self._store, save, record, over, unknown)
        return None

    async def _put(self, record: Record, over: Record | None) -> None:
        limit, admits = self._rules.limit, self._admits
        signs_in = record.principal is not None and (over is None or over.principal != record.principal)
        if limit is None or admits is None or not signs_in:
            await self._store.save(record, over=over)
            return
        asked_at = self._endings.monotonic()
        evicted = await admits.admit(
            record, over=over, limit=limit.per_principal, when_full=limit.when_full, lease=LEASE
        )
        endings = [Ending(record=each, reason="evicted") for each in evicted]
        await self._endings.announce(endings, asked_at=asked_at)

    def _give_way(
        self, session: Session, use: Use, found: Record | None, base: Record | None, stored: Record
    ) -> tuple[Use, Record]:
        """What is left to be done over `stored`, when a save over `base` is in doubt.

        Others may have seen it and gone on from it: so what they changed is theirs, and is not changed once more.
        """
        if base is None or found is None or stored.version == base.version + 1:
            return use, stored  # there was no other save but the one that is stored: ours was not made
        attributes = codec.read(stored.data)
        names = contradictions(codec.read(base.data), attributes, use.changes)
        self._tell_of_drop(msgspec.structs.replace(use, changes={name: use.changes[name] for name in names}))
        session.give_up(names)
        session.committed(stored, attributes, {})
        left = {name: change for name, change in use.changes.items() if name not in names}
        return msgspec.structs.replace(use, changes=left), stored

    async def _left_behind(self, use: Use) -> bool:
        """Whether the request came with an id that a sign-in has just replaced.

        Its visitor is about to have the new one, and a session made for a late request would take its place in the
        browser. Only a sign-in may do that: then it is what the visitor did last.
        """
        return use.principal is None and await self._out_of_reach(use)

    async def _out_of_reach(self, use: Use) -> bool:
        """Whether a session lives on that the request came for and did not get."""
        if use.given is None or self._moves is None:
            return False
        return await self._moves.moved(use.given.key, use.app)

    def _newer(self, use: Use, found: Record | None, stored: Record | None) -> Record:
        """What to conclude over instead of `found`. Raises `Gone` when that is not the visitor's session any more."""
        if found is None or stored is None or stored.ref != found.ref or stored.epoch != found.epoch:
            raise Gone
        if self._refuses and stored.version != found.version:
            attributes = codec.read(stored.data)
            refuse_contradictions(codec.read(found.data), attributes, use.leaves(attributes))
        return stored

    async def _other(self, use: Use, found: Record | None, conflict: Conflict) -> Record | None:
        """What to conclude over instead of `found`, when something else is stored. Raises `Gone`."""
        if found is not None or use.given is None or not use.given.fixed:
            return self._newer(use, found, conflict.stored or await self._reload(found))
        # Another request with the same certificate was faster to begin the session.
        stored = conflict.stored or await self._store.load(use.given.key, use.app)
        if stored is None:
            await asyncio.sleep(PAUSE)  # it is about to, or what was there before is being announced
        elif stored.principal not in (None, use.principal):
            raise Gone
        return stored

    async def _reload(self, found: Record | None) -> Record | None:
        return None if found is None else await self._store.load(found.key, found.app)

    def _conclude(self, use: Use, stored: Record | None) -> Outcome:
        return conclude(use, stored, use.lifetime or self._rules.lifetime, self._rules.clock())

    def _use(self, session: Session, changes: Changes, *, counts: bool, fences: bool) -> Use:
        rules, contents = self._rules, self._rules.choices.contents
        whole = contents == "all" and bool(changes)
        return Use(
            app=rules.app,
            node=rules.node,
            ref=session.ref if changes or session.renewing or fences or session.record is not None else "",
            next_id=session.next_id,
            given=session.given,
            version=session.told,
            changes=changes,
            principal=session.signed_in,
            renewed=session.renewing,
            emptied=session.emptied,
            ended=session.ended,
            looked=session.looked,
            touches=counts and (session.looked or self._touches_always),
            started=session.stage is not Stage.OPEN or (session.record is None and session.mute),
            found=session.found(unread=whole) if changes and contents != "changed" else {},
            whole=whole,
            fences=fences,
            keeps_id=session.keeps_id,
            lifetime=session.lifetime,
        )

    def _tell_of_save(self, use: Use, record: Record, stored: Record | None) -> None:
        name = {"ref": record.ref, "app": record.app}
        if stored is None or stored.blank:
            self._tell(events.SessionCreated(**name, principal=record.principal))
        elif record.key != stored.key or record.epoch != stored.epoch:
            self._tell(events.IdRenewed(**name, principal=record.principal, epoch=record.epoch))
        if use.started and use.changes:
            self._tell(events.ChangedLate(**name, names=tuple(use.changes)))
        if self._listeners.details:
            for detail in events.details(record, stored):
                self._tell(detail)

    def _tell_of_drop(self, use: Use) -> None:
        if use.changes and self._listeners:
            self._tell(events.ChangesDropped(ref=use.ref, app=use.app, names=tuple(use.changes)))

    def _tell_of_refusal(self, use: Use, refusal: LimitReached | StoreFull) -> None:
        if self._listeners:
            reason: Literal["limit", "full"] = "limit" if isinstance(refusal, LimitReached) else "full"
            self._tell(events.SessionRefused(ref=use.ref, app=use.app, reason=reason))

    def _tell(self, event: events.Event) -> None:
        self._listeners.tell(event)


async def _verify(right: Right | None, use: Use) -> None:
    """Raise `LeaseLost` when the request has lost the right to write over what is stored by now.

    Asked when that is known: whoever gets the right later makes a newer version first, and the save meets a conflict.
    """
    if right is not None and not use.ended:
        await right.verify()


def _settle(session: Session, turn: Turn, use: Use, outcome: Outcome) -> Outcome:
    """Let the session, and the one whose turn is next, know what is stored."""
    if outcome.write == "save" and outcome.record is not None:
        turn.newest = outcome.record
        session.committed(outcome.record, outcome.attributes, use.changes)
    elif outcome.write == "delete":
        session.lost()
    return outcome


def _tell_if_it_failed(writing: asyncio.Task[Outcome]) -> None:
    """Say in a line what nobody waits to hear: visitors who leave while the store is away are many."""
    if not writing.cancelled() and (error := writing.exception()) is not None:
        unforeseen = None if isinstance(error, SojournError) else error
        _log.warning("what a request that was cut off had changed is not stored: %s", error, exc_info=unforeseen)
