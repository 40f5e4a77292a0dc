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

    def test_text_comes_back_as_it_went_in(self, visitor: Visitor) -> None:
        texts = {"word": "Grüße ☃ 𝄞", "sign": 'a;b=c, "d" \\ %41 +', "empty\u00e9": " "}
        visitor.ask("put", **texts)
        assert visitor.ask("read").value["data"] == texts

    def test_what_is_not_there_is_not_there(self, visitor: Visitor) -> None:
        visitor.ask("put", a=1)
        assert visitor.ask("get", name="b").value is None

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

    def test_reading_stores_nothing(self, visitor: Visitor) -> None:
        visitor.ask("nested", item="pen")
        for _ in range(2):
            answer = visitor.ask("read")
            assert (answer.value["version"], answer.cookies) == (1, {})

    def test_what_is_put_in_as_it_was_is_no_change(self, visitor: Visitor) -> None:
        visitor.ask("put", a=1)
        answer = visitor.ask("put", a=1)
        assert (answer.cookies, visitor.ask("read").value["version"]) == ({}, 1)

    def test_every_change_is_a_new_version(self, visitor: Visitor) -> None:
        assert [visitor.ask("count").value for _ in range(3)] == [1, 2, 3]
        assert visitor.ask("read").value["version"] == 3

    def test_values_come_back_as_what_they_were(self, visitor: Visitor) -> None:
        visitor.ask("kinds")
        assert set(visitor.ask("kinds").value) == {True}
        assert visitor.ask("kinds").cookies == {}

    def test_much_is_kept_as_well(self, visitor: Visitor) -> None:
        visitor.ask("fill", size=300_000)
        visitor.ask("count")
        assert visitor.ask("fill", size=1).value == 300_000

    def test_a_value_that_cannot_be_kept_is_an_error_and_leaves_the_session_whole(self, visitor: Visitor) -> None:
        visitor.ask("put", a=1)
        assert visitor.ask("odd").status == 500
        assert visitor.ask("read").value["data"] == {"a": "1"}
