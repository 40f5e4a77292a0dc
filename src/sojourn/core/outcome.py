"""Outcome: what the end of a request does to a session. Decided here and nowhere else; carried out by `Sessions`."""

from __future__ import annotations

from collections.abc import Callable
from typing import Literal

import msgspec

from sojourn.core import codec
from sojourn.core.codec import Attributes
from sojourn.core.ids import SessionId
from sojourn.core.lifetime import GRACE, Lifetime
from sojourn.core.merge import Changes, merge
from sojourn.core.record import Record

__all__ = ["Outcome", "Use", "at_rest", "conclude"]


class Use(msgspec.Struct, frozen=True, kw_only=True):
    """What a request did with its session, whatever is stored by now."""

    app: str
    node: str
    ref: str
    next_id: Callable[[], SessionId]
    """Tells the id to give out, if one is given out: always the same."""
    given: SessionId | None
    """The id that the request came with."""
    version: int | None
    """The version in the cookie; None when it was absent or malformed."""
    changes: Changes
    principal: str | None
    renewed: bool
    """Signed in, signed out or renewed: whoever has the old id loses the session."""
    emptied: bool
    """The principal was somebody, and is not any more: nothing that is stored is kept."""
    ended: bool
    looked: bool
    touches: bool
    """Whether it puts off the end though it changed nothing. A change always does."""
    started: bool
    """Whether the response has started, so that no cookie can be sent."""
    found: Attributes = {}
    """What is left as it was found, beside the changes, whatever another request makes of it."""
    whole: bool = False
    """Whether nothing is to be stored but `found` and the changes."""
    fences: bool = False
    """Whether a new version is wanted though nothing changed: what was based on an older one then meets a conflict. Of
    what is not stored, the first."""
    lifetime: Lifetime | None = None
    """How long this session lives, where that is not as long as all others."""
    keeps_id: bool = False
    """Whether age is no reason for a new id, since the visitor could not be told it, or has it from elsewhere."""

    def leaves(self, stored: Attributes) -> Changes:
        """All that is to be as it is here, of what is in `stored` and beside it."""
        if not self.found and not self.whole:
            return self.changes
        return {**(dict.fromkeys(stored) if self.whole else {}), **self.found, **self.changes}


class Outcome(msgspec.Struct, frozen=True, kw_only=True):
    """What to write, and which cookies to set."""

    write: Literal["nothing", "save", "touch", "delete"] = "nothing"
    record: Record | None = None
    """What to save or touch."""
    attributes: Attributes | None = None
    """What `record` holds, when that differs from what was stored."""
    set_id: SessionId | None = None
    set_version: int | None = None
    clear: bool = False


def conclude(use: Use, stored: Record | None, lifetime: Lifetime, now: float) -> Outcome:
    """Decide what the end of a request writes over `stored`, and which cookies its response sets.

    ==========  ==============================================  ========================  ===========
    was stored  in the request                                  write                     cookies
    ==========  ==============================================  ========================  ===========
    no          left empty, or ended                            –                         –
    no          filled, signed in, or fenced                    save over nothing         id, version
    yes         unchanged, version as the cookie says           – (touch if due)          –
    yes         unchanged, another version than in the cookie   – (touch if due)          version
    yes         changed                                         save over the old         version
    yes         signed in or out, or renewed                    save at a new key         id, version
    yes         looked at when its id is old enough             save at a new key         id, version
    yes         fenced: another is to be kept out               save over the old         version
    yes         ended                                           delete                    clear both
    ==========  ==============================================  ========================  ===========

    Two rows are added by the one that carries it out, when it learns that another request was faster:

    ==========  ==============================================  ========================  ===========
    yes         another saved meanwhile                         conclude over that        –
    yes         ended or signed in elsewhere meanwhile          nothing, changes dropped  –
    ==========  ==============================================  ========================  ===========

    A failed handler (it raised, or answered 500 or above) makes no changes, unless `on_error="save"`; an end and a
    sign-in stand. What is stored for one principal is not kept for another, or for nobody.

    Age gives no new id to who came in a URL alone, for those URLs would have to be told, too; nor to a certificate,
    which cannot be replaced: at a sign-in its key stays, and the epoch rises all the same, so late saves are Gone.

    A request whose id was renewed under its feet sets no cookie: the new id is on its way to the visitor in another
    response. Once the response has started no cookie can be set, so nothing is created and nobody is signed in: also
    where the response never starts, because the handler raised or the visitor has gone. A sign-out stands all the same:
    where it cannot give a new id, it ends the session.
    """
    if stored is None:
        return Outcome() if use.started else _create(use, lifetime, now)
    signs_out = use.renewed and use.principal is None and stored.principal is not None
    if use.ended or (signs_out and use.started):
        return Outcome(write="delete", record=stored, clear=not use.started)
    if use.renewed and use.started:
        return Outcome()
    behind = use.given is None or use.given.key != stored.key  # came by an id that was renewed since
    ages = use.looked and not use.started and not use.keeps_id
    if use.renewed or (ages and _renewal_due(stored, lifetime, now, behind=behind)):
        return _save(use, stored, lifetime, now, move=True)
    if use.changes or use.fences:
        return _save(use, stored, lifetime, now, behind=behind)
    return _keep(use, stored, lifetime, now, behind=behind)


