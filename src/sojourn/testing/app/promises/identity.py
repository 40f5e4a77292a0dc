"""Identity: whose session it is."""

from __future__ import annotations

from sojourn.testing.app.client import Visitor
from sojourn.testing.app.ground import Ground, Site

__all__ = ["IdentityPromises"]


class IdentityPromises(Ground):
    """The promises about ids, sign-ins and who gets to see what."""

    def test_a_visitor_who_leaves_nothing_gets_no_cookie(self, visitor: Visitor) -> None:
        for deed in ("nothing", "read"):
            assert visitor.ask(deed).cookies == {}

    def test_a_session_that_is_created_gives_the_visitor_its_id_and_its_version(
        self, visitor: Visitor, site: Site
    ) -> None:
        cookie = site.sessions.cookie
        cookies = visitor.ask("count").cookies
        assert (list(cookies), cookies[cookie.version_name]) == ([cookie.name, cookie.version_name], "1")
        assert len(cookies[cookie.name]) == 43

    def test_visitors_are_strangers_to_each_other(self, site: Site) -> None:
        one, another = site.visitor(), site.visitor()
        one.ask("put", a=1)
        another.ask("put", a=2)
        assert [each.ask("get", name="a").value for each in (one, another)] == ["1", "2"]

    def test_a_sign_in_gives_a_new_id_and_ends_the_old_one_at_once(self, visitor: Visitor) -> None:
        visitor.ask("put", a=1)
        before = visitor.twin()
        visitor.ask("log_in", user="alice")
        seen = visitor.ask("read").value
        assert (seen["data"], seen["principal"]) == ({"a": "1"}, "alice")
        seen = before.ask("read").value
        assert (seen["data"], seen["principal"]) == ({}, None)
