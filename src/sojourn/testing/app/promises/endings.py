"""Endings: a session that has ended, here or elsewhere, is over and stays so; others under its id go on."""

from __future__ import annotations

from typing import Any

import pytest

from sojourn.core import events
from sojourn.store import Store, open_store
from sojourn.testing.app.client import Visitor
from sojourn.testing.app.gates import underway
from sojourn.testing.app.ground import Ground, Serve, Site
from sojourn.testing.clock import FakeClock

__all__ = ["EndingPromises", "SharingPromises"]


class EndingPromises(Ground):
    """The promises about ends."""

    def test_an_end_clears_both_cookies_and_leaves_nothing(self, visitor: Visitor, site: Site) -> None:
        ref = visitor.ask("log_in", user="alice").value
        late = visitor.twin()
        assert list(visitor.ask("end").cookies.values()) == ["", ""]
        assert late.ask("read").value["data"] == {}
        assert site.do(site.sessions.find(ref=ref)) == []
        assert [event.reason for event in site.told(events.SessionEnded, ref)] == ["signed-out"]

    def test_after_an_end_the_visitor_begins_anew(self, visitor: Visitor) -> None:
        visitor.ask("count")
        ref = visitor.ask("read").value["ref"]
        visitor.ask("end")
        assert visitor.ask("count").value == 1
        assert visitor.ask("read").value["ref"] != ref

    def test_a_session_that_has_ended_cannot_be_used_in_its_request(self, visitor: Visitor) -> None:
        visitor.ask("count")
        assert visitor.ask("end_and_use").status == 500

    def test_an_end_stands_though_the_request_failed(self, visitor: Visitor, site: Site) -> None:
        for deed in ("end", "end_and_use"):
            visitor.ask("count")
            ref = visitor.ask("read").value["ref"]
            visitor.ask(deed, status=500)
            assert site.do(site.sessions.find(ref=ref)) == []
            assert visitor.ask("read").value["new"]

    def test_an_id_whose_session_has_ended_is_told_of(self, visitor: Visitor, site: Site) -> None:
        visitor.ask("count")
        late, absent = visitor.twin(), len(site.told(events.SessionAbsent, ""))
        visitor.ask("end")
        late.ask("read")
        assert len(site.told(events.SessionAbsent, "")) == absent + 1

    def test_a_session_that_was_ended_elsewhere_is_over_with_the_next_request(
        self, visitor: Visitor, site: Site
    ) -> None:
        visitor.ask("count")
        ref = visitor.ask("read").value["ref"]
        assert site.do(site.sessions.end(ref))
        assert visitor.ask("read").value["new"]
        assert visitor.ask("count").value == 1

    def test_all_sessions_of_a_principal_but_one_can_be_ended(self, site: Site) -> None:
        visitors = [site.visitor() for _ in range(3)]
        refs = [visitor.ask("log_in", user="everywhere").value for visitor in visitors]
        assert site.do(site.sessions.end_all(principal="everywhere", but=refs[1])) == 2
        assert [visitor.ask("read").value["principal"] for visitor in visitors] == [None, "everywhere", None]

    def test_a_request_brings_nothing_back_that_ended_meanwhile(self, visitor: Visitor, site: Site) -> None:
        visitor.ask("put", a=1)
        ref = visitor.ask("read").value["ref"]
        with underway(visitor.twin(), "put", a=2) as late:
            visitor.ask("end")
        assert (late.result().status, late.result().cookies) == (200, {})
        assert site.do(site.sessions.find(ref=ref)) == []
        assert [event.names for event in site.told(events.ChangesDropped, ref)] == [("a",)]

    def test_a_request_does_not_outrun_a_sign_in(self, visitor: Visitor, site: Site) -> None:
        visitor.ask("put", a=1)
        with underway(visitor.twin(), "put", a=2) as late:
            ref = visitor.ask("log_in", user="alice").value
        assert (late.result().status, late.result().cookies) == (200, {})
        seen = visitor.ask("read").value
        assert (seen["data"], seen["principal"]) == ({"a": "1"}, "alice")
        assert [event.names for event in site.told(events.ChangesDropped, ref)] == [("a",)]


class SharingPromises(Ground):
    """The promises of `Sessions(share_id=True)`."""

    @pytest.fixture(scope="class")
    @classmethod
    def common(cls, address: str) -> dict[str, Any]:
        """What two applications have in common that share an id."""
        clock = FakeClock()
        store: Store = open_store(address, clock=clock)
        return {"store": store, "clock": clock, "share_id": True}

    @pytest.fixture
    def applications(self, served: Serve, common: dict[str, Any]) -> list[Visitor]:
        """Somebody who was never there, at each of two."""
        visitors = [served(app=app, **common).visitor() for app in ("contract-one", "contract-two")]
        visitors[1].jar = visitors[0].jar
        return visitors

    def test_applications_that_share_an_id_have_a_session_each(self, applications: list[Visitor]) -> None:
        one, two = applications
        one.ask("put", a=1)
        before = dict(one.jar)
        two.ask("put", a=2)
        assert [each.ask("read").value["data"] for each in applications] == [{"a": "1"}, {"a": "2"}]
        assert (one.jar, len(before)) == (before, 1)

    def test_a_sign_in_at_one_ends_the_old_id_at_both(self, applications: list[Visitor]) -> None:
        two = applications[1]
        for each in applications:
            each.ask("put", a=1)
        old = [each.twin() for each in applications]
        two.ask("log_in", user="alice")
        assert [each.ask("read").value["data"] for each in old] == [{}, {}]
        seen = [each.ask("read").value for each in applications]
        assert [(each["principal"], each["data"]) for each in seen] == [(None, {"a": "1"}), ("alice", {"a": "1"})]

    def test_the_end_at_one_leaves_the_other(self, applications: list[Visitor]) -> None:
        one, two = applications
        for each in applications:
            each.ask("count")
        before = dict(one.jar)
        two.ask("end")
        assert (one.jar, [each.ask("count").value for each in applications]) == (before, [2, 1])

    def test_the_end_of_all_leaves_neither(self, applications: list[Visitor]) -> None:
        one, two = applications
        for each in applications:
            each.ask("count")
        old = [each.twin() for each in applications]
        two.ask("end", everywhere=1)
        assert (one.jar, [each.ask("read").value["data"] for each in old]) == ({}, [{}, {}])
