"""Owners: a principal's session is refused to requests that are somebody else's, cell by cell."""

from __future__ import annotations

import pytest

from sojourn.core import cookies
from sojourn.core.events import StrangerRefused
from sojourn.inbound.tracking.request import Request
from sojourn.testing.app.client import Visitor
from sojourn.testing.app.ground import Ground, Serve, Site

__all__ = ["OwnerPromises"]


def whose(request: Request) -> str | None:
    """A cookie tells whose a request is: what a proxy's header would, for a client that sends cookies alone."""
    return next((value.decode() for value in cookies.values(request.cookies, b"who")), None)


class OwnerPromises(Ground):
    """The promises of `Sessions(identity=…)`."""

    @pytest.fixture
    def guarded(self, served: Serve) -> Site:
        """An application that knows whose a request is."""
        return served(identity=whose)

    def come(self, site: Site, who: str | None, before: Visitor | None = None) -> Visitor:
        """A visitor of whom that is known; with the cookies of one `before`."""
        visitor = site.visitor() if before is None else before.twin()
        visitor.jar.pop("who", None)
        if who is not None:
            visitor.jar["who"] = who
        return visitor

    @pytest.mark.parametrize("who", [None, "alice"])
    def test_a_new_session_is_that_of_whose_request_it_is(self, guarded: Site, who: str | None) -> None:
        visitor = self.come(guarded, who)
        visitor.ask("put", a=1)
        seen = visitor.ask("read").value
        assert (seen["principal"], seen["data"]) == (who, {"a": "1"})

    def test_whose_request_it_is_alone_makes_no_session(self, guarded: Site) -> None:
        visitor = self.come(guarded, "alice")
        visitor.ask("read")
        assert visitor.jar == {"who": "alice"}

    def test_a_session_of_nobody_serves_nobody(self, guarded: Site) -> None:
        visitor = self.come(guarded, None)
        visitor.ask("put", a=1)
        assert visitor.ask("get", name="a").value == "1"

    def test_a_session_of_nobody_becomes_that_of_who_asks_with_a_new_id(self, guarded: Site) -> None:
        nobody = self.come(guarded, None)
        nobody.ask("put", a=1)
        alice = self.come(guarded, "alice", nobody)
        seen = alice.ask("read").value
        assert (seen["principal"], seen["data"]) == ("alice", {"a": "1"})
        name = guarded.sessions.cookie.name
        assert alice.jar[name] != nobody.jar[name]
        assert nobody.ask("read").value["data"] == {}

    def test_the_owner_goes_on(self, guarded: Site) -> None:
        alice = self.come(guarded, "alice")
        alice.ask("put", a=1)
        assert self.come(guarded, "alice", alice).ask("get", name="a").value == "1"

    @pytest.mark.parametrize("who", [None, "bob"])
    @pytest.mark.parametrize("deed", ["read", "count", "end", "renew", "log_out"])
    def test_whoever_is_not_the_owner_is_refused(self, guarded: Site, who: str | None, deed: str) -> None:
        alice = self.come(guarded, "alice")
        alice.ask("put", a=1)
        ref = alice.ask("read").value["ref"]
        answer = self.come(guarded, who, alice).ask(deed)
        assert (answer.status, answer.cookies) == (403, {})
        seen = alice.ask("read").value
        assert (seen["data"], seen["principal"], seen["ref"]) == ({"a": "1"}, "alice", ref)
        assert guarded.told(StrangerRefused, ref)

    def test_a_page_that_does_not_look_at_it_serves_strangers(self, guarded: Site) -> None:
        alice = self.come(guarded, "alice")
        alice.ask("put", a=1)
        assert self.come(guarded, "bob", alice).ask("nothing").status == 200

    def test_where_strangers_end_it_both_begin_anew(self, served: Serve) -> None:
        site = served(identity=whose, strangers="end")
        alice = self.come(site, "alice")
        alice.ask("put", a=1)
        bob = self.come(site, "bob", alice)
        assert bob.ask("read").value["data"] == {}
        assert alice.ask("read").value["data"] == {}
