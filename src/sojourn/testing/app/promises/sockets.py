"""Sockets: a WebSocket has the session of its handshake, and stores what it changed when it closes."""

from __future__ import annotations

from functools import partial

from sojourn.core import events
from sojourn.inbound.lasting import Sockets
from sojourn.testing.app.client import Visitor
from sojourn.testing.app.ground import Ground, Serve, Site
from sojourn.testing.app.socket import connected

__all__ = ["SocketPromises"]

QUICK = Sockets(check=0.02)


class SocketPromises(Ground):
    """The promises about WebSockets."""

    def test_a_socket_has_the_session_of_its_visitor(self, visitor: Visitor) -> None:
        visitor.ask("log_in", user="alice")
        visitor.ask("put", a=1)
        with connected(visitor) as socket:
            seen = socket.say("read")
        assert (seen["data"], seen["principal"]) == ({"a": "1"}, "alice")

    def test_what_a_socket_changed_is_stored_when_it_closes(self, visitor: Visitor, site: Site) -> None:
        visitor.ask("count")
        with connected(visitor) as socket:
            assert [socket.say("count"), socket.say("count")] == [2, 3]
            assert visitor.twin().ask("get", name="n").value == 1
        site.wait_for(lambda: visitor.ask("get", name="n").value == 3)

    def test_what_a_socket_saves_is_stored_at_once(self, visitor: Visitor) -> None:
        visitor.ask("count")
        with connected(visitor) as socket:
            socket.say("save")
            assert visitor.twin().ask("get", name="n").value == 2

    def test_a_closing_socket_keeps_what_requests_stored_meanwhile(self, visitor: Visitor, site: Site) -> None:
        visitor.ask("put", a=1)
        with connected(visitor) as socket:
            socket.say("put", b=1)
            visitor.ask("put", a=2, c=2)
        site.wait_for(lambda: visitor.ask("get", name="b").value)
        assert visitor.ask("read").value["data"] == {"a": "2", "b": "1", "c": "2"}

    def test_a_closing_socket_does_not_overwrite_a_newer_sign_in(self, visitor: Visitor, site: Site) -> None:
        visitor.ask("put", a=1)
        with connected(visitor) as socket:
            socket.say("put", a=2)
            ref = visitor.ask("log_in", user="alice").value
        site.wait_for(lambda: site.told(events.ChangesDropped, ref))
        seen = visitor.ask("read").value
        assert (seen["data"], seen["principal"]) == ({"a": "1"}, "alice")
        assert [event.names for event in site.told(events.ChangesDropped, ref)] == [("a",)]

    def test_a_closing_socket_brings_nothing_back(self, visitor: Visitor, site: Site) -> None:
        visitor.ask("put", a=1)
        ref = visitor.ask("read").value["ref"]
        with connected(visitor) as socket:
            socket.say("put", a=2)
            visitor.ask("end")
        site.wait_for(lambda: site.told(events.ChangesDropped, ref))
        assert site.do(site.sessions.find(ref=ref)) == []

    def test_a_socket_can_end_the_session(self, visitor: Visitor, site: Site) -> None:
        visitor.ask("count")
        with connected(visitor) as socket:
            socket.say("end")
        site.wait_for(lambda: visitor.ask("read").value["new"])

    def test_an_end_elsewhere_closes_the_socket(self, served: Serve) -> None:
        site = served(sockets=QUICK)
        visitor = site.visitor()
        visitor.ask("count")
        with connected(visitor) as socket:
            ref = socket.say("read")["ref"]
            site.do(site.sessions.end(ref))
            assert socket.wait_for_the_end() == 4401
        site.rest()
        assert site.do(site.sessions.find(ref=ref)) == []

    def test_an_end_in_a_request_closes_all_sockets_of_the_session(self, served: Serve) -> None:
        visitor, other = (served(sockets=QUICK).visitor() for _ in range(2))
        visitor.ask("count")
        other.ask("count")
        with connected(visitor) as one, connected(visitor) as two, connected(other) as third:
            assert [socket.say("count") for socket in (one, two, third)] == [2, 2, 2]
            visitor.ask("end")
            assert [one.wait_for_the_end(), two.wait_for_the_end()] == [4401, 4401]
            assert third.say("count") == 3

    def test_an_end_over_a_socket_closes_all_sockets_of_the_session(self, served: Serve) -> None:
        visitor = served(sockets=QUICK).visitor()
        visitor.ask("count")
        with connected(visitor) as one, connected(visitor) as two:
            assert [socket.say("count") for socket in (one, two)] == [2, 2]
            one.tell("end")
            assert two.wait_for_the_end() == 4401
        assert visitor.ask("read").value["new"]

    def test_a_sign_out_elsewhere_closes_the_socket(self, served: Serve) -> None:
        visitor = served(sockets=QUICK).visitor()
        visitor.ask("log_in", user="alice")
        with connected(visitor) as socket:
            assert socket.say("read")["principal"] == "alice"
            visitor.ask("log_out")
            assert socket.wait_for_the_end() == 4401

    def test_what_is_said_over_a_socket_is_a_use_while_it_is_open(self, served: Serve) -> None:
        site = served(sockets=QUICK)
        visitor = site.visitor()
        visitor.ask("count")
        with connected(visitor) as socket:
            ref = socket.say("read")["ref"]
            for _ in range(3):
                site.clock.advance(minutes=20)
                socket.say("read")
                site.wait_for(partial(_is_used, site, ref, site.clock.now))
            assert visitor.ask("get", name="n").value == 1

    def test_nobody_signs_in_over_a_socket(self, visitor: Visitor, site: Site) -> None:
        visitor.ask("count")
        with connected(visitor) as socket:
            socket.tell("log_in", user="alice")
            socket.wait_for_the_end()
        site.rest()
        assert visitor.ask("read").value["principal"] is None

    def test_a_socket_creates_no_session(self, visitor: Visitor) -> None:
        with connected(visitor) as socket:
            assert visitor.jar == {}
            socket.tell("count")
            socket.wait_for_the_end()
        assert visitor.ask("read").value["new"]

    def test_a_socket_that_was_open_for_long_used_the_session(self, visitor: Visitor, site: Site) -> None:
        visitor.ask("count")
        with connected(visitor) as socket:
            socket.say("read")
            site.clock.advance(minutes=20)
        site.rest()
        site.do(site.sessions.flush())
        site.clock.advance(minutes=20)
        assert visitor.ask("count").value == 2


def _is_used(site: Site, ref: str, at: float) -> bool:
    """Whether that is stored as the time of its last use."""
    site.do(site.sessions.flush())
    [record] = site.do(site.sessions.find(ref=ref))
    return record.accessed_at == at
