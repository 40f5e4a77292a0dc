"""By what a login form tells that nobody is signed in."""

from __future__ import annotations

from typing import Any

import pytest
from tests.outbound.feeding import PAGE, SITE, Answer, feed, page, redirect

from sojourn.outbound.auth import Form
from sojourn.outbound.messages import Response

FORM = "<form method=post action='{}'><input name=username><input type=password name=password></form>"
HOME = page("<h1>Home</h1>")


def form(where: str = "/login", **options: Any) -> Form:
    return Form(where, {"username": "alice", "password": "s3cret"}, identity="alice", **options)


def signed_in(auth: Form, *answers: Answer) -> Form:
    feed(auth.sign_in(SITE, 0), *answers)
    return auth


def refuses(auth: Form, answer: Answer, at: str = "orders") -> bool:
    response = answer.to(SITE + at)
    return auth.refuses(response)


def at_login() -> Form:
    """Django: whoever is not signed in is sent to /login."""
    return signed_in(form("/orders"), redirect("/login?next=/orders"), page(FORM.format("")), redirect("/orders"), HOME)


def in_place() -> Form:
    """Tomcat: whoever is not signed in gets the form in the place of the page."""
    return signed_in(
        form("/app/"), page(FORM.format("j_security_check;jsessionid=A")), redirect("/app/"), redirect("home"), HOME
    )


def test_a_401_does_and_a_403_does_not() -> None:
    for auth in (form(), at_login(), in_place()):
        assert refuses(auth, Answer(401))
        assert not refuses(auth, Answer(403))


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_a_redirect_to_the_login_page_does(status: int) -> None:
    assert refuses(at_login(), redirect("/login?next=/orders", status))
    assert refuses(at_login(), redirect("https://shop.example/login;jsessionid=A", status))


@pytest.mark.parametrize(
    "to", ["/", "/login/help", "/orders", "https://evil.example/login", "//evil.example/login", ""]
)
def test_a_redirect_to_another_page_does_not(to: str) -> None:
    assert not refuses(at_login(), redirect(to))
    assert not refuses(at_login(), Answer(200, (("Location", "/login"),)))


def test_a_redirect_to_a_protected_page_does_not_though_the_form_was_found_there() -> None:
    """It is what follows each change: taken for a refusal, the change would be made twice."""
    assert not refuses(in_place(), redirect("/app/"))


def test_before_anybody_has_signed_in_here_a_redirect_tells_where_the_page_is_named() -> None:
    assert not refuses(form(), redirect("/login"))
    assert refuses(form(login_page="/login"), redirect("/login?next=/"))
    assert not refuses(form(login_page="/login"), redirect("/"))


def test_a_back_end_may_have_two_login_pages() -> None:
    found = (redirect("/login"), page(FORM.format("")), redirect("/orders"), HOME)
    auth = signed_in(form("/orders", login_page="/admin/login/?next=/"), *found)
    assert refuses(auth, redirect("/login?next=/orders"))
    assert refuses(auth, redirect("/admin/login/?next=/admin/"))
    assert not refuses(auth, redirect("/admin/"))


def test_the_form_in_the_place_of_a_page_does() -> None:
    assert refuses(in_place(), page(FORM.format("j_security_check;jsessionid=B")), at="app/deep/down")
    assert refuses(in_place(), page(FORM.format("/app/j_security_check"), status=403))
    assert refuses(at_login(), page(FORM.format("/login")))
    assert refuses(in_place(), page(FORM.format("j_security_check")), at="app/")
    assert refuses(form(), page(FORM.format("anything")))


def test_on_the_login_page_itself_it_does_not() -> None:
    assert not refuses(at_login(), page(FORM.format("")), at="login?next=/")
    assert not refuses(form(login_page="/in"), page(FORM.format("")), at="in")


def test_a_form_without_action_does_where_it_comes_in_the_place_of_others() -> None:
    everywhere = signed_in(form("/app/"), page(FORM.format("")), HOME)
    assert refuses(everywhere, page(FORM.format("")), at="app/deep")


@pytest.mark.parametrize(
    "html",
    [
        "<h1>Your password expires soon</h1>",
        "<form method=post action=''><input type=password name=password></form>",
        FORM.format("/users"),
        FORM.format(""),  # of the page itself: to add a user, say
    ],
)
def test_a_form_of_the_application_that_asks_for_a_password_does_not(html: str) -> None:
    assert not refuses(at_login(), page(html), at="users/new")


def test_what_is_no_page_or_was_not_read_does_not() -> None:
    json = Answer(200, (("Content-Type", "application/json"),), FORM.format("/login").encode())
    assert not refuses(at_login(), json)
    assert not at_login().refuses(Response(200, SITE, lambda name: [PAGE[1]] if name == "content-type" else []))


def test_only_pages_are_read_and_only_short_ones() -> None:
    def reads(*headers: tuple[str, str], status: int = 200) -> bool:
        return form().reads(Answer(status, headers).to(SITE))

    assert reads(PAGE)
    assert reads(PAGE, ("Content-Length", "4000"), status=403)
    assert not reads(PAGE, ("Content-Length", "1000000"))
    assert not reads(PAGE, ("Content-Length", "9" * 5000))
    assert not reads(PAGE, status=302)
    assert not reads(("Content-Type", "application/json"))
    assert not reads()


def test_one_session_after_another_it_knows_the_same() -> None:
    auth = at_login()
    for _ in range(3):
        signed_in(auth, redirect("/login?next=/orders"), page(FORM.format("")), redirect("/orders"), HOME)
        assert refuses(auth, redirect("/login?next=/x"))
