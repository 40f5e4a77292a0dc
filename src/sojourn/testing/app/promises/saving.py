"""Saving: when what was changed is stored."""

from __future__ import annotations

from sojourn import Behind
from sojourn.core.record import Record
from sojourn.store.base import Lists, Query, power
from sojourn.store.stack import innermost
from sojourn.testing.app.client import Visitor
from sojourn.testing.app.ground import Ground, Serve, Site

__all__ = ["SavingPromises"]


class SavingPromises(Ground):
    """The promises about `save`, and about when it is left to the application or to time."""

    def test_what_is_answered_is_stored(self, visitor: Visitor, site: Site) -> None:
        visitor.ask("count")
        ref = visitor.ask("read").value["ref"]
        for version in range(2, 5):
            visitor.ask("count")
            [record] = site.do(site.sessions.find(ref=ref))
            assert record.version == version

    def test_a_save_stores_at_once(self, visitor: Visitor) -> None:
        visitor.ask("count")
        assert visitor.ask("save", status=500).status == 500
        assert visitor.ask("get", name="n").value == 2

    def test_a_save_of_a_new_session_gives_the_visitor_its_cookies(self, visitor: Visitor, site: Site) -> None:
        assert list(visitor.ask("save").cookies) == [site.sessions.cookie.name, site.sessions.cookie.version_name]
        assert visitor.ask("count").value == 2

    def test_saved_by_hand_nothing_else_is_stored(self, served: Serve) -> None:
        visitor = served(save="manual").visitor()
        visitor.ask("count")
        assert visitor.jar == {}
        visitor.ask("save")
        visitor.ask("count")
        assert visitor.ask("get", name="n").value == 1

    def test_saved_behind_the_response_the_visitor_sees_it_at_once_and_the_store_later(self, served: Serve) -> None:
        site = served(save="async", write=Behind(interval=3600))
        visitor = site.visitor()
        assert [visitor.ask("count").value for _ in range(3)] == [1, 2, 3]
        ref = visitor.ask("read").value["ref"]
        before = _stored(site, ref)
        site.do(site.sessions.flush())
        assert _stored(site, ref).data != before.data
        assert visitor.ask("count").value == 4


def _stored(site: Site, ref: str) -> Record:
    """The record, as the store in the middle has it."""
    lists = power(innermost(site.sessions.store), Lists)
    assert lists is not None
    [record] = site.do(lists.find(Query(app=site.sessions.app, ref=ref)))
    return record
