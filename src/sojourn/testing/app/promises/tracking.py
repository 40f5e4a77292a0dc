"""Tracking: what visitors are told, and what they may come with: cookies, and a header or URLs where that is wanted."""

from __future__ import annotations

from sojourn import Cookie
from sojourn.core import events
from sojourn.testing.app.client import Visitor
from sojourn.testing.app.ground import Ground, Serve, Site

__all__ = ["TrackingPromises"]

STRANGER = "A" * 43
HEADER = "x-session-id"


class TrackingPromises(Ground):
    """The promises about cookies, and about other ways where they are wanted."""

    def test_a_visitor_who_leaves_nothing_gets_no_cookie(self, visitor: Visitor) -> None:
        for deed in ("nothing", "read", "end"):
            assert visitor.ask(deed).cookies == {}

    def test_a_new_session_gives_the_visitor_its_id_and_its_version(self, visitor: Visitor, site: Site) -> None:
        cookie = site.sessions.cookie
        cookies = visitor.ask("count").cookies
        assert (list(cookies), cookies[cookie.version_name]) == ([cookie.name, cookie.version_name], "1")
        assert len(cookies[cookie.name]) == 43

    def test_a_change_tells_the_version_alone(self, visitor: Visitor, site: Site) -> None:
        visitor.ask("count")
        assert visitor.ask("count").cookies == {site.sessions.cookie.version_name: "2"}

    def test_cookies_are_guarded_unless_they_are_told_otherwise(self, visitor: Visitor) -> None:
        secret, version = visitor.ask("count").all("set-cookie")
        assert secret.partition("; ")[2] == "Path=/; Secure; HttpOnly; SameSite=Lax"
        assert version == "__Host-id-v=1; Path=/; Secure; HttpOnly; SameSite=Lax"

    def test_cookies_have_the_attributes_that_are_set(self, served: Serve) -> None:
        cookie = Cookie(name="sid", http_only=False, same_site="None", domain="shop.example", max_age=60)
        visitor = served(cookie=cookie).visitor()
        lines = visitor.ask("count").all("set-cookie")
        attributes = "Path=/; Domain=shop.example; Secure; SameSite=None"
        assert [line.partition("; ")[2] for line in lines] == [f"Max-Age=60; {attributes}"] * 2
        cleared = f"; Max-Age=0; Expires=Thu, 01 Jan 1970 00:00:00 GMT; {attributes}"
        assert visitor.ask("end").all("set-cookie") == [f"sid={cleared}", f"sid-v={cleared}"]

    def test_an_id_that_was_never_issued_is_not_adopted(self, visitor: Visitor, site: Site) -> None:
        name = site.sessions.cookie.name
        visitor.jar[name] = STRANGER
        visitor.ask("count")
        assert visitor.jar[name] != STRANGER
        planted = Visitor(site.url, {name: STRANGER})
        assert planted.ask("read").value["data"] == {}

    def test_what_cannot_be_an_id_is_none(self, visitor: Visitor, site: Site) -> None:
        for value in ("", "short", "x" * 44, "../" + "x" * 40, "x" * 42 + "*", f'"{STRANGER}"', "x" * 5000):
            answer = visitor.send("/read", cookies=f"{site.sessions.cookie.name}={value}")
            assert (answer.value["new"], answer.cookies) == (True, {})

    def test_other_cookies_are_in_nobodys_way(self, visitor: Visitor, site: Site) -> None:
        visitor.ask("put", a=1)
        mine = "; ".join(f"{name}={value}" for name, value in visitor.jar.items())
        odd = f"foo[bar]=1; b\u00e9d; =x; {site.sessions.cookie.name}x={STRANGER}; sessionid=1; session=1"
        for cookies in (f"{odd}; {mine}", f"{mine}; {odd}", f"{mine};;{odd}"):
            assert visitor.send("/read", cookies=cookies).value["data"] == {"a": "1"}

    def test_of_two_ids_under_a_guarded_name_none_is_used(self, visitor: Visitor, site: Site) -> None:
        visitor.ask("put", a=1)
        name = site.sessions.cookie.name
        mine, refused = visitor.jar[name], len(site.told(events.IdRefused, ""))
        for first, second in ((STRANGER, mine), (mine, STRANGER)):
            answer = visitor.send("/read", cookies=f"{name}={first}; {name}={second}")
            assert (answer.value["data"], answer.cookies) == ({}, {})
        assert len(site.told(events.IdRefused, "")) == refused + 2
        assert visitor.send("/read", cookies=f"{name}={mine}; {name}={mine}").value["data"] == {"a": "1"}

    def test_of_two_ids_under_an_open_name_the_one_that_is_stored_counts(self, served: Serve) -> None:
        visitor = served(cookie=Cookie.development()).visitor()
        visitor.ask("put", a=1)
        mine = visitor.jar["id"]
        for first, second in ((STRANGER, mine), (mine, STRANGER), ("junk", mine)):
            assert visitor.send("/read", cookies=f"id={first}; id={second}").value["data"] == {"a": "1"}

    def test_a_version_that_cannot_be_one_is_replaced(self, visitor: Visitor, site: Site) -> None:
        visitor.ask("put", a=1)
        name = site.sessions.cookie.version_name
        for version in ("", "x", "-1", "9" * 16, f"1; {name}=2"):
            visitor.jar[name] = version
            answer = visitor.ask("read")
            assert (answer.value["data"], answer.cookies) == ({"a": "1"}, {name: "1"})

    def test_a_version_that_is_not_there_is_told_again(self, visitor: Visitor, site: Site) -> None:
        visitor.ask("put", a=1)
        name = site.sessions.cookie.version_name
        del visitor.jar[name]
        answer = visitor.ask("read")
        assert (answer.value["data"], answer.cookies) == ({"a": "1"}, {name: "1"})

    def test_the_route_goes_along_with_the_id_and_is_this_nodes_own(self, served: Serve) -> None:
        site = served(route="n1")
        visitor, name = site.visitor(), site.sessions.cookie.name
        visitor.ask("put", a=1)
        secret, dot, route = visitor.jar[name].partition(".")
        assert (len(secret), dot, route) == (43, ".", "n1")
        visitor.jar[name] = f"{secret}.n2"
        answer = visitor.ask("read")
        assert (answer.value["data"], answer.cookies) == ({"a": "1"}, {name: f"{secret}.n1"})

    def test_by_default_an_id_travels_in_a_cookie_alone(self, site: Site) -> None:
        visitor = site.visitor()
        visitor.ask("put", a=1)
        secret, nobody = visitor.jar[site.sessions.cookie.name], site.visitor()
        assert nobody.send("/read", headers={HEADER: secret}).value["new"]
        assert nobody.send(f"/read?jsessionid={secret}").value["new"]
        assert nobody.send("/read", headers={"Client-Cert": secret, "Authorization": f"Bearer {secret}"}).value["new"]

    def test_an_id_in_a_header_is_told_when_it_is_new_and_found_when_it_comes(self, served: Serve) -> None:
        client = served(tracking=["header"]).visitor()
        answer = client.send("/put?a=1", headers={HEADER: ""})
        [secret] = answer.all(HEADER)
        assert (len(secret), answer.cookies, answer.all("cache-control")) == (43, {}, ["no-store"])
        answer = client.send("/read", headers={HEADER: secret})
        assert (answer.value["data"], answer.all(HEADER), answer.all("vary")) == ({"a": "1"}, [], ["X-Session-Id"])

    def test_a_sign_in_and_an_end_are_told_in_the_header(self, served: Serve) -> None:
        client = served(tracking=["header"]).visitor()
        [first] = client.send("/put?a=1", headers={HEADER: ""}).all(HEADER)
        [second] = client.send("/log_in?user=alice", headers={HEADER: first}).all(HEADER)
        assert client.send("/read", headers={HEADER: first}).value["new"]
        assert client.send("/read", headers={HEADER: second}).value["principal"] == "alice"
        assert client.send("/end", headers={HEADER: second}).all(HEADER) == [""]
        assert client.send("/read", headers={HEADER: second}).value["new"]

    def test_a_visitor_without_cookies_is_followed_by_urls(self, served: Serve) -> None:
        site = served(tracking=["cookie", "url"])
        answer = site.visitor().ask("link", to="/put?a=1")
        url = answer.value
        assert url.startswith("/put;jsessionid=")
        assert answer.all("cache-control") == ["no-store"]
        nobody = site.visitor()
        assert nobody.send(url, keep=False).status == 200
        answer = nobody.send(url.replace("/put", "/read"), keep=False)
        assert answer.value["data"] == {"linked": True, "a": "1"}
        assert answer.all("referrer-policy") in (["no-referrer"], ["strict-origin"])  # neither tells a path
        assert nobody.send("/read").value["new"]

    def test_a_visitor_with_cookies_needs_no_urls(self, served: Serve) -> None:
        visitor = served(tracking=["cookie", "url"]).visitor()
        visitor.ask("count")
        visitor.ask("log_in", user="alice")
        assert visitor.ask("read").value["principal"] == "alice"
        assert visitor.ask("end").status == 200
        assert visitor.ask("count").value == 1
