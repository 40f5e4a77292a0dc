"""Topology: which server has which slots."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from typing import Any

from sojourn.errors import StoreUnavailable
from sojourn.store.valkey.client.address import Address, Place, spoken
from sojourn.store.valkey.client.refusals import unreachable
from sojourn.store.valkey.client.wire import BROKEN, SLOTS, wire

__all__ = ["Topology", "learn", "of_cluster"]

Topology = tuple[tuple[int, int, Place], ...]
"""First slot, last slot, server; sorted."""

Ask = Callable[[Place, tuple[Any, ...]], Awaitable[Any]]


async def learn(address: Address, known: Sequence[Place], ask: Ask) -> Topology:
    """Who has which slots now; `ask` puts a command to a server. Raises `StoreUnavailable`."""
    if address.kind == "server":
        return ((0, SLOTS - 1, address.hosts[0]),)
    if address.kind == "sentinel":
        return ((0, SLOTS - 1, await _first([_primary(address, place) for place in address.hosts])),)
    places = dict.fromkeys([*known, *address.hosts])
    return await _first([_slots(place, ask) for place in places])  # type: ignore[no-any-return]


async def _first(asked: Sequence[Awaitable[Any]]) -> Any:
    """The first answer, from whoever gives it; the last error when nobody does."""
    tasks = {asyncio.ensure_future(each) for each in asked}
    refusal: BaseException = StoreUnavailable("no server of Valkey is known")
    try:
        for each in asyncio.as_completed(tasks):
            try:
                return await each
            except StoreUnavailable as error:
                refusal = error
        raise refusal
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


async def _slots(place: Place, ask: Ask) -> Topology:
    return of_cluster(await ask(place, ("CLUSTER", "SLOTS")), place)


def of_cluster(answer: Sequence[Any], place: Place) -> Topology:
    """What CLUSTER SLOTS says; a server that does not know its own name has that of `place`."""
    found: list[tuple[int, int, Place]] = []
    for first, last, primary, *_ in answer:
        host = (primary[0] or b"").decode()
        found.append((first, last, (host if host not in ("", "?") else place[0], primary[1])))
    if not found:
        raise StoreUnavailable(f"Valkey at {spoken(place)} has no cluster; name one that has, or leave out +cluster")
    return tuple(sorted(found, key=lambda each: each[0]))


async def _primary(address: Address, place: Place) -> Place:
    """Where a sentinel says that the primary is, once it has said itself that it is one."""
    sentinel = wire(address, place, bare=True)
    try:
        async with asyncio.timeout(address.connect_timeout):
            await sentinel.dial()
            found = await sentinel.ask("SENTINEL", "GET-MASTER-ADDR-BY-NAME", address.name)
    except (TimeoutError, *BROKEN) as error:
        raise unreachable(error, f"{spoken(place)} (sentinel)") from None
    finally:
        sentinel.cut()
    if not found:
        raise StoreUnavailable(f"the sentinel at {spoken(place)} knows no service of that name; mend the address")
    primary = (found[0].decode(), int(found[1]))
    await _is_primary(address, primary)
    return primary


async def _is_primary(address: Address, place: Place) -> None:
    server = wire(address, place)
    try:
        async with asyncio.timeout(address.connect_timeout):
            await server.dial()
            role, *_ = await server.ask("ROLE")
    except (TimeoutError, *BROKEN) as error:
        raise unreachable(error, spoken(place)) from None
    finally:
        server.cut()
    if role != b"master":
        raise StoreUnavailable(f"Valkey at {spoken(place)} is a replica still; the fail-over is under way")
