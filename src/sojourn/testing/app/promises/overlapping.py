"""Overlapping: requests of one visitor that are under way at the same time lose nothing of each other's."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

from sojourn.testing.app.client import Visitor
from sojourn.testing.app.gates import underway
from sojourn.testing.app.ground import Ground, Serve

__all__ = ["OverlappingPromises"]


class OverlappingPromises(Ground):
    """The promises about requests at the same time."""

    def test_changes_of_different_attributes_are_both_kept(self, visitor: Visitor) -> None:
        visitor.ask("put", a=1, b=1)
        with underway(visitor.twin(), "put", a=2):
            visitor.ask("put", b=2)
        assert visitor.ask("read").value["data"] == {"a": "2", "b": "2"}

    def test_of_two_changes_of_one_attribute_the_later_counts(self, visitor: Visitor) -> None:
        visitor.ask("put", a=1)
        with underway(visitor.twin(), "put", a=2):
            visitor.ask("put", a=3)
        assert visitor.ask("get", name="a").value == "2"

    def test_changes_of_different_fields_of_a_view_are_both_kept(self, visitor: Visitor) -> None:
        visitor.ask("view", item="pen")
        with underway(visitor.twin(), "view", coupon="ten"):
            visitor.ask("view", item="ink")
        assert visitor.ask("view").value == [["pen", "ink"], "ten"]

    def test_what_one_takes_out_and_another_puts_in_are_both_kept(self, visitor: Visitor) -> None:
        visitor.ask("put", a=1, b=1)
        with underway(visitor.twin(), "delete", name="a"):
            visitor.ask("put", c=1)
        assert visitor.ask("read").value["data"] == {"b": "1", "c": "1"}

    def test_a_request_that_only_reads_overwrites_nothing(self, visitor: Visitor) -> None:
        visitor.ask("nested", item="pen")
        with underway(visitor.twin(), "read") as reading:
            visitor.ask("nested", item="ink")
        assert reading.result().value["data"] == {"cart": {"items": ["pen"]}}
        assert visitor.ask("read").value["data"] == {"cart": {"items": ["pen", "ink"]}}

    def test_many_requests_at_once_lose_nothing(self, visitor: Visitor) -> None:
        visitor.ask("put", first=1)
        with ThreadPoolExecutor(8) as threads:
            tabs = list(threads.map(lambda number: visitor.twin().ask("put", **{f"n{number}": number}), range(16)))
        assert {tab.status for tab in tabs} == {200}
        assert len(visitor.ask("read").value["data"]) == 17

    def test_who_has_the_session_alone_counts_right(self, visitor: Visitor) -> None:
        visitor.ask("put", first=1)
        with ThreadPoolExecutor(4) as threads:
            counted = list(threads.map(lambda _: visitor.twin().ask("alone").value, range(8)))
        assert sorted(counted) == [*range(1, 9)]
        assert visitor.ask("get", name="n").value == 8

    def test_who_has_the_session_alone_waits_for_the_one_before(self, visitor: Visitor) -> None:
        visitor.ask("count")
        with ThreadPoolExecutor(1) as threads:
            with underway(visitor.twin(), "alone"):
                waiting = threads.submit(visitor.twin().ask, "alone")
                assert visitor.ask("get", name="n").value == 1
            assert waiting.result().value == 3

    def test_who_fails_alone_leaves_nothing_and_lets_others_in(self, visitor: Visitor) -> None:
        visitor.ask("count")
        assert visitor.ask("alone", fails=1).status == 500
        assert visitor.ask("alone", wait=0).value == 2

    def test_a_session_of_one_application_is_none_of_anothers(self, served: Serve) -> None:
        one, another = served(app="one"), served(app="another")  # at one address
        visitor = one.visitor()
        visitor.ask("put", a=1)
        there = visitor.twin(another.url)
        assert there.ask("read").value["new"]
        there.ask("put", a=2)
        there.ask("end")
        assert visitor.ask("read").value["data"] == {"a": "1"}

    def test_a_path_without_sessions_refuses_them(self, served: Serve) -> None:
        site = served(skip=["/static/"])
        visitor = site.visitor()
        visitor.ask("count")
        for deed in ("read", "count", "end"):
            answer = visitor.ask(f"static/{deed}")
            assert (answer.status, answer.cookies) == (500, {})
        assert visitor.ask("count").value == 2
