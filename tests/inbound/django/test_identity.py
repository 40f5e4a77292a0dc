"""Whose a session is, in the words of `django.contrib.auth`."""

from __future__ import annotations

from typing import Any

import pytest
from django.contrib.auth import login, logout, update_session_auth_hash
from django.contrib.auth.models import User
from django.contrib.auth.signals import user_logged_in
from django.test import Client
from tests.inbound.django.conftest import Ask

from sojourn import Sessions
from sojourn.inbound.bridge import wait
from sojourn.inbound.django import SessionStore

pytestmark = pytest.mark.usefixtures("middleware")


def key_of(client: Client) -> str:
    return client.cookies["sessionid"].value


def signs_in(user: User) -> Any:
    return lambda request: login(request, user)


def who(request: Any) -> list[str | None]:
    return [request.user.username, request.session.principal]


def test_a_user_who_signed_in_is_the_principal(client: Client, ask: Ask, alice: User, sessions: Sessions) -> None:
    ask(client, signs_in(alice))
    [record] = wait(sessions.find(principal=str(alice.pk)))
    assert record.ref == ask(client, lambda request: request.session.ref).json()["value"]
    assert ask(client, who).json()["value"] == ["alice", str(alice.pk)]


def test_a_sign_in_gives_a_new_key_and_keeps_what_was_there(client: Client, ask: Ask, alice: User) -> None:
    ask(client, lambda request: request.session.update({"cart": ["pen"]}))
    before, twin = key_of(client), Client()
    twin.cookies["sessionid"] = before
    ask(client, signs_in(alice))
    assert key_of(client) != before
    assert ask(client, lambda request: request.session["cart"]).json()["value"] == ["pen"]
    assert ask(twin, lambda request: request.session.get("cart")).json()["value"] is None
    assert not SessionStore().exists(before)


def test_who_is_told_of_a_sign_in_sees_the_key_that_the_visitor_gets(client: Client, ask: Ask, alice: User) -> None:
    seen: list[str] = []

    def note(request: Any, **_: Any) -> None:
        seen.append(request.session.session_key)

    user_logged_in.connect(note)
    try:
        for before in (lambda _: None, lambda request: request.session.update({"a": 1})):
            ask(client, before)
            ask(client, signs_in(alice))
            assert seen.pop() == key_of(client)
            client.cookies.clear()
    finally:
        user_logged_in.disconnect(note)


def test_a_sign_out_ends_the_session(client: Client, ask: Ask, alice: User, sessions: Sessions) -> None:
    ask(client, signs_in(alice))
    twin = Client()
    twin.cookies["sessionid"] = key_of(client)
    assert ask(client, logout).cookies["sessionid"].value == ""
    assert ask(twin, who).json()["value"] == ["", None]
    assert wait(sessions.find(principal=str(alice.pk))) == []


def test_nothing_of_one_user_is_left_to_the_next(client: Client, ask: Ask, alice: User, bob: User) -> None:
    ask(client, signs_in(alice))
    ask(client, lambda request: request.session.update({"address": "12 High Street"}))
    ask(client, signs_in(bob))
    assert ask(client, lambda request: request.session.get("address")).json()["value"] is None
    assert ask(client, who).json()["value"] == ["bob", str(bob.pk)]


def test_who_signs_out_and_in_within_a_request_has_the_session_of_then(client: Client, ask: Ask, alice: User) -> None:
    def both(request: Any) -> None:
        logout(request)
        request.session["early"] = True
        login(request, alice)

    ask(client, lambda request: request.session.update({"a": 1}))
    ask(client, both)
    seen = ask(client, lambda request: sorted(request.session.keys())).json()["value"]
    assert [name for name in seen if not name.startswith("_")] == ["early"]
    assert ask(client, who).json()["value"] == ["alice", str(alice.pk)]


def test_all_sessions_of_a_user_can_be_ended_but_one(client: Client, ask: Ask, alice: User, sessions: Sessions) -> None:
    others = [Client() for _ in range(3)]
    for each in (client, *others):
        ask(each, signs_in(alice))
    ref = ask(client, lambda request: request.session.ref).json()["value"]
    assert wait(sessions.end_all(principal=str(alice.pk), but=ref)) == 3
    assert [ask(each, who).json()["value"][0] for each in (client, *others)] == ["alice", "", "", ""]


def test_a_change_of_the_password_ends_the_other_sessions(client: Client, ask: Ask, alice: User) -> None:
    other = Client()
    for each in (client, other):
        ask(each, signs_in(alice))

    def change(request: Any) -> None:
        request.user.set_password("another")
        request.user.save()
        update_session_auth_hash(request, request.user)

    before = key_of(client)
    ask(client, change)
    assert key_of(client) != before
    assert [ask(each, who).json()["value"] for each in (client, other)] == [["alice", str(alice.pk)], ["", None]]


def test_a_user_who_is_put_in_the_place_of_another_gets_nothing_of_theirs(
    client: Client, ask: Ask, alice: User, bob: User
) -> None:
    def put(request: Any) -> None:
        request.session["seen"] = True
        request.session["_auth_user_id"] = str(bob.pk)
        request.session["_auth_user_hash"] = bob.get_session_auth_hash()

    ask(client, signs_in(alice))
    ask(client, lambda request: request.session.update({"address": "12 High Street"}))
    before = key_of(client)
    ask(client, put)
    assert key_of(client) != before
    assert ask(client, who).json()["value"] == ["bob", str(bob.pk)]
    assert ask(client, lambda request: [request.session.get(n) for n in ("address", "seen")]).json()["value"] == [
        None,
        True,
    ]


def test_a_user_who_is_taken_out_is_signed_out(client: Client, ask: Ask, alice: User, sessions: Sessions) -> None:
    ask(client, signs_in(alice))
    ask(client, lambda request: request.session.update({"a": 1}))
    ask(client, lambda request: request.session.pop("_auth_user_id") and None)
    assert ask(client, who).json()["value"] == ["", None]
    assert ask(client, lambda request: request.session.get("a")).json()["value"] is None
    assert wait(sessions.find(principal=str(alice.pk))) == []


def test_the_test_client_signs_in_and_out(client: Client, ask: Ask, alice: User, sessions: Sessions) -> None:
    assert client.login(username="alice", password="secret")
    assert ask(client, who).json()["value"] == ["alice", str(alice.pk)]
    session = client.session
    session["basket"] = ["pen"]
    session.save()
    assert ask(client, lambda request: request.session["basket"]).json()["value"] == ["pen"]
    client.logout()
    assert ask(client, who).json()["value"] == ["", None]
    assert wait(sessions.find(principal=str(alice.pk))) == []
    client.force_login(alice)
    assert client.session["_auth_user_id"] == str(alice.pk)


def test_the_admin_works(client: Client) -> None:
    User.objects.create_superuser("root", password="secret")
    answer = client.post("/admin/login/?next=/admin/", {"username": "root", "password": "secret"}, follow=True)
    assert answer.status_code == 200
    assert b"Site administration" in answer.content
    added = {"username": "carol", "password1": "a!8sdfJKL", "password2": "a!8sdfJKL", "usable_password": "true"}
    answer = client.post("/admin/auth/user/add/", added, follow=True)
    assert "was added successfully" in answer.content.decode()  # a message, over a redirect
    assert client.post("/admin/logout/").status_code == 200
    assert client.get("/admin/").status_code == 302
