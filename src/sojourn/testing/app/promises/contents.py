"""Contents: what is put into a session is there in the next request, with nothing to be marked or saved."""

from __future__ import annotations

from sojourn.testing.app.client import Visitor
from sojourn.testing.app.ground import Ground

__all__ = ["ContentsPromises"]


class ContentsPromises(Ground):
    """The promises about what a session holds."""

    def test_what_is_put_in_is_there_in_the_next_request(self, visitor: Visitor) -> None:
        visitor.ask("put", a=1, b="two")
        assert visitor.ask("read").value["data"] == {"a": "1", "b": "two"}

    def test_what_is_taken_out_is_gone(self, visitor: Visitor) -> None:
        visitor.ask("put", a=1, b=2)
        visitor.ask("delete", name="a")
        assert visitor.ask("read").value["data"] == {"b": "2"}

    def test_a_cleared_session_is_empty_and_goes_on(self, visitor: Visitor) -> None:
        visitor.ask("put", a=1)
        ref = visitor.ask("read").value["ref"]
        visitor.ask("clear")
        seen = visitor.ask("read").value
        assert (seen["data"], seen["ref"]) == ({}, ref)

    def test_a_change_deep_within_is_kept(self, visitor: Visitor) -> None:
        for number, item in enumerate(("pen", "ink", "ink"), 1):
            assert visitor.ask("nested", item=item).value == number
        assert visitor.ask("read").value["data"] == {"cart": {"items": ["pen", "ink", "ink"]}}

    def test_a_typed_view_is_kept_as_it_was_changed(self, visitor: Visitor) -> None:
        assert visitor.ask("view", item="pen").value == [["pen"], ""]
        assert visitor.ask("view", coupon="ten").value == [["pen"], "ten"]
        assert visitor.ask("view").value == [["pen"], "ten"]

    def test_a_view_that_was_only_looked_at_stores_nothing(self, visitor: Visitor) -> None:
        assert visitor.ask("view").value == [[], ""]
        assert visitor.jar == {}
