"""Answers: what becomes of a session when the application fails, and what caches are told."""

from __future__ import annotations

from sojourn.core import events
from sojourn.core.events import AttributeAdded, AttributeChanged, AttributeRemoved, AttributeReplaced
from sojourn.testing.app.client import Visitor
from sojourn.testing.app.ground import Ground, Serve, Site

__all__ = ["AnswerPromises"]


class AnswerPromises(Ground):
    """The promises about statuses, methods, headers and events."""

    def test_what_a_failed_request_changed_is_dropped(self, visitor: Visitor) -> None:
        visitor.ask("count")
        assert visitor.ask("fail").status == 500
        assert visitor.ask("count", status=503).status == 503
        assert visitor.ask("read").value["data"] == {"n": 1}

    def test_a_failed_request_creates_nothing(self, visitor: Visitor) -> None:
        for deed in ("fail", "odd"):
            assert (visitor.ask(deed).status, visitor.jar) == (500, {})
        assert (visitor.ask("count", status=500).status, visitor.jar) == (500, {})

    def test_what_a_failed_request_changed_is_kept_where_that_is_wanted(self, served: Serve) -> None:
        visitor = served(on_error="save").visitor()
        visitor.ask("count")
        visitor.ask("fail")
        visitor.ask("count", status=500)
        assert visitor.ask("read").value["data"] == {"n": 2, "failed": True}

    def test_a_refusal_of_the_applications_is_an_answer(self, visitor: Visitor) -> None:
        for number, status in enumerate((302, 400, 403, 404, 422), 1):
            assert visitor.ask("count", status=status).status == status
            assert visitor.ask("get", name="n").value == number

    def test_every_method_has_its_session(self, visitor: Visitor) -> None:
        for number, method in enumerate(("POST", "PUT", "PATCH", "DELETE", "OPTIONS"), 1):
            assert visitor.ask("count", method=method).value == number

    def test_a_question_for_the_head_alone_changes_the_session_and_has_no_body(self, visitor: Visitor) -> None:
        answer = visitor.ask("count", method="HEAD")
        assert (answer.status, answer.body, len(answer.cookies)) == (200, b"", 2)
        assert visitor.ask("count").value == 2

    def test_caches_are_told_what_depends_on_a_session(self, visitor: Visitor) -> None:
        assert _vary(visitor.ask("read").all("vary")) == ["cookie"]  # that there was none, too
        visitor.ask("count")
        answer = visitor.ask("read")
        assert (_vary(answer.all("vary")), answer.all("cache-control")) == (["cookie"], [])

    def test_caches_store_no_answer_that_sets_a_cookie(self, visitor: Visitor) -> None:
        for deed in ("count", "count", "renew", "end"):
            answer = visitor.ask(deed)
            assert (_vary(answer.all("vary")), answer.all("cache-control")) == (["cookie"], ["no-store"])

    def test_an_answer_that_did_not_look_at_the_session_is_everybodys(self, visitor: Visitor) -> None:
        visitor.ask("count")
        answer = visitor.ask("nothing")
        assert (answer.all("vary"), answer.all("cache-control"), answer.cookies) == ([], [], {})

    def test_listeners_are_told_when_a_session_begins_and_ends(self, visitor: Visitor, site: Site) -> None:
        visitor.ask("count")
        ref = visitor.ask("read").value["ref"]
        visitor.ask("log_in", user="alice")
        visitor.ask("end")
        kinds = (events.SessionCreated, events.IdRenewed, events.SessionEnded)
        assert [type(event) for event in site.told(events.Event, ref) if isinstance(event, kinds)] == [*kinds]
        [ended] = site.told(events.SessionEnded, ref)
        assert (ended.principal, ended.attributes()) == ("alice", {"n": 1})

    def test_listeners_are_told_of_each_attribute_with_its_old_value(self, visitor: Visitor, site: Site) -> None:
        visitor.ask("nested", item="pen")
        ref = visitor.ask("read").value["ref"]
        visitor.ask("nested", item="ink")
        visitor.ask("delete", name="cart")
        pen, both = {"items": ["pen"]}, {"items": ["pen", "ink"]}
        assert [(type(event), event.old, event.value) for event in site.told(AttributeChanged, ref)] == [
            (AttributeAdded, None, pen),
            (AttributeReplaced, pen, both),
            (AttributeRemoved, both, None),
        ]


def _vary(values: list[str]) -> list[str]:
    return [name.strip().lower() for value in values for name in value.split(",")]
