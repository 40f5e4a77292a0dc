"""Applications that are served get their sessions, from whichever worker answers."""

from __future__ import annotations

from typing import Any

import pytest
from tests.cli.served import Serve, cookie_of, until

from sojourn.cli.worker.middleware import keeps_sessions

THEIRS = "starlette.middleware.sessions.SessionMiddleware"


def kind(name: str, module: str) -> Any:
    return type(name, (), {"__module__": module})


@pytest.mark.parametrize("framework", ["starlette", "fastapi"])
def test_a_session_is_whole_when_the_worker_that_knew_it_is_killed(serve: Serve, framework: str) -> None:
    served = serve(f"applications:{framework}")
    first = served.get()
    cookie = cookie_of(first)
    answers = [first.body]
    for _ in range(4):
        served.kill(answers[-1]["pid"])
        answer = served.get(cookie=cookie)
        answers.append(answer.body)
    assert [each["visits"] for each in answers] == [1, 2, 3, 4, 5]
    assert len({each["pid"] for each in answers}) == 5
    assert served.stop() == 0


def test_the_loopback_gets_the_development_cookie_and_is_told(serve: Serve) -> None:
    served = serve("applications:starlette")
    cookies = served.get().cookies
    assert any(each.startswith("id=") for each in cookies)
    assert not any("Secure" in each for each in cookies)


def test_other_hosts_get_the_secure_cookie(serve: Serve) -> None:
    served = serve("applications:starlette", "--host", "0.0.0.0")
    cookies = served.get().cookies
    assert any(each.startswith("__Host-id=") for each in cookies)
    assert all("Secure" in each for each in cookies)


def test_behind_tls_on_the_same_machine_the_cookie_is_secure(serve: Serve) -> None:
    cookies = serve("applications:starlette", "--https").get().cookies
    assert any(each.startswith("__Host-id=") for each in cookies)
    assert all("Secure" in each for each in cookies)


def test_applications_of_different_names_share_no_session_in_one_store(serve: Serve) -> None:
    cookie = cookie_of(serve("applications:starlette", "--app", "shop").get())
    assert serve("applications:starlette", "--app", "office").get(cookie=cookie).body["visits"] == 1
    assert serve("applications:starlette", "--app", "shop").get(cookie=cookie).body["visits"] == 2


def test_a_session_ends_at_the_age_that_the_option_says(serve: Serve) -> None:
    served = serve("applications:starlette", "--idle", "1h30m", "--absolute", "1s")
    cookie = cookie_of(served.get())
    assert served.get(cookie=cookie).body["visits"] == 2
    until(lambda: served.get(cookie=cookie).body["visits"] == 1)


@pytest.mark.parametrize("where", ["listed", "by_hand", "mounted"])
def test_session_middleware_of_the_application_is_reported(serve: Serve, where: str) -> None:
    served = serve(f"applications:{where}")
    text = served.event("warning")["text"]
    assert THEIRS in text
    assert "--replace-sessions" in text
    assert any(each.startswith("session=") for each in served.get().cookies)


@pytest.mark.parametrize("where", ["listed", "by_hand", "mounted"])
def test_session_middleware_of_the_application_can_be_replaced(serve: Serve, where: str) -> None:
    served = serve(f"applications:{where}", "--replace-sessions")
    assert f"{THEIRS} of applications:{where} is put aside" in served.event("warning")["text"]
    first = served.get()
    assert {each.partition("=")[0] for each in first.cookies} == {"id", "id-v"}
    assert served.get(cookie=cookie_of(first)).body["visits"] == 2


def test_an_application_that_has_our_sessions_is_served_as_it_is(serve: Serve) -> None:
    served = serve("applications:ours", "--workers", "1")
    assert served.store == "as the application's own Sessions say"
    assert "is served as it is" in served.event("warning")["text"]
    assert {each.partition("=")[0] for each in served.get().cookies} == {"mine", "mine-v"}


@pytest.mark.parametrize(
    ("name", "module"),
    [
        ("SessionMiddleware", "starlette.middleware.sessions"),
        ("SessionAutoloadMiddleware", "starsessions.middleware"),
        ("ServerSideSessionMiddleware", "shop.web"),
    ],
)
def test_session_middleware_is_known_by_its_name(name: str, module: str) -> None:
    assert keeps_sessions(kind(name, module))


@pytest.mark.parametrize(
    ("name", "module"),
    [
        ("DBSessionMiddleware", "fastapi_sqlalchemy.middleware"),
        ("SQLAlchemySessionMiddleware", "shop.web"),
        ("GZipMiddleware", "starlette.middleware.gzip"),
        ("Session", "shop.sessions"),
    ],
)
def test_database_sessions_and_other_middleware_are_left_alone(name: str, module: str) -> None:
    assert not keeps_sessions(kind(name, module))
