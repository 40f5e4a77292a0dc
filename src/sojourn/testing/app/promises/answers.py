"""Answers: what becomes of a session when the application fails, or is refused."""

from __future__ import annotations

from sojourn.testing.app.client import Visitor
from sojourn.testing.app.ground import Ground, Serve

__all__ = ["AnswerPromises"]


class AnswerPromises(Ground):
    """The promises about answers and their headers."""

    def test_what_a_failed_request_changed_is_dropped(self, visitor: Visitor) -> None:
        visitor.ask("count")
        assert visitor.ask("fail").status == 500
        assert visitor.ask("count", status=503).status == 503
        assert visitor.ask("read").value["data"] == {"n": 1}

    def test_what_a_failed_request_changed_is_kept_where_that_is_wanted(self, served: Serve) -> None:
        visitor = served(on_error="save").visitor()
        visitor.ask("count")
        visitor.ask("fail")
        assert visitor.ask("read").value["data"] == {"n": 1, "failed": True}

    def test_caches_are_told_what_depends_on_a_session(self, visitor: Visitor) -> None:
        answer = visitor.ask("count")
        assert (answer.all("vary"), answer.all("cache-control")) == (["Cookie"], ["no-store"])
        answer = visitor.ask("read")
        assert (answer.all("vary"), answer.all("cache-control")) == (["Cookie"], [])
        assert visitor.ask("nothing").all("vary") == []
