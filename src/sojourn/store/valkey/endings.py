"""Endings: what has ended or expired is claimed by one, announced, and forgotten."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Sequence
from typing import Any, NamedTuple

from sojourn.chance import chance
from sojourn.core.events import Reason
from sojourn.core.record import Record
from sojourn.errors import StoreDamaged
from sojourn.store.base import Ending
from sojourn.store.valkey import layout, registry, scripts
from sojourn.store.valkey.client.line import Command, run
from sojourn.store.valkey.scope import Scope
from sojourn.store.valkey.scripts import Script

__all__ = ["claim", "delete", "discard", "end", "forget"]

_log = logging.getLogger("sojourn.store.valkey")

ROUND = 256  # tags that are looked at together

_REASONS: dict[str, Reason] = {
    "i": "idle",
    "a": "absolute",
    "s": "signed-out",
    "e": "evicted",
    "r": "revoked",
}
_LETTERS = {reason: letter for letter, reason in _REASONS.items()}


class _Taking(NamedTuple):
    """How what is due is taken."""

    script: Script
    now: float
    lease: float = 0.0


async def delete(scope: Scope, key: str, app: str) -> bool:
    """Remove the session at `key`, or where its stub leads."""
    tag = layout.tag_of(key)
    answer: list[Any] | None = await scope.lane.do(scope.run(tag, scripts.DELETE, await scope.now(), app, key))
    if answer is None:
        return False
    await registry.leave(scope, [layout.unpack(answer[1], answer[0].decode(), app)])
    return True


async def end(
    scope: Scope, key: str, app: str, *, reason: Reason, lease: float, ref: str | None = None
) -> Record | None:
    """Claim the session at `key`, or where its stub leads; only that of `ref`, when it is given."""
    now = await scope.now()
    given = (app, key, _LETTERS[reason], repr(now + lease), *([] if ref is None else [ref]))
    answer: list[Any] | None = await scope.lane.do(scope.run(layout.tag_of(key), scripts.END, now, *given))
    if answer is None:
        return None
    record = layout.unpack(answer[1], answer[0].decode(), app)
    await registry.leave(scope, [record], seats_only=True)
    return record


async def claim(scope: Scope, *, limit: int, lease: float) -> list[Ending]:
    """Claim what is due."""
    claimed = await _taken(scope, _Taking(scripts.CLAIM, await scope.now(), lease), limit)
    await registry.leave(scope, [ending.record for ending in claimed], seats_only=True)
    return claimed


async def discard(scope: Scope, *, limit: int) -> int:
    """Remove what is due."""
    gone = await _taken(scope, _Taking(scripts.DISCARD, await scope.now()), limit)
    await registry.leave(scope, [ending.record for ending in gone])
    return len(gone)


async def _taken(scope: Scope, taking: _Taking, limit: int) -> list[Ending]:
    """What is due and was taken, of all tags in a random order of rounds."""
    clustered = len({place for _, _, place in await scope.lane.servers()}) > 1
    rounds = [layout.TAGS[first : first + ROUND] for first in range(0, len(layout.TAGS), ROUND)]
    chance.shuffle(rounds)
    taken: list[Ending] = []
    for tags in rounds:
        left = limit - len(taken)
        while left > 0:
            asked, shared = [_sweep(scope, taking, tags, left)], 0
            if clustered:
                asked, shared = await _of_each(scope, taking, tags, left)
            for answer in await scope.lane.all(asked):
                taken += [ending for each in answer if (ending := await _ending(scope, each)) is not None]
            if shared < left:
                break
            left = limit - len(taken)  # some had only been listed too early
    return taken


async def forget(scope: Scope, records: Sequence[Record]) -> None:
    """Remove claimed records."""
    now = await scope.now()
    asked = [
        scope.run(
            layout.tag_of(each.key), scripts.FORGET, now, each.app, each.key, keys=(scope.place(each.key, each.app),)
        )
        for each in records
    ]
    heads = await asyncio.gather(*map(scope.lane.do, asked))
    found = zip(records, heads, strict=True)
    await registry.leave(scope, [layout.unpack(head, each.key, each.app) for each, head in found if head is not None])


async def _of_each(scope: Scope, taking: _Taking, tags: Sequence[str], limit: int) -> tuple[list[Command], int]:
    """Sweeps of one tag each, since in a cluster no script sees two, and for how many: where something may be due."""
    names = [f"{scope.names.root(tag)}due" for tag in tags]
    asked = [Command(tag, (b"ZCOUNT", name, "-inf", repr(taking.now))) for tag, name in zip(tags, names, strict=True)]
    sweeps: list[Command] = []
    left = limit
    for tag, due in zip(tags, await scope.lane.all(asked), strict=True):
        if due:
            share = min(due, left)
            sweeps.append(_sweep(scope, taking, [tag], share))
            left -= share
    return sweeps, limit - left


def _sweep(scope: Scope, taking: _Taking, tags: Sequence[str], limit: int) -> Command:
    roots = [scope.names.root(tag) for tag in tags]
    keys = [name for root in roots for name in (f"{root}due", f"{root}refs")]
    given = (scope.names.channel, repr(taking.now), "", repr(taking.now + taking.lease), str(limit), *roots)
    return run(tags[0], taking.script, keys, *given)


async def _ending(scope: Scope, claimed: Sequence[Any]) -> Ending | None:
    """What was claimed; None for what cannot be read, which is set aside until its time is over."""
    field, key, app, reason, value = claimed
    try:
        record = layout.unpack(value, key.decode(), app.decode())
        return Ending(record=record, reason=_REASONS[reason.decode()])
    except (KeyError, StoreDamaged, UnicodeDecodeError):
        _log.error("a session that has ended cannot be read: it is set aside, and its end is not announced")
    due = f"{scope.names.root(layout.tag_of(key.decode(errors='replace')))}due"
    await scope.lane.do(Command(layout.tag_of(key.decode(errors="replace")), (b"ZREM", due, b"R" + field), writes=True))
    return None
