"""Each way of signing in and each dialect, with a back end that asks for it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal

import pytest

from sojourn.errors import SignInFailed
from sojourn.outbound import (
    Backend,
    Basic,
    Bearer,
    ClientCredentials,
    DoubleSubmit,
    Fetched,
    Form,
    LastCall,
    MetaTag,
    SignInWith,
)
from sojourn.outbound.messages import Request, Response
from sojourn.testing import Behaviour, FakeBackend

if TYPE_CHECKING:
    from collections.abc import Generator, Iterator

    from sojourn.outbound import Auth, Csrf

J_FIELDS = ("j_username", "j_password", "csrfmiddlewaretoken")
FORMS = {
    "redirected": Behaviour(sign_in=("form",)),
    "in place": Behaviour(sign_in=("form",), login="forward", login_fields=J_FIELDS),
}
DIALECTS: dict[str, tuple[Csrf, Behaviour]] = {
    "fetched": (Fetched(), Behaviour(csrf="fetch")),
    "fetched by GET": (Fetched("X-XSRF", path="/rows"), Behaviour(csrf="fetch", csrf_header="x-xsrf", head=False)),
    "Django's": (DoubleSubmit(page="/"), Behaviour(csrf="django")),
    "a cookie": (DoubleSubmit("XSRF-TOKEN", "X-XSRF-TOKEN"), Behaviour(csrf="double-submit")),
    "a tag": (MetaTag("/"), Behaviour(csrf="meta")),
}


@pytest.fixture(scope="module")
def running() -> Iterator[FakeBackend]:
    with FakeBackend() as backend:
        yield backend


@pytest.mark.parametrize("reuse", ["exchange", "flow"])
def test_a_session_is_closed_by_a_header_where_the_last_call_is_known_too_late(
    running: FakeBackend, reuse: Literal["exchange", "flow"]
) -> None:
    running.reset(Behaviour())
    auth = ("alice", running.password_of("alice"))
    with Backend(running.url, reuse=reuse, auth=auth, closing=LastCall()) as erp, erp.exchange() as http:
        assert http.get("rows").status_code == 200
    assert [(seen.method, seen.path) for seen in running.seen()] == [("GET", "/rows"), ("HEAD", "/")]
    assert (running.counts().sessions_closed, running.counts().sessions_live) == (1, 0)


def form(fake: FakeBackend, page: str = "/rows", password: str | None = None) -> Form:
    user, secret, _ = fake.behaviour.login_fields
    return Form(page, {user: "alice", secret: password or fake.password_of("alice")}, identity="alice")


def client_credentials(fake: FakeBackend) -> ClientCredentials:
    return ClientCredentials(f"{fake.url}/oauth/token", "alice", fake.password_of("alice"))


def knocking(fake: FakeBackend) -> SignInWith:
    def knock(url: str, now: float) -> Generator[Request, Response, dict[str, str]]:
        pair = ("Authorization", str(Basic("alice", fake.password_of("alice")).secret.decode()))
        response = yield Request(method="GET", url=f"{url}rows", headers=(pair,))
        if response.status != 200:
            raise SignInFailed("nobody answers")
        return {}

    return SignInWith(knock, identity="alice", secret=fake.password_of("alice"))


def orders(backend: Backend, number: int = 3) -> list[int]:
    with backend.exchange() as http:
        return [http.post("orders", json={"item": each}).status_code for each in range(number)]


def backend_of(fake: FakeBackend, auth: Auth, **options: Any) -> Backend:
    return Backend(fake.url, **{"reuse": "flow", "auth": auth, **options})


# --- signing in --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", FORMS)
def test_a_form_signs_in_once_and_again_when_the_session_is_forgotten(running: FakeBackend, kind: str) -> None:
    running.reset(FORMS[kind])
    backend = backend_of(running, form(running))
    assert orders(backend) == [201] * 3
    assert (running.counts().sign_ins, running.counts().sessions_made) == (1, 1)
    running.forget()
    assert orders(backend) == [201] * 3
    counts = running.counts()
    assert (counts.sign_ins, counts.orders, counts.duplicates, counts.faults) == (2, 6, 3, 0)


@pytest.mark.parametrize("kind", FORMS)
def test_a_wrong_password_is_told(running: FakeBackend, kind: str) -> None:
    running.reset(FORMS[kind])
    with pytest.raises(SignInFailed, match="check user, password and page"):
        orders(backend_of(running, form(running, password="wrong")))
    assert running.counts().sign_ins_refused == 1


def test_a_client_has_one_access_token_for_many_sessions_and_another_when_it_is_refused(running: FakeBackend) -> None:
    running.reset(Behaviour(sign_in=("bearer",)))
    auth = client_credentials(running)
    backend = backend_of(running, auth, reuse="exchange")
    assert orders(backend) + orders(backend) == [201] * 6
    assert (running.counts().access_tokens, running.counts().sign_ins) == (1, 2)
    running.forget_tokens()
    running.forget()
    assert orders(backend) == [201] * 3
    assert (running.counts().access_tokens, running.counts().sign_ins) == (2, 3)


def test_a_client_of_a_wrong_secret_is_told_the_code(running: FakeBackend) -> None:
    running.reset(Behaviour(sign_in=("bearer",)))
    with pytest.raises(SignInFailed, match="answered 401: invalid_client"):
        orders(backend_of(running, ClientCredentials(f"{running.url}/oauth/token", "alice", "wrong")))


def test_a_bearer_token_that_is_refused_is_told(running: FakeBackend) -> None:
    running.reset(Behaviour(sign_in=("bearer",)))
    with pytest.raises(SignInFailed, match="refuses the credentials of 'alice'"):
        orders(backend_of(running, Bearer(lambda: "wrong", identity="alice")))


def test_a_function_of_ones_own_signs_in(running: FakeBackend) -> None:
    running.reset(Behaviour())
    assert orders(backend_of(running, knocking(running))) == [201] * 3
    assert running.counts().sign_ins == 1


# --- tokens ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("dialect", DIALECTS)
def test_a_token_is_fetched_once_and_another_when_it_is_stale(running: FakeBackend, dialect: str) -> None:
    csrf, behaviour = DIALECTS[dialect]
    running.reset(behaviour)
    backend = backend_of(running, Basic("alice", running.password_of("alice")), csrf=csrf)
    assert orders(backend) == [201] * 3
    counts = running.counts()
    assert (counts.sign_ins, counts.sessions_made, counts.csrf_refused) == (1, 1, 0)
    running.forget_tokens()
    assert orders(backend) == [201] * 3
    counts = running.counts()
    assert (counts.sign_ins, counts.csrf_refused, counts.orders) == (1, 1, 6)


@pytest.mark.parametrize("dialect", DIALECTS)
def test_with_the_session_the_token_is_renewed(running: FakeBackend, dialect: str) -> None:
    csrf, behaviour = DIALECTS[dialect]
    running.reset(behaviour)
    backend = backend_of(running, Basic("alice", running.password_of("alice")), csrf=csrf)
    orders(backend)
    running.forget()
    assert orders(backend) == [201] * 3
    assert (running.counts().sign_ins, running.counts().csrf_refused) == (2, 0)