def at_rest(stored: Record, given: SessionId | None, told: int | None, lifetime: Lifetime, now: float) -> bool:
    """Whether a request that did nothing leaves nothing to be done, as most do: `conclude` says so too, at length."""
    return (
        told == stored.version
        and given is not None
        and given.key == stored.key
        and now - stored.accessed_at < lifetime.slack
        and now - stored.renewed_at < lifetime.renew_seconds
        and (stored.accessed_at > stored.renewed_at or stored.renewed_at <= stored.created_at)
    )


def _create(use: Use, lifetime: Lifetime, now: float) -> Outcome:
    attributes = merge({}, use.changes)
    signs_in = use.renewed and use.principal is not None  # whose request it is alone makes no session
    if use.ended or not (attributes or signs_in or use.fences):
        return Outcome()
    absolute_at = lifetime.absolute_at(now)
    record = Record(
        key=use.next_id().key,
        app=use.app,
        ref=use.ref,
        principal=use.principal,
        epoch=0,
        version=1,
        created_at=now,
        accessed_at=now,
        renewed_at=now,
        expires_at=lifetime.expires_at(now, absolute_at),
        absolute_at=absolute_at,
        node=use.node,
        data=codec.write(attributes),
    )
    return Outcome(write="save", record=record, attributes=attributes, set_id=use.next_id(), set_version=1)


def _save(
    use: Use, stored: Record, lifetime: Lifetime, now: float, *, move: bool = False, behind: bool = False
) -> Outcome:
    attributes = None
    if use.changes or use.emptied:
        before = {} if use.emptied else codec.read(stored.data)
        attributes = merge(before, use.leaves(before))
    absolute_at = min(stored.absolute_at, lifetime.absolute_at(stored.created_at))  # the limit may be a newer one
    expires_at = lifetime.expires_at(now, absolute_at)
    if use.lifetime is None:
        expires_at = max(stored.expires_at, expires_at)
    key = use.next_id().key if move else stored.key
    moved = key != stored.key
    record = msgspec.structs.replace(
        stored,
        key=key,
        principal=use.principal if use.renewed else stored.principal,
        epoch=stored.epoch + use.renewed,
        version=stored.version + 1,
        accessed_at=stored.accessed_at if behind else max(now, stored.accessed_at),
        renewed_at=now if moved else stored.renewed_at,
        expires_at=min(expires_at, absolute_at),
        absolute_at=absolute_at,
        node=use.node,
        data=stored.data if attributes is None else codec.write(attributes),
    )
    return Outcome(
        write="save",
        record=record,
        attributes=attributes,
        set_id=use.next_id() if moved else None,
        set_version=None if behind or use.started else record.version,
    )


def _keep(use: Use, stored: Record, lifetime: Lifetime, now: float, *, behind: bool) -> Outcome:
    told = behind or use.started or not use.looked or use.version == stored.version
    set_version = None if told else stored.version
    if not use.touches:
        return Outcome(set_version=set_version)
    expires_at = lifetime.expires_at(now, stored.absolute_at)
    if behind:
        # Not a use of the new id, so `accessed_at` stays: its first use is what ends the old one.
        due = expires_at - stored.expires_at >= lifetime.slack
    else:
        first_use = stored.accessed_at <= stored.renewed_at and stored.renewed_at > stored.created_at
        longer = expires_at - stored.expires_at >= lifetime.slack  # by a lifetime of its own
        due = first_use or longer or lifetime.touch_due(stored.accessed_at, now)
    if not due:
        return Outcome(set_version=set_version)
    accessed_at = stored.accessed_at if behind else now
    touched = msgspec.structs.replace(stored, accessed_at=accessed_at, expires_at=expires_at)
    return Outcome(write="touch", record=touched, set_version=set_version)


def _renewal_due(stored: Record, lifetime: Lifetime, now: float, *, behind: bool) -> bool:
    if not behind:
        return lifetime.renewal_due(stored.renewed_at, now)
    # The new id never came back within the grace time: its response was lost, and it is given out anew.
    return stored.accessed_at <= stored.renewed_at and now - stored.renewed_at >= GRACE
