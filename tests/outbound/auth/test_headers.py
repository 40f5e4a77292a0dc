"""A password, a token, or a header that was set by hand."""

from __future__ import annotations

import base64

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.outbound.feeding import SITE, Answer, feed

from sojourn.errors import SettingError, SignInFailed
from sojourn.outbound.auth import Basic, Bearer, Given
from sojourn.outbound.auth.base import Auth

NOW = 1_767_225_600.0


def header(auth: Auth) -> str:
    credentials = feed(auth.sign_in(SITE, NOW))
    assert list(credentials) == ["Authorization"]
    return str(credentials["Authorization"])


# --- Basic -------------------------------------------------------------------------------------------------------


def test_the_example_of_the_standard() -> None:
    assert header(Basic("Aladdin", "open sesame")) == "Basic QWxhZGRpbjpvcGVuIHNlc2FtZQ=="
    assert header(Basic("test", "123£")) == "Basic dGVzdDoxMjPCow=="  # RFC 7617 §2.1


def test_a_letter_is_the_same_however_it_is_composed() -> None:
    assert header(Basic("Zoe\u0308", "p")) == header(Basic("Zo\u00eb", "p"))
    assert Basic("Zoe\u0308", "p") == Basic("Zo\u00eb", "p")


def test_a_password_may_hold_a_colon_or_be_empty_and_a_user_may_be_empty() -> None:
    assert base64.b64decode(header(Basic("", "a:b")).removeprefix("Basic ")) == b":a:b"
    assert base64.b64decode(header(Basic("key", "")).removeprefix("Basic ")) == b"key:"


@pytest.mark.parametrize("text", ["a\r\nX: y", "a\0", "a\x7f", "a\ud800", None, b"a"])
def test_what_the_standard_forbids_is_refused_when_it_is_given(text: str) -> None:
    with pytest.raises(SettingError, match=r"Basic\(user\)"):
        Basic(text, "secret")
    with pytest.raises(SettingError, match=r"Basic\(password\)"):
        Basic("alice", text)


def test_a_user_with_a_colon_is_refused() -> None:
    with pytest.raises(SettingError, match="without a colon"):
        Basic("alice:bob", "secret")


printable = st.text(st.characters(exclude_categories=["Cc", "Cs"]))


@given(user=printable.filter(lambda user: ":" not in user), password=printable)
def test_whatever_is_taken_makes_one_line_that_reads_back(user: str, password: str) -> None:
    value = header(Basic(user, password))
    assert value.isascii()
    assert value.isprintable()
    again = Given(value)
    assert again.secret == Basic(user, password).secret


# --- Bearer ------------------------------------------------------------------------------------------------------


def test_a_token_goes_as_it_is() -> None:
    assert header(Bearer("mF_9.B5f-4.1JqM")) == "Bearer mF_9.B5f-4.1JqM"
    assert Bearer("one").identity == "Bearer"
    assert Bearer("one", identity="alice").identity == "alice"


def test_a_callable_is_asked_each_time_that_a_session_begins() -> None:
    tokens = iter(["one", "two"])
    auth = Bearer(lambda: next(tokens), identity="alice")
    assert [header(auth), header(auth)] == ["Bearer one", "Bearer two"]


def test_a_callable_is_told_by_its_identity_whatever_token_it_returns() -> None:
    one, other = Bearer(lambda: "one", identity="alice"), Bearer(lambda: "two", identity="alice")
    assert one == other
    assert one != Bearer(lambda: "one", identity="bob")


def test_a_callable_without_an_identity_is_refused() -> None:
    with pytest.raises(SettingError, match="identity="):
        Bearer(lambda: "one")


@pytest.mark.parametrize("token", ["", "a b", "a\r\nb", "ä", "x" * 1_000_000, None, b"one"])
def test_what_is_no_token_is_never_sent(token: str) -> None:
    with pytest.raises(SettingError, match=r"Bearer\(token\)"):
        Bearer(token)
    with pytest.raises(SignInFailed, match="is no token") as failed:
        header(Bearer(lambda: token, identity="alice"))
    assert not token or str(token) not in str(failed.value)


# --- set by hand -------------------------------------------------------------------------------------------------


def test_what_was_set_by_hand_goes_as_it_is() -> None:
    assert header(Given("Custom a, b=c")) == "Custom a, b=c"


def test_two_who_set_different_headers_are_two() -> None:
    assert Given("Bearer one") != Given("Bearer two")
    assert Given(header(Basic("alice", "one"))) != Given(header(Basic("alice", "two")))


def test_who_sets_by_hand_what_another_has_signed_in_with_is_the_same() -> None:
    assert Given(header(Basic("alice", "one"))) == Basic("alice", "one")
    assert Given("Bearer one") == Bearer("one")
    assert hash(Given("Bearer one")) == hash(Bearer("one"))


@pytest.mark.parametrize(
    ("value", "identity"),
    [
        ("Basic QWxhZGRpbjpvcGVuIHNlc2FtZQ==", "Aladdin"),
        ("basic QWxhZGRpbjpvcGVuIHNlc2FtZQ==", "Aladdin"),
        ("Basic " + base64.b64encode(b"a\nb:c").decode(), "Basic"),
        ("Basic " + base64.b64encode(b"secret").decode(), "Basic"),
        ("Basic " + base64.b64encode(b"\xff:c").decode(), "Basic"),
        ("Basic secret!", "Basic"),
        ("Bearer secret", "Bearer"),
        ("secret", "Authorization"),
        ("secret secret", "Authorization"),
        ("Bearer", "Authorization"),
    ],
)
def test_its_identity_is_the_user_or_else_the_scheme_alone(value: str, identity: str) -> None:
    assert Given(value).identity == identity


@pytest.mark.parametrize("value", ["", "a\r\nb", "a\nb", "a\0b"])
def test_what_no_header_can_hold_is_refused(value: str) -> None:
    with pytest.raises(SettingError, match="control characters"):
        Given(value)


@given(st.text())
def test_its_identity_is_one_short_line_whatever_the_value(value: str) -> None:
    try:
        auth = Given(value)
    except SettingError:
        return
    assert auth.identity.isprintable()
    assert 0 < len(auth.identity) <= 256
    assert isinstance(auth.secret, bytes)


# --- all of them -------------------------------------------------------------------------------------------------

ALL = [Basic("alice", "s3cret"), Bearer("s3cret"), Bearer(lambda: "s3cret", identity="alice"), Given("Token s3cret")]


@pytest.mark.parametrize("auth", ALL, ids=repr)
def test_nothing_shows_the_secret(auth: Auth) -> None:
    for shown in (repr(auth), str(auth), f"{auth}", auth.identity):
        assert "s3cret" not in shown
        assert base64.b64encode(b"alice:s3cret").decode() not in shown


@pytest.mark.parametrize("auth", ALL, ids=repr)
def test_a_401_refuses_and_its_body_is_not_needed(auth: Auth) -> None:
    answers = [Answer(status).to(SITE) for status in (200, 302, 401, 403, 500)]
    assert [answer.status for answer in answers if auth.refuses(answer)] == [401]
    assert not any(auth.reads(answer) for answer in answers)
    assert not auth.forget({})


def test_equal_are_those_of_equal_identity_and_secret() -> None:
    assert Basic("alice", "one") == Basic("alice", "one")
    assert len({Basic("alice", "one"), Basic("alice", "one"), Basic("alice", "two"), Basic("bob", "one")}) == 3
    assert Basic("alice", "one") != "alice"
