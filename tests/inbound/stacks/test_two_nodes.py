"""Two nodes change one session at a time, and one of them saves behind the response."""

from __future__ import annotations

from sojourn import Behind, Sessions
from sojourn.store.memory import MemoryStore


async def test_what_is_queued_is_not_taken_for_what_another_node_stored_in_the_same_version() -> None:
    store = MemoryStore()
    here = Sessions(store, node="here", save="async", write=Behind(interval=3600))
    there = Sessions(store, node="there")
    new = await here.load(None)
    new["first"] = 1
    await new.save()

    async with here.access(new.ref) as early:
        async with there.access(new.ref) as elsewhere:
            elsewhere["elsewhere"] = 1  # the second version, in the store
        async with here.access(new.ref) as late:
            early["early"] = 1
            await early.save()  # another second version, in the queue
            late["late"] = 1
    await here.flush()

    async with there.access(new.ref) as stored:
        assert set(stored) == {"first", "elsewhere", "early", "late"}
    await here.close()
    await there.close()
