"""Settings that cannot work: each is refused when it is given, in one line that names it and says what to do."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from sojourn import Limit, Near, Sessions
from sojourn.core.events import SessionEnded
from sojourn.errors import SettingError
from sojourn.store.memory import MemoryStore


class Plain:
    """A store without any power."""

    async def load(self, *_: object) -> None: ...

    save = touch = delete = load


def settings(**given: Any) -> Callable[[], object]:
    return lambda: Sessions(**given)


def listen(*given: Any) -> Callable[[], object]:
    return lambda: Sessions().listen(*given)


MISTAKES: dict[str, tuple[Callable[[], object], str]] = {
    "another database": (
        settings(store="mysql://db/app"),
        "starts with memory:, sqlite:///, postgresql://, valkey:// or",
    ),
    "a slip in a scheme": (settings(store="postgre://db/app"), "names no store; did you mean postgres:"),
    "another driver": (settings(store="postgresql+asyncpg://db/app"), "did you mean postgresql:"),
    "no slashes": (settings(store="valkey:cache"), "valkey:… names no Valkey; write valkey://host/0"),
    "a time that is none": (settings(store="valkey://cache?timeout=soon"), "a number of seconds above 0"),
    "a class": (settings(store=MemoryStore), "Sessions(store=…): give an address such as"),
    "no watch": (
        settings(store=Plain(), near=Near()),
        "Plain lacks `watch` (see sojourn.store.Watches); give near=None",
    ),
    "no limit": (settings(store=Plain(), limit=Limit()), "Plain lacks `admit` (see sojourn.store.Admits)"),
    "a limit of none": (lambda: Limit(per_principal=0), "Limit(per_principal=0): give a whole number"),
    "a number for a limit": (settings(limit=5), "Sessions(limit=…): give a Limit"),
    "a route with a dot": (settings(route="n.1"), "Sessions(route='n.1'): give 1 to 64 letters"),
    "a number for a route": (settings(route=1), "Sessions(route=1): give 1 to 64 letters"),
    "a short key": (settings(seal=[b"k" * 31]), "key 1 of the ring has 31 bytes; a ring is a list of keys of 32 bytes"),
    "a key as text": (settings(seal=["k" * 43]), "key 1 of the ring is a str; a ring is a list of keys of 32 bytes"),
    "a number for a ring": (settings(seal=32), "as key_ring(text) reads them from what new_key() makes"),
    "copies that there are none of": (settings(outage="read-only"), "give near=Near()"),
    "a listener that is none": (listen("log"), "sessions.listen(…): give what is called with events, then the kinds"),
    "a kind before its listener": (listen(SessionEnded, print), "sessions.listen(…): give what is called with events"),
}


@pytest.mark.parametrize(("act", "told"), MISTAKES.values(), ids=MISTAKES)
def test_a_mistake_is_told_when_it_is_made(act: Callable[[], object], told: str) -> None:
    with pytest.raises(SettingError) as caught:
        act()
    assert told in str(caught.value)
    assert "\n" not in str(caught.value)
