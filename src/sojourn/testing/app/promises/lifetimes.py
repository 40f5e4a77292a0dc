"""Lifetimes: when a session begins, what counts as a use, and when it ends by itself."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

from sojourn import Lifetime
from sojourn.core import events
from sojourn.testing.app.client import Visitor
from sojourn.testing.app.ground import Ground, Serve, Site

__all__ = ["LifetimePromises"]


class LifetimePromises(Ground):
    """The promises about times."""

    def test_a_session_is_new_until_the_visitor_comes_back_with_it(self, visitor: Visitor) -> None:
        assert visitor.ask("read").value["new"]
        visitor.ask("count")
        assert not visitor.ask("read").value["new"]

    def test_its_times_are_those_of_its_creation_and_of_the_request_before(self, visitor: Visitor, site: Site) -> None:
        begun = site.clock.now
        visitor.ask("count")
        for _ in range(2):
            before = site.clock.now
            site.clock.advance(minutes=5)
            seen = visitor.ask("read").value
            assert (seen["created"], seen["accessed"]) == (begun, before)
            site.do(site.sessions.flush())

    def test_a_session_ends_when_it_is_not_used(self, visitor: Visitor, site: Site) -> None:
        visitor.ask("count")
        site.clock.advance(minutes=29)
        assert visitor.ask("get", name="n").value == 1
        site.clock.advance(minutes=32)
        assert visitor.ask("count").value == 1

    def test_an_end_that_nobody_saw_is_told_when_it_is_swept(self, visitor: Visitor, site: Site) -> None:
        visitor.ask("count")
        ref = visitor.ask("read").value["ref"]
        site.clock.advance(minutes=35)
        site.do(site.sessions.sweep())
        [ended] = site.told(events.SessionEnded, ref)
        assert (ended.reason, ended.attributes()) == ("idle", {"n": 1})

    def test_a_use_puts_off_the_end(self, visitor: Visitor, site: Site) -> None:
        visitor.ask("count")
        for _ in range(3):
            site.clock.advance(minutes=20)
            visitor.ask("get", name="n")
            site.do(site.sessions.flush())
        assert visitor.ask("count").value == 2

    def test_a_request_that_does_not_look_at_the_session_is_no_use(self, visitor: Visitor, site: Site) -> None:
        visitor.ask("count")
        _come_after_20_minutes(visitor, site)
        site.clock.advance(minutes=20)
        assert visitor.ask("count").value == 1

    def test_every_request_is_a_use_where_that_is_wanted(self, served: Serve) -> None:
        site = served(touch="always")
        visitor = site.visitor()
        visitor.ask("count")
        _come_after_20_minutes(visitor, site)
        site.clock.advance(minutes=20)
        assert visitor.ask("count").value == 2

    def test_a_preflight_is_no_use(self, visitor: Visitor, site: Site) -> None:
        visitor.ask("count")
        _come_after_20_minutes(visitor, site, "read", method="OPTIONS")
        site.clock.advance(minutes=20)
        assert visitor.ask("count").value == 1

    def test_who_is_asked_to_sign_in_did_not_use_it(self, visitor: Visitor, site: Site) -> None:
        visitor.ask("count")
        _come_after_20_minutes(visitor, site, "read", status=401)
        site.clock.advance(minutes=20)
        assert visitor.ask("count").value == 1

    def test_no_use_puts_off_the_absolute_end(self, served: Serve) -> None:
        site = served(lifetime=Lifetime(absolute=3600))
        visitor = site.visitor()
        for number in range(1, 5):
            assert visitor.ask("count").value == number
            site.clock.advance(minutes=15)
        assert visitor.ask("count").value == 1

    def test_an_id_that_had_its_time_is_replaced(self, served: Serve) -> None:
        site = served(lifetime=Lifetime(renew=600))
        visitor, name = site.visitor(), site.sessions.cookie.name
        visitor.ask("put", a=1)
        old = visitor.jar[name]
        site.clock.advance(minutes=9)
        assert visitor.ask("read").cookies == {}
        site.clock.advance(minutes=1)
        assert visitor.ask("read").value["data"] == {"a": "1"}
        assert visitor.jar[name] != old
        assert visitor.ask("read").value["data"] == {"a": "1"}

    def test_requests_at_the_moment_of_a_renewal_all_get_one_new_id(self, served: Serve) -> None:
        site = served(lifetime=Lifetime(renew=600))
        visitor, name = site.visitor(), site.sessions.cookie.name
        visitor.ask("put", a=1)
        site.clock.advance(minutes=10)
        tabs = [visitor.twin() for _ in range(8)]
        with ThreadPoolExecutor(len(tabs)) as threads:
            seen = list(threads.map(lambda tab: tab.ask("read").value["data"], tabs))
        assert seen == [{"a": "1"}] * len(tabs)
        assert len({tab.jar[name] for tab in tabs} - {visitor.jar[name]}) == 1


def _come_after_20_minutes(visitor: Visitor, site: Site, deed: str = "nothing", **given: object) -> None:
    site.clock.advance(minutes=20)
    visitor.ask(deed, **given)  # type: ignore[arg-type]  # `method` is a str
    site.do(site.sessions.flush())
