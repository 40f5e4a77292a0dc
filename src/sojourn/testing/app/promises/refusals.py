"""Refusals: what a visitor is told when the session cannot be had or stored; never another status, never a cookie."""

from __future__ import annotations

import pytest

from sojourn import Limit
from sojourn.core import events
from sojourn.store.base import Store
from sojourn.store.memory import MemoryStore
from sojourn.testing.app.away import MESSAGE, AwayStore
from sojourn.testing.app.client import Answer, Visitor
from sojourn.testing.app.gates import underway
from sojourn.testing.app.ground import Ground, Serve, Site
from sojourn.testing.app.socket import connected
from sojourn.testing.clock import FakeClock

__all__ = ["RefusalPromises"]


class RefusalPromises(Ground):
    """The promises about 503, 409 and 429."""

    @pytest.fixture(scope="class")
    @classmethod
    def store(cls) -> AwayStore:
        """A store that is out of reach when a test says so."""
        return AwayStore(MemoryStore(clock=FakeClock()))

    @pytest.fixture
    def shaky(self, served: Serve, store: Store) -> Site:
        """The application over that store."""
        return served(store=store, skip=["/static/"])

    def test_while_the_store_is_away_the_answer_is_503_and_the_application_does_not_run(
        self, shaky: Site, store: AwayStore, caplog: pytest.LogCaptureFixture
    ) -> None:
        visitor = shaky.visitor()
        visitor.ask("save")
        with store.away("load"):
            _refused(visitor.ask("save"), 503)
        assert visitor.ask("count").value == 2
        assert [record.name for record in caplog.records if record.exc_info] == []

    def test_what_cannot_be_stored_is_answered_with_503_before_the_first_byte(
        self, shaky: Site, store: AwayStore, caplog: pytest.LogCaptureFixture
    ) -> None:
        visitor = shaky.visitor()
        with store.away("save"):
            _refused(visitor.ask("count"), 503)
            assert visitor.jar == {}
        visitor.ask("count")
        with store.away("save"):
            _refused(visitor.ask("count"), 503)
        assert visitor.ask("count").value == 2
        assert [record.name for record in caplog.records if record.exc_info] == []

    def test_an_end_that_cannot_be_stored_is_none(self, shaky: Site, store: AwayStore) -> None:
        visitor = shaky.visitor()
        visitor.ask("count")
        with store.away("end"):
            _refused(visitor.ask("end"), 503)
        assert visitor.ask("count").value == 2

    def test_a_sign_in_that_cannot_be_stored_is_none(self, shaky: Site, store: AwayStore) -> None:
        visitor = shaky.visitor()
        visitor.ask("count")
        with store.away("save"):
            _refused(visitor.ask("log_in", user="alice"), 503)
        assert visitor.ask("read").value["principal"] is None

    def test_a_stream_does_not_begin_before_the_session_is_stored(self, shaky: Site, store: AwayStore) -> None:
        with store.away("save"):
            _refused(shaky.visitor().ask("stream"), 503)

    def test_a_visitor_without_a_session_does_not_notice_that_the_store_is_away(
        self, shaky: Site, store: AwayStore
    ) -> None:
        with store.away("load", "save", "end"):
            assert shaky.visitor().ask("read").value["new"]

    def test_a_path_without_sessions_is_served_while_the_store_is_away(self, shaky: Site, store: AwayStore) -> None:
        visitor = shaky.visitor()
        visitor.ask("count")
        with store.away("load", "save", "end"):
            answer = visitor.ask("static/nothing")
        assert (answer.status, answer.cookies, answer.all("vary")) == (200, {}, [])

    def test_a_socket_is_refused_while_the_store_is_away(self, shaky: Site, store: AwayStore) -> None:
        visitor = shaky.visitor()
        visitor.ask("count")
        with store.away("load"), pytest.raises(ConnectionRefusedError), connected(visitor):
            pass

    def test_two_changes_of_one_attribute_are_answered_with_409_where_that_is_wanted(
        self, served: Serve, caplog: pytest.LogCaptureFixture
    ) -> None:
        visitor = served(on_conflict="fail").visitor()
        visitor.ask("put", a=1, b=1)
        with underway(visitor.twin(), "put", a=2) as late:
            visitor.ask("put", a=3)
        _refused(late.result(), 409)
        with underway(visitor.twin(), "put", b=2) as late:
            visitor.ask("put", a=4)
        assert late.result().status == 200
        assert visitor.ask("read").value["data"] == {"a": "4", "b": "2"}
        assert [record.name for record in caplog.records if record.exc_info] == []

    def test_a_sign_in_beyond_the_limit_is_answered_with_429(
        self, served: Serve, caplog: pytest.LogCaptureFixture
    ) -> None:
        site = served(limit=Limit(per_principal=1))
        first, second = site.visitor(), site.visitor()
        first.ask("log_in", user="alice")
        second.ask("put", a=1)
        _refused(second.ask("log_in", user="alice"), 429)
        assert [each.ask("read").value["principal"] for each in (first, second)] == ["alice", None]
        assert second.ask("read").value["data"] == {"a": "1"}
        assert [record.name for record in caplog.records if record.exc_info] == []

    def test_a_sign_in_beyond_the_limit_ends_the_oldest_where_that_is_wanted(self, served: Serve) -> None:
        site = served(limit=Limit(per_principal=1, when_full="end-oldest"))
        first, second = site.visitor(), site.visitor()
        ref = first.ask("log_in", user="alice").value
        assert second.ask("log_in", user="alice").status == 200
        assert [each.ask("read").value["principal"] for each in (first, second)] == [None, "alice"]
        assert [event.reason for event in site.told(events.SessionEnded, ref)] == ["evicted"]

    def test_while_the_store_is_away_visitors_are_nobody_where_that_is_wanted(
        self, served: Serve, store: AwayStore
    ) -> None:
        visitor = served(store=store, outage="anonymous").visitor()
        visitor.ask("count")
        with store.away("load", "save", "end"):
            answer = visitor.ask("read")
            assert (answer.value["new"], answer.cookies) == (True, {})
        assert visitor.ask("count").value == 2

    def test_who_waits_in_vain_for_a_session_is_answered_with_503(self, visitor: Visitor) -> None:
        visitor.ask("count")
        with underway(visitor.twin(), "alone"):
            _refused(visitor.ask("alone", wait=0), 503)
        assert visitor.ask("get", name="n").value == 2


def _refused(answer: Answer, status: int) -> None:
    assert (answer.status, answer.cookies) == (status, {})
    assert answer.all("cache-control") == ["no-store"]
    assert answer.all("retry-after") == (["1"] if status == 503 else [])
    assert answer.all("content-type") == ["text/plain; charset=utf-8"]
    assert answer.all("content-length") == [str(len(answer.body))]
    for told in (MESSAGE, "Traceback", "firstlast"):
        assert told.encode() not in answer.body
