"""Streaming: what is done after the first byte is stored when the answer is over."""

from __future__ import annotations

from sojourn.core import events
from sojourn.inbound.lasting import Sockets
from sojourn.testing.app.client import Visitor
from sojourn.testing.app.deeds import MANY
from sojourn.testing.app.ground import Ground, Serve, Site

__all__ = ["StreamingPromises"]


class StreamingPromises(Ground):
    """The promises about answers that are made while they are sent."""

    def test_a_stream_arrives_as_it_was_made(self, visitor: Visitor) -> None:
        answer = visitor.ask("stream")
        assert (answer.status, answer.body) == (200, b"firstlast")

    def test_a_stream_begins_with_the_cookies_of_what_was_done_before(self, visitor: Visitor, site: Site) -> None:
        answer = visitor.ask("stream")
        cookie = site.sessions.cookie
        assert (list(answer.cookies), answer.cookies[cookie.version_name]) == ([cookie.name, cookie.version_name], "1")
        assert answer.all("cache-control") == ["no-store"]

    def test_what_a_stream_changed_late_is_stored_when_it_is_over(self, visitor: Visitor, site: Site) -> None:
        visitor.ask("count")
        visitor.ask("stream")
        site.rest()
        assert visitor.ask("read").value["data"] == {"n": 1, "early": True, "late": True}

    def test_what_is_stored_late_is_told(self, visitor: Visitor, site: Site) -> None:
        visitor.ask("count")
        ref = visitor.ask("read").value["ref"]
        visitor.ask("stream")
        site.rest()
        assert [event.names for event in site.told(events.ChangedLate, ref)] == [("late",)]
        answer = visitor.ask("read")
        assert (answer.value["version"], answer.cookies) == (3, {site.sessions.cookie.version_name: "3"})

    def test_a_stream_can_begin_a_session_and_go_on_with_it(self, visitor: Visitor, site: Site) -> None:
        visitor.ask("stream")
        ref = visitor.ask("read").value["ref"]
        site.wait_for(lambda: site.told(events.ChangedLate, ref))
        assert visitor.ask("read").value["data"] == {"early": True, "late": True}

    def test_server_sent_events_stop_when_the_session_ends(self, served: Serve) -> None:
        visitor = served(sockets=Sockets(check=0.02)).visitor()
        visitor.ask("log_in", user="alice")
        with visitor.listening("/events") as events:
            assert events.readline() == b"data: alice\n"
            visitor.twin().ask("end")
            assert events.read().count(b"data:") < MANY - 1

    def test_server_sent_events_stop_when_their_visitor_signs_out(self, served: Serve) -> None:
        visitor = served(sockets=Sockets(check=0.02)).visitor()
        visitor.ask("log_in", user="alice")
        with visitor.listening("/events") as events:
            assert events.readline() == b"data: alice\n"
            visitor.twin().ask("log_out")
            assert events.read().count(b"data:") < MANY - 1
