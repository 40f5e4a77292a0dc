"""A session is a dict whose changes are known: whatever is done to it, merging them makes what the dict would be."""

from __future__ import annotations

import copy
from collections.abc import Callable
from typing import Any

import msgspec
import pytest
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule
from tests.core.records import holding, packed, record, unpacked

from sojourn.core import codec
from sojourn.core.attributes.contents import Contents
from sojourn.core.merge import merge
from sojourn.core.record import Record
from sojourn.core.session import Session
from sojourn.errors import NotStorable


class Basket(msgspec.Struct):
    items: list[str] = []


names = st.sampled_from("abcd")
leaves = st.one_of(st.none(), st.booleans(), st.integers(-3, 3), st.sampled_from(["x", "y"]), st.just((1, (2,))))
values = st.one_of(
    leaves,
    st.lists(leaves, max_size=3),
    st.dictionaries(st.sampled_from(["k", 1, (2,)]), st.one_of(leaves, st.lists(leaves, max_size=2)), max_size=3),
    st.sets(st.integers(0, 3), max_size=3),
)


class SessionAndDict(RuleBasedStateMachine):
    """One after the other is done to both."""

    session: Session
    record: Record | None
    stored: dict[str, Any]
    model: dict[str, Any]

    @initialize(stored=st.one_of(st.none(), st.dictionaries(names, values, max_size=4)))
    def begin(self, stored: dict[str, Any] | None) -> None:
        self.record = None if stored is None else holding(**stored)
        self.stored = copy.deepcopy(stored or {})
        self.model = copy.deepcopy(self.stored)
        self.session = Session(self.record, 2000.0)

    def both(self, act: Callable[[Any], Any]) -> None:
        def outcome(mapping: Any) -> Any:
            try:
                return act(mapping)
            except KeyError as error:
                return error.args

        assert outcome(self.session) == outcome(self.model)

    @rule(name=names)
    def get(self, name: str) -> None:
        self.both(lambda mapping: mapping[name])
        self.both(lambda mapping: mapping.get(name, 7))
        self.both(lambda mapping: name in mapping)

    @rule(name=names, value=values)
    def set(self, name: str, value: Any) -> None:
        self.both(lambda mapping: mapping.__setitem__(name, copy.deepcopy(value)))

    @rule(name=names)
    def delete(self, name: str) -> None:
        self.both(lambda mapping: mapping.__delitem__(name))

    @rule(name=names, value=values)
    def pop(self, name: str, value: Any) -> None:
        self.both(lambda mapping: mapping.pop(name))
        self.both(lambda mapping: mapping.pop(name, value))

    @rule(name=names, value=values)
    def setdefault(self, name: str, value: Any) -> None:
        self.both(lambda mapping: mapping.setdefault(name, copy.deepcopy(value)))

    @rule(new=st.dictionaries(names, values, max_size=2))
    def update(self, new: dict[str, Any]) -> None:
        self.both(lambda mapping: mapping.update(copy.deepcopy(new)))

    @rule(new=st.dictionaries(names, values, max_size=2))
    def update_in_place(self, new: dict[str, Any]) -> None:
        self.both(lambda mapping: mapping.__ior__(copy.deepcopy(new)) is mapping)

    @rule()
    def clear(self) -> None:
        self.both(lambda mapping: mapping.clear())

    @rule(name=names, leaf=leaves)
    def change_inside(self, name: str, leaf: Any) -> None:
        def act(mapping: Any) -> None:
            value = mapping[name]
            if type(value) is list:
                value.append(leaf)
            elif type(value) is dict:
                value["k"] = [leaf]
            elif type(value) is set:
                value.symmetric_difference_update({9})

        self.both(act)

    @rule(name=names)
    def undo(self, name: str) -> None:
        if name in self.stored:
            self.both(lambda mapping: mapping.__setitem__(name, copy.deepcopy(self.stored[name])))
        else:
            self.both(lambda mapping: mapping.pop(name, None))

    @precondition(lambda self: self.record is not None)
    @rule()
    def commit(self) -> None:
        changes = self.session.changes()
        attributes = merge(codec.read(self.record.data), changes)  # type: ignore[union-attr]
        self.record = record(data=codec.write(attributes))
        self.session.committed(self.record, attributes, changes)
        self.stored = copy.deepcopy(self.model)
        assert self.session.changes() == {}

    @invariant()
    def looks_like_the_dict(self) -> None:
        assert dict(self.session.items()) == self.model
        assert sorted(self.session) == sorted(self.model)
        assert len(self.session) == len(self.model)
        assert self.session == self.model

    @invariant()
    def changes_make_the_dict_of_what_was_stored(self) -> None:
        before, after = packed(**self.stored), packed(**self.model)
        changes = self.session.changes()
        assert changes.keys() == {name for name in before.keys() | after.keys() if before.get(name) != after.get(name)}
        assert unpacked(merge(before, changes)) == self.model


