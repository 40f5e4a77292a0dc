"""`seal=keys`: what sessions hold is not to be read in the store, and what does not open is nobody's."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from tests.fixtures.visitor import Visitor, everything, sets, signs_in
from tests.fixtures.watched import WatchedStore

from sojourn import Near, Sessions
from sojourn.core.events import Event, SessionUnreadable
from sojourn.errors import SettingError
from sojourn.store import Query

Make = Callable[..., Sessions]
OLD, NEW = b"o" * 32, b"n" * 32


async def test_nothing_of_it_is_stored_as_it_is(make: Make, store: WatchedStore) -> None:
    visitor = Visitor(make(seal=[OLD], near=Near()))
    await visitor.ask(lambda s: (sets(card="4111 1111")(s), signs_in("alice")(s))[0])
    assert (await visitor.ask(everything)).value == {"card": "4111 1111"}
    (record,) = await store.store.find(Query())
    assert (b"4111" in record.data, record.principal) == (False, "alice")


async def test_a_session_that_does_not_open_is_no_session_and_is_told(make: Make) -> None:
    visitor = Visitor(make(seal=[OLD]))
    await visitor.ask(sets(a=1))
    other, told = make(seal=[NEW]), list[Event]()
    other.listen(told.append, SessionUnreadable)
    assert (await visitor.twin(other).ask(everything)).value == {}
    assert {type(event) for event in told} == {SessionUnreadable}
    assert (await visitor.twin(make(seal=[OLD, NEW])).ask(everything)).value == {"a": 1}


@pytest.mark.parametrize("keys", [[], [b"short"], b"k" * 32, [OLD, OLD]])
def test_keys_that_are_none_are_refused_when_they_are_given(make: Make, keys: object) -> None:
    with pytest.raises(SettingError, match="key"):
        make(seal=keys)
