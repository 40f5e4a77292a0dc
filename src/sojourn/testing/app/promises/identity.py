"""Identity: whose session it is, and what a sign-in makes of it."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import pytest

from sojourn import Limit
from sojourn.core import events
from sojourn.testing.app.client import Visitor, over
from sojourn.testing.app.gates import underway
from sojourn.testing.app.ground import Ground, Serve, Site
from sojourn.testing.app.socket import connected

__all__ = ["IdentityPromises"]


class IdentityPromises(Ground):
    """The promises about visitors and those who sign in."""

    def test_visitors_are_strangers_to_each_other(self, site: Site) -> None:
        one, another = site.visitor(), site.visitor()
        one.ask("put", a=1)
        another.ask("put", a=2)
        assert [each.ask("get", name="a").value for each in (one, another)] == ["1", "2"]

    def test_visitors_behind_one_connection_are_strangers(self, site: Site) -> None:
        with over(site.url) as connection:
            visitors = [site.visitor() for _ in range(3)]
            for number, visitor in enumerate(visitors):
                visitor.send(f"/log_in?user=u{number}", connection=connection)
            nobody = site.visitor().send("/read", connection=connection)
            assert (nobody.value["principal"], nobody.value["new"], nobody.cookies) == (None, True, {})
            for number, visitor in reversed([*enumerate(visitors)]):
                assert visitor.send("/read", connection=connection).value["principal"] == f"u{number}"

    def test_visitors_are_never_mixed_however_many_come_at_once(self, site: Site) -> None:
        def come(number: int) -> list[object]:
            visitor = site.visitor()
            visitor.ask("put", me=number)
            visitor.ask("log_in", user=f"u{number}")
            seen = [visitor.ask("read").value for _ in range(3)]
            return [(each["data"], each["principal"]) for each in seen]

        with ThreadPoolExecutor(8) as threads:
            came = list(threads.map(come, range(16)))
        assert came == [[({"me": str(number)}, f"u{number}")] * 3 for number in range(16)]

    def test_a_sign_in_gives_a_new_id_and_ends_the_old_one_at_once(self, visitor: Visitor, site: Site) -> None:
        visitor.ask("put", a=1)
        before = visitor.twin()
        ref = visitor.ask("log_in", user="alice").value
        name = site.sessions.cookie.name
        assert visitor.jar[name] != before.jar[name]
        seen = visitor.ask("read").value
        assert (seen["data"], seen["principal"], seen["ref"]) == ({"a": "1"}, "alice", ref)
        seen = before.ask("read").value
        assert (seen["data"], seen["principal"]) == ({}, None)
        assert [event.principal for event in site.told(events.IdRenewed, ref)] == ["alice"]

    def test_the_id_before_a_sign_in_sets_and_creates_nothing(self, visitor: Visitor) -> None:
        visitor.ask("put", a=1)
        before = visitor.twin()
        visitor.ask("log_in", user="alice")
        assert before.ask("count").cookies == {}
        assert visitor.ask("read").value["data"] == {"a": "1"}

    def test_who_signs_in_without_a_session_gets_one(self, visitor: Visitor) -> None:
        ref = visitor.ask("log_in", user="alice").value
        seen = visitor.ask("read").value
        assert (seen["principal"], seen["ref"], seen["data"]) == ("alice", ref, {})

    def test_who_signs_in_again_keeps_everything_under_a_new_id(self, visitor: Visitor) -> None:
        visitor.ask("log_in", user="alice")
        visitor.ask("put", a=1)
        before = dict(visitor.jar)
        visitor.ask("log_in", user="alice")
        assert visitor.ask("read").value["data"] == {"a": "1"}
        assert set(visitor.jar.values()).isdisjoint(value for value in before.values() if len(value) > 9)

    def test_nothing_of_one_principal_is_left_to_the_next(self, visitor: Visitor) -> None:
        visitor.ask("log_in", user="alice")
        visitor.ask("put", address="12 High Street")
        visitor.ask("log_in", user="bob")
        seen = visitor.ask("read").value
        assert (seen["data"], seen["principal"]) == ({}, "bob")

    def test_who_signs_out_leaves_nothing_behind(self, visitor: Visitor) -> None:
        visitor.ask("log_in", user="alice")
        visitor.ask("put", a=1)
        before = visitor.twin()
        visitor.ask("log_out")
        for each in (visitor, before):
            seen = each.ask("read").value
            assert (seen["data"], seen["principal"]) == ({}, None)

    def test_a_renewal_gives_a_new_id_to_the_same_session(self, visitor: Visitor, site: Site) -> None:
        visitor.ask("put", a=1)
        ref, before = visitor.ask("read").value["ref"], visitor.twin()
        answer = visitor.ask("renew")
        assert list(answer.cookies) == [site.sessions.cookie.name, site.sessions.cookie.version_name]
        seen = visitor.ask("read").value
        assert (seen["data"], seen["ref"]) == ({"a": "1"}, ref)
        assert before.ask("read").value["data"] == {}

    def test_a_sign_in_stands_though_the_answer_says_that_it_failed(self, visitor: Visitor) -> None:
        visitor.ask("put", a=1)
        assert visitor.ask("log_in", user="alice", status=500).status == 500
        seen = visitor.ask("read").value
        assert (seen["data"], seen["principal"]) == ({"a": "1"}, "alice")

    @pytest.fixture
    def telling(self, served: Serve) -> Site:
        """An application that has an attribute of its own for who is signed in."""
        return served(principal="user_id", limit=Limit(per_principal=2))

    def test_an_attribute_that_tells_who_is_signed_in_is_followed_with_a_new_id(self, telling: Site) -> None:
        visitor = telling.visitor()
        visitor.ask("put", a=1)
        before = visitor.twin()
        visitor.ask("put", user_id=7)
        seen = visitor.ask("read").value
        assert (seen["data"], seen["principal"]) == ({"a": "1", "user_id": "7"}, "7")
        name = telling.sessions.cookie.name
        assert visitor.jar[name] != before.jar[name]
        assert before.ask("read").value["data"] == {}
        assert [event.principal for event in telling.told(events.IdRenewed, seen["ref"])] == ["7"]

    def test_what_comes_late_cannot_write_to_who_has_signed_in_by_an_attribute(self, telling: Site) -> None:
        visitor = telling.visitor()
        visitor.ask("put", a=1)
        with underway(visitor.twin(), "put", user_id=8) as late:
            visitor.ask("put", user_id=9)
        assert late.result().cookies == {}
        assert visitor.ask("read").value["data"] == {"a": "1", "user_id": "9"}

    def test_an_attribute_that_says_the_same_again_is_no_sign_in(self, telling: Site) -> None:
        visitor = telling.visitor()
        visitor.ask("put", user_id=10)
        before = visitor.jar[telling.sessions.cookie.name]
        visitor.ask("put", user_id=10, a=1)
        assert visitor.jar[telling.sessions.cookie.name] == before

    def test_nothing_is_left_to_whom_an_attribute_tells_next(self, telling: Site) -> None:
        visitor = telling.visitor()
        visitor.ask("put", user_id=11, address="12 High Street")
        visitor.ask("put", user_id=12, greeting="hello")
        seen = visitor.ask("read").value
        assert (seen["data"], seen["principal"]) == ({"user_id": "12", "greeting": "hello"}, "12")

    @pytest.mark.parametrize(("deed", "given"), [("delete", {"name": "user_id"}), ("clear", {}), ("end", {})])
    def test_who_takes_the_attribute_out_is_signed_out(self, telling: Site, deed: str, given: dict[str, str]) -> None:
        visitor = telling.visitor()
        visitor.ask("put", user_id=13, a=1)
        before = visitor.twin()
        visitor.ask(deed, **given)
        for each in (visitor, before):
            seen = each.ask("read").value
            assert (seen["data"], seen["principal"]) == ({}, None)
        assert telling.do(telling.sessions.find(principal="13")) == []

    def test_who_signs_in_by_an_attribute_is_limited(self, telling: Site) -> None:
        visitors = [telling.visitor() for _ in range(3)]
        answers = [visitor.ask("put", user_id=14).status for visitor in visitors]
        assert answers == [200, 200, 429]
        assert len(telling.do(telling.sessions.find(principal="14"))) == 2

    def test_a_failed_answer_signs_nobody_in_by_an_attribute(self, telling: Site) -> None:
        visitor = telling.visitor()
        visitor.ask("put", a=1)
        assert visitor.ask("put", user_id=15, status=500).status == 500
        seen = visitor.ask("read").value
        assert (seen["data"], seen["principal"]) == ({"a": "1"}, None)

    def test_nobody_signs_in_by_an_attribute_over_a_socket(self, telling: Site) -> None:
        visitor = telling.visitor()
        visitor.ask("put", a=1)
        with connected(visitor) as socket:
            socket.say("put", user_id=16)
        telling.rest()
        seen = visitor.ask("read").value
        assert (seen["data"], seen["principal"]) == ({"a": "1"}, None)

    def test_who_signs_out_by_an_attribute_over_a_socket_has_no_session(self, telling: Site) -> None:
        visitor = telling.visitor()
        visitor.ask("put", user_id=17, a=1)
        with connected(visitor) as socket:
            socket.say("delete", name="user_id")
        telling.rest()
        assert visitor.ask("read").value["new"]
        assert telling.do(telling.sessions.find(principal="17")) == []
