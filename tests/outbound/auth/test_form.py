"""Signing in with a login form."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qsl

import pytest
from tests.outbound.feeding import SITE, Answer, feed, page, redirect, sent

from sojourn.errors import SettingError, SignInFailed
from sojourn.outbound.auth import Form

if TYPE_CHECKING:
    from collections.abc import Mapping

    from sojourn.outbound.messages import Request

NOW = 1_767_225_600.0
LOGIN = """
<!doctype html><title>Sign in</title>
<form action="/search"><input name=q></form>
<form method="post">
  <input type="hidden" name="csrfmiddlewaretoken" value="a&amp;b">
  <input type="text" name="username" autofocus value="">
  <input type="password" name="password" required>
  <input type="checkbox" name="remember"><input type="checkbox" name="terms" checked>
  <input type="submit" name="go" value="Sign in"><input type="hidden" name="off" value="1" disabled>
</form>
"""
HOME = page("<h1>Home</h1>")


def form(where: str = "/login", *, fields: Mapping[str, str] | None = None, **options: Any) -> Form:
    fields = fields or {"username": "alice", "password": "s3cret"}
    return Form(where, fields, identity="alice", **options)


def tomcat(where: str = "/app/orders") -> Form:
    return form(where, fields={"j_username": "alice", "j_password": "s3cret"})


def signed_in(auth: Form, *answers: Answer, url: str = SITE) -> list[Request]:
    asked: list[Request] = []
    assert feed(auth.sign_in(url, NOW), *answers, asked=asked) == {}
    return asked


def failed(auth: Form, *answers: Answer, url: str = SITE) -> tuple[str, list[Request]]:
    asked: list[Request] = []
    with pytest.raises(SignInFailed) as failure:
        feed(auth.sign_in(url, NOW), *answers, asked=asked)
    message = str(failure.value)
    assert "s3cret" not in message
    assert message.isprintable()
    assert len(message) < 300
    return message, asked


def filled(request: Request) -> dict[str, str]:
    return dict(parse_qsl(request.body.decode(), keep_blank_values=True, strict_parsing=True))


def urls(asked: list[Request]) -> list[str]:
    return [f"{request.method} {request.url}" for request in asked]


# --- how it goes -------------------------------------------------------------------------------------------------


def test_the_form_is_sent_as_a_browser_sends_it() -> None:
    asked = signed_in(form("/login?next=/"), page(LOGIN), redirect("/"), HOME)
    assert urls(asked) == [
        "GET https://shop.example/login?next=/",
        "POST https://shop.example/login?next=/",
        "GET https://shop.example/",
    ]
    assert filled(asked[1]) == {
        "csrfmiddlewaretoken": "a&b",
        "terms": "on",
        "username": "alice",
        "password": "s3cret",
        "go": "Sign in",
    }
    assert sent(asked[1])["content-type"] == "application/x-www-form-urlencoded"
    assert sent(asked[1])["referer"] == "https://shop.example/login?next=/"  # Django asks for it over https


def test_a_protected_page_leads_to_the_form() -> None:
    asked = signed_in(
        form("/orders"), redirect("/accounts/login/?next=/orders"), page(LOGIN), redirect("/orders"), HOME
    )
    assert urls(asked)[2] == "POST https://shop.example/accounts/login/?next=/orders"


def test_tomcat_shows_its_form_in_the_place_of_a_protected_page() -> None:
    login = page(
        '<form method="POST" action="j_security_check;jsessionid=A1?x=1">'
        '<input name="j_username"><input name="j_password" type="PASSWORD"></form>'
    )
    asked = signed_in(tomcat(), login, redirect("https://shop.example/app/orders", 303), HOME)
    assert urls(asked)[1:] == [
        "POST https://shop.example/app/j_security_check;jsessionid=A1?x=1",
        "GET https://shop.example/app/orders",
    ]


def test_a_form_that_says_get_is_sent_so() -> None:
    html = "<form method=get action='/in?a=1'><input name=username><input type=password name=password></form>"
    asked = signed_in(form(), page(html), HOME)
    assert urls(asked)[1] == "GET https://shop.example/in?username=alice&password=s3cret"
    assert repr(asked[1]) == "Request(GET https://shop.example/in)"


def test_it_is_sent_once_more_where_the_answer_asks_for_that() -> None:
    asked = signed_in(form(), page(LOGIN), redirect("/login/", 307), redirect("/", 303), HOME)
    assert urls(asked)[1:] == [
        "POST https://shop.example/login",
        "POST https://shop.example/login/",
        "GET https://shop.example/",
    ]
    assert filled(asked[2])["password"] == "s3cret"
    assert not asked[3].body


def test_an_answer_that_is_no_page_will_do() -> None:
    signed_in(form(), page(LOGIN), Answer(204))
    signed_in(form(), page(LOGIN), Answer(200, (("Content-Type", "application/json"),), b'{"password": ""}'))


def test_a_home_page_that_one_may_not_see_does_not_undo_it() -> None:
    signed_in(form(), page(LOGIN), redirect("/"), Answer(403))


def test_of_several_forms_the_one_with_the_fields_counts() -> None:
    register = "<form action=/register><input name=email><input type=password name=new></form>"
    short = "<form action=/pin><input type=password name=password></form>"
    asked = signed_in(form(), page(register + short + LOGIN), HOME)
    assert urls(asked)[1] == "POST https://shop.example/login"


def test_a_field_that_the_form_lacks_is_sent_all_the_same() -> None:
    asked = signed_in(form(fields={"username": "a", "password": "s3cret", "tenant": "ä"}), page(LOGIN), HOME)
    assert filled(asked[1])["tenant"] == "ä"


def test_a_page_in_an_older_encoding_is_answered_in_it() -> None:
    html = "<form method=post><input type=hidden name=h value=ü><input type=password name=password></form>"
    answer = Answer(200, (("Content-Type", "text/html; charset=ISO-8859-1"),), html.encode("latin-1"))
    asked = signed_in(form(), answer, HOME)
    assert asked[1].body.startswith(b"h=%FC&")


@pytest.mark.parametrize(
    ("kind", "head", "attribute", "encoded"),
    [
        ("text/html", "<meta charset=iso-8859-1>", "", b"%FC"),
        ("text/html", "<META http-equiv=Content-Type content='text/html; charset=windows-1252'>", "", b"%FC"),
        ("text/html; charset=utf-8", "<meta charset=iso-8859-1>", "", b"%C3%BC"),  # what the server says comes first
        ("text/html", "<meta charset=utf-8><meta charset=iso-8859-1>", "", b"%C3%BC"),
        ("text/html", "<!--<meta charset=latin1>--><meta name=a content='charset=latin1'>", "", b"%C3%BC"),
        ("text/html; charset=latin1", "", "accept-charset='x-unknown UTF-8 latin1'", b"%C3%BC"),
        ("text/html; charset=utf-8", "", "accept-charset=ISO-8859-1", b"%FC"),
        ("text/html", "", "accept-charset=zip", b"%C3%BC"),
    ],
)
def test_the_encoding_is_what_a_browser_would_take(kind: str, head: str, attribute: str, encoded: bytes) -> None:
    html = f"{head}<form method=post {attribute}><input type=password name=password></form>"
    auth = form(fields={"password": "ü"})
    asked = signed_in(auth, Answer(200, (("Content-Type", kind),), html.encode()), HOME)
    assert asked[1].body == b"password=" + encoded


def test_what_is_chosen_already_is_sent_and_the_button_that_the_enter_key_presses() -> None:
    html = (
        "<form method=post><input name=username><input type=password name=password>"
        "<select name=domain><option value=a>A<option value=b selected>B</select><select name=lang><option>de</select>"
        "<button name=_eventId_proceed>Sign in</button><button name=cancel>Cancel</button></form>"
    )
    given = {"username": "alice", "password": "s3cret"}
    asked = signed_in(form(), page(html), HOME)
    assert filled(asked[1]) == {"domain": "b", "lang": "de", "_eventId_proceed": "", **given}
    asked = signed_in(form(fields={**given, "domain": "a"}), page(html), HOME)
    assert filled(asked[1])["domain"] == "a"


def test_fields_of_one_name_are_all_sent_and_what_was_given_once() -> None:
    html = (
        "<form method=post><input type=hidden name=h value=1><input type=hidden name=h value=2>"
        "<input type=hidden name=username value=''><input name=username><input type=password name=password></form>"
    )
    asked = signed_in(form(), page(html), HOME)
    assert asked[1].body == b"h=1&h=2&username=alice&password=s3cret"


def test_a_form_that_does_not_say_how_is_not_sent_in_the_address() -> None:
    html = "<form action=/in><input name=username><input type=password name=password></form>"
    assert urls(signed_in(form(), page(html), HOME))[1] == "POST https://shop.example/in"


# --- how it fails ------------------------------------------------------------------------------------------------


def test_the_form_again_means_that_it_was_filled_in_wrongly() -> None:
    assert "check user, password and page" in failed(form(), page(LOGIN), page(LOGIN))[0]
    failed(form("/orders"), redirect("/login"), page(LOGIN), redirect("/login"), page(LOGIN))


def test_so_does_the_error_page_of_tomcat_with_the_form_on_it_or_without() -> None:
    login = page("<form action=j_security_check><input name=j_username><input name=j_password type=password></form>")
    failed(tomcat(), login, login)
    assert "error page" in failed(tomcat(), login, page("<h1>Wrong</h1>"))[0]
    signed_in(tomcat(), login, redirect("https://portal.example/"))


@pytest.mark.parametrize("status", [400, 401, 403, 500, 503])
def test_so_does_an_error_as_the_answer_to_the_form(status: int) -> None:
    assert f"answered with {status}" in failed(form(), page(LOGIN), Answer(status))[0]


@pytest.mark.parametrize("status", [400, 403, 422, 503])
def test_and_as_the_answer_to_a_form_that_stands_in_the_address_or_was_sent_on(status: int) -> None:
    get = page("<form method=get action=/in><input name=username><input type=password name=password></form>")
    assert f"answered with {status}" in failed(form(), get, Answer(status))[0]
    assert f"answered with {status}" in failed(form(), page(LOGIN), redirect("/login/", 307), Answer(status))[0]
    signed_in(form(), get, redirect("/home"), Answer(status))


@pytest.mark.parametrize("status", [408, 419])
def test_a_form_that_was_out_of_date_when_it_came_is_fetched_and_sent_once_more(status: int) -> None:
    """Tomcat and Laravel say so when the session is gone that the form came with."""
    asked = signed_in(form(), page(LOGIN), Answer(status), page(LOGIN), redirect("/home"), HOME)
    assert [request.method for request in asked] == ["GET", "POST", "GET", "POST", "GET"]
    message, _ = failed(form(), page(LOGIN), Answer(status), page(LOGIN), Answer(status))
    assert f"answered with {status}" in message


@pytest.mark.parametrize(
    "answer",
    [
        Answer(404),
        Answer(200),
        Answer(200, (("Content-Type", "text/plain"),), LOGIN.encode()),
        page("<h1>Welcome</h1>"),
        page("<form><input name=username><input name=password></form>"),
        page("<input type=password name=password>"),
        page(f"<!-- {LOGIN} -->"),
        page(f"<script>'{LOGIN}'</script>"),
        page("<"),
        page("<![CDATA[" + LOGIN),
        page("<![x["),
        Answer(200, (("Content-Type", "text/html; charset=zip"),), b"\xff\xfe\x00"),
    ],
)
def test_a_page_without_the_form_is_told(answer: Answer) -> None:
    assert f"/login answered {answer.status} and holds no form that asks" in failed(form(), answer)[0]


def test_a_password_field_of_another_name_is_told() -> None:
    assert "no such password field" in failed(form(fields={"user": "a", "pass": "s3cret"}), page(LOGIN))[0]


# --- it stays at home --------------------------------------------------------------------------------------------

AWAY = [
    "https://evil.example/",
    "//evil.example/login",
    "http://shop.example/login",
    "https://shop.example:8443/login",
    "https://shop.example@evil.example/",
    "https://shop.example\\@evil.example/",
    "https://shop.example.evil.example/",
    " https://evil.example ",
    "ht\ntps://evil.example/",
    "javascript:alert(1)",
    "data:text/html,x",
    "https://[::1/",
    "https://evil.example:99999999/",
    "mailto:a@b",
]


@pytest.mark.parametrize("target", AWAY)
def test_a_form_that_goes_elsewhere_is_not_sent(target: str) -> None:
    html = f'<form method=post action="{target}"><input type=password name=password></form>'
    message, asked = failed(form(), page(html))
    assert "elsewhere" in message
    assert len(asked) == 1
    html = f'<base href="{target}"><form method=post action="{target}"><input type=password name=password></form>'
    assert len(failed(form(), page(html))[1]) == 1


@pytest.mark.parametrize("target", AWAY)
def test_a_redirect_to_elsewhere_is_not_followed(target: str) -> None:
    if "\n" in target:
        return  # no header holds it
    message, asked = failed(form("/orders"), redirect(target))
    assert "leaves the back end" in message
    assert len(asked) == 1
    for status in (302, 307, 308):
        asked = signed_in(form(), page(LOGIN), redirect(target, status))  # it may have worked: the first call shows it
        assert len(asked) == 2


def test_it_is_told_where_it_would_have_gone() -> None:
    to = "https://login.example:8443/sso?x=s3cret"
    message = failed(form("/orders"), redirect(to))[0]
    assert message == (
        "Form(identity='alice'): the way to the login form leaves the back end for https://login.example:8443, "
        "where nothing was sent; give another page, or sign in with SignInWith"
    )
    html = f'<form method=post action="{to}"><input type=password name=password></form>'
    assert "would be sent elsewhere, to https://login.example:8443; it was not" in failed(form(), page(html))[0]
    assert "x" * 9 not in failed(form("/orders"), redirect(f"https://{'x' * 300}.example/"))[0]


def test_a_base_counts_where_it_stays_at_home() -> None:
    html = '<base href="/v2/"><form method=post action="in"><input type=password name=password></form>'
    assert urls(signed_in(form(), page(html), HOME))[1] == "POST https://shop.example/v2/in"


def test_an_action_with_blanks_and_letters_is_written_as_an_address() -> None:
    html = '<form method=post action=" /ein gang/ü?a=b c#x "><input type=password name=password></form>'
    assert urls(signed_in(form(), page(html), HOME))[1] == "POST https://shop.example/ein%20gang/%C3%BC?a=b%20c"


def test_redirects_that_never_end_end() -> None:
    assert "never ends" in failed(form("/a"), *[redirect("/a")] * 11)[0]
    asked = signed_in(form(), page(LOGIN), *[redirect("/login")] * 11)
    assert len(asked) == 12


def test_a_page_elsewhere_is_not_fetched() -> None:
    assert failed(form("https://login.example/"), url="https://shop.example/app/")[1] == []
    assert urls(signed_in(form("https://SHOP.example:443/login"), page(LOGIN), HOME))[0] == f"GET {SITE}login"


# --- hostile pages -----------------------------------------------------------------------------------------------


@pytest.mark.timeout(20)
@pytest.mark.parametrize(
    "text",
    ["<", "<!", "<!--", "<a ", "</", "<a b='", "<![", "<?", "&", "<input type=password ", "<form>", "<a x", "<p>"],
)
def test_a_page_is_read_in_linear_time_and_not_to_its_end(text: str) -> None:
    failed(form(), Answer(200, (("Content-Type", "text/html"),), text.encode() * (8_000_000 // len(text))))


def test_fields_without_end_are_sent_once() -> None:
    html = "<form method=post><input type=password name=password>" + "<input name=a value=b>" * 100_000
    assert len(signed_in(form(), page(html), HOME)[1].body) < 300_000


# --- settings ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("wrong", "named"),
    [
        ({"page": "login"}, "page"),
        ({"page": ""}, "page"),
        ({"page": None}, "page"),
        ({"page": "//evil.example/"}, "page"),
        ({"page": "https://alice:s3cret@shop.example/"}, "page"),
        ({"page": "/login#s3cret"}, "page"),
        ({"login_page": "login"}, "login_page"),
        ({"fields": {}}, "fields"),
        ({"fields": "s3cret"}, "fields"),
        ({"fields": {"password": b"s3cret"}}, "fields"),
        ({"fields": {"password": "\ud800"}}, "fields"),
        ({"identity": ""}, "identity"),
        ({"identity": "a\nb"}, "identity"),
        ({"identity": "s3cret" * 100}, "identity"),
    ],
    ids=str,
)
def test_what_cannot_work_is_refused_when_it_is_given(wrong: dict[str, Any], named: str) -> None:
    given = {"page": "/login", "fields": {"password": "s3cret"}, "identity": "alice", **wrong}
    with pytest.raises(SettingError, match=rf"^Form\({named}\)") as refused:
        Form(**given)
    assert "s3cret" not in str(refused.value)


def test_two_share_a_session_if_they_fill_in_the_same() -> None:
    assert form() == form(login_page="/login")
    assert len({form(), form("/other"), form(fields={"username": "alice", "password": "other"})}) == 3
    assert repr(form()) == "Form(identity='alice')"
    assert not form().forget({})
