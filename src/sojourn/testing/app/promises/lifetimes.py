"""Lifetimes: when a session begins, and when it ends."""

from __future__ import annotations

from sojourn.core import events
from sojourn.testing.app.client import Visitor
from sojourn.testing.app.ground import Ground, Site

__all__ = ["LifetimePromises"]


class LifetimePromises(Ground):
    """The promises about beginnings and ends."""

    def test_an_end_clears_both_cookies_and_leaves_nothing(self, visitor: Visitor, site: Site) -> None:
        ref = visitor.ask("log_in", user="alice").value
        late = visitor.twin()
        answer = visitor.ask("end")
        assert list(answer.cookies.values()) == ["", ""]
        assert visitor.jar == {}
        assert late.ask("read").value["data"] == {}
        assert [event.reason for event in site.told(events.SessionEnded, ref)] == ["signed-out"]

    def test_a_session_ends_when_it_is_not_used(self, visitor: Visitor, site: Site) -> None:
        visitor.ask("count")
        site.clock.advance(minutes=32)
        assert visitor.ask("count").value == 1

    def test_a_use_puts_off_the_end(self, visitor: Visitor, site: Site) -> None:
        visitor.ask("count")
        for _ in range(3):
            site.clock.advance(minutes=20)
            visitor.ask("get", name="n")
            site.do(site.sessions.flush())
        assert visitor.ask("count").value == 2