TestSessionAndDict = SessionAndDict.TestCase


@pytest.mark.parametrize("name", [1, None, (1,), b"a", 1.5, type("Text", (str,), {})("a")])
def test_the_name_of_an_attribute_is_a_str_and_nothing_else(name: Any) -> None:
    session = Session(None, 0.0)
    with pytest.raises(NotStorable, match="the name of an attribute is a str"):
        session[name] = 1
    assert session.changes() == {}


def test_the_name_of_an_attribute_is_text_that_a_store_can_keep() -> None:
    session = Session(None, 0.0)
    with pytest.raises(NotStorable, match="surrogates"):
        session["\ud800"] = 1
    with pytest.raises(NotStorable, match="surrogates"):
        session.view(Basket, at="\ud800")
    session["ключ"] = 1
    assert session.changes().keys() == {"ключ"}


def test_clearing_a_session_reads_each_attribute_once(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[str] = []
    get = Contents.get

    def ask(contents: Contents, name: str) -> Any:
        asked.append(name)
        return get(contents, name)

    monkeypatch.setattr(Contents, "get", ask)
    session = Session(holding(**{f"a{number}": [number] for number in range(50)}), 0.0)
    session.clear()
    assert len(asked) == 50
    assert session.changes() == dict.fromkeys(asked)


def test_what_is_no_name_is_not_in_it() -> None:
    session = Session(holding(a=1), 0.0)
    assert 1 not in session  # type: ignore[comparison-overlap]
    assert session.get(None, 5) == 5  # type: ignore[call-overload]
    with pytest.raises(KeyError):
        del session["b"]


def test_the_same_object_is_handed_out_each_time() -> None:
    session = Session(holding(a=[1], b={}), 0.0)
    assert session["a"] is session["a"]
    assert session.get("b") is session["b"]
    new = [1]
    session["c"] = new
    assert session["c"] is new


def test_what_was_deleted_and_set_again_is_what_was_set() -> None:
    session = Session(holding(a=1), 0.0)
    del session["a"]
    with pytest.raises(KeyError):
        session["a"]
    session["a"] = 2
    assert unpacked(merge(packed(a=1), session.changes())) == {"a": 2}


def test_what_came_last_is_taken_out_first() -> None:
    session = Session(holding(a=1, b=2), 0.0)
    session["c"] = 3
    assert [session.popitem() for _ in range(3)] == [("c", 3), ("b", 2), ("a", 1)]
    with pytest.raises(KeyError):
        session.popitem()
    assert session.changes() == {"a": None, "b": None}


def test_looking_at_it_is_a_use_and_asking_about_it_is_not() -> None:
    for act in (len, list, lambda session: "a" in session, lambda session: session.principal, Session.mark_accessed):
        session = Session(holding(a=1), 0.0)
        assert not session.looked
        act(session)
        assert session.looked
    session = Session(holding(a=1), 0.0)
    repr(session)
    assert (session.ref, session.is_new, session.version, session.signed_in) == ("theref", False, 1, None)
    assert (session.created_at, session.accessed_at, session.expires_at) == (1000.0, 1000.0, 2890.0)
    assert session.changes() == {}
    assert not session.looked
