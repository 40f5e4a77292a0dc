"""The same over WSGI: the path is clean before the application routes by it, and ids come and go in every way."""

from __future__ import annotations

import io
import wsgiref.util
from collections.abc import Iterable, Iterator
from typing import Any

import pytest

from sojourn import Session, Sessions
from sojourn.inbound.bridge import wait
from sojourn.inbound.tracking.certificates import Certificate
from sojourn.inbound.wsgi import SESSION, SessionMiddleware

pytestmark = pytest.mark.usefixtures("bare")

Environ = dict[str, Any]
FINGERPRINT = "ab" * 32


class Client:
    """Asks an application that does what `act` says."""

    def __init__(self, sessions: Sessions, act: Any) -> None:
        self.act = act
        self.seen: Environ = {}
        self.headers: list[tuple[str, str]] = []
        self._app = SessionMiddleware(self._answer, sessions)

    def _answer(self, environ: Environ, start_response: Any) -> Iterable[bytes]:
        self.seen = environ
        start_response("200 OK", [("Content-Type", "text/plain")])
        return [str(self.act(environ[SESSION])).encode()]

    def ask(self, path: str = "/", **more: str) -> str:
        environ: Environ = {"PATH_INFO": path, "wsgi.input": io.BytesIO(), **more}
        wsgiref.util.setup_testing_defaults(environ)
        return b"".join(self._app(environ, self._start)).decode()

    def _start(self, status: str, headers: list[tuple[str, str]], exc_info: Any = None) -> Any:
        assert status.startswith("200")
        self.headers = headers

    def told(self, name: str) -> list[str]:
        return [value for each, value in self.headers if each.lower() == name]


@pytest.fixture
def closing() -> Iterator[list[Sessions]]:
    made: list[Sessions] = []
    yield made
    for each in made:
        wait(each.close())


def links(session: Session) -> str:
    session["n"] = session.get("n", 0) + 1
    return session.encode_url("/next")


def count(session: Session) -> int:
    return int(session.get("n", 0))


def test_a_url_tracks_and_the_application_sees_none_of_it(closing: list[Sessions]) -> None:
    closing.append(Sessions(tracking=["url"], route="n1"))
    client = Client(closing[0], links)
    link = client.ask()
    assert link.startswith("/next;jsessionid=")
    assert link.endswith(".n1")
    assert client.told("set-cookie") == []
    assert client.ask(link, RAW_URI=f"{link}?q=1", REQUEST_URI=f"http://shop.example{link}") == link
    assert (client.seen["PATH_INFO"], client.seen["RAW_URI"]) == ("/next", "/next?q=1")
    assert client.seen["REQUEST_URI"] == "http://shop.example/next"
    assert link[17:60] not in repr(client.seen)
    assert client.told("referrer-policy") == ["strict-origin"]
    assert client.told("cache-control") == ["no-store"]


def test_links_stay_below_the_script_and_on_the_host(closing: list[Sessions]) -> None:
    closing.append(Sessions(tracking=["url"]))
    urls = ["/shop/a", "/a", "http://shop.example/shop/a", "https://shop.example/shop/a", "?größe", "b"]

    def encode(session: Session) -> list[bool]:
        session["n"] = 1
        return [session.encode_redirect_url(url) != url for url in urls]

    client = Client(closing[0], encode)
    path = "/größe".encode().decode("latin-1")  # as PEP 3333 has it
    assert client.ask(path, SCRIPT_NAME="/shop", HTTP_HOST="shop.example") == str(
        [True, False, True, False, True, True]
    )
    client.act = lambda session: (session.update(n=1), session.encode_url("?a"))[1]
    assert client.ask(path, SCRIPT_NAME="/shop").startswith("gr%C3%B6%C3%9Fe;jsessionid=")


def test_a_header_tracks(closing: list[Sessions]) -> None:
    closing.append(Sessions(tracking=["header"]))
    client = Client(closing[0], links)
    assert client.ask() == "/next"
    (secret,) = client.told("x-session-id")
    client.act = count
    assert client.ask(HTTP_X_SESSION_ID=secret) == "1"
    assert client.told("x-session-id") == []
    client.act = Session.end
    client.ask(HTTP_X_SESSION_ID=secret)
    assert client.told("x-session-id") == [""]


def test_a_certificate_tracks_as_a_trusted_proxy_tells_it(closing: list[Sessions]) -> None:
    closing.append(Sessions(tracking=["certificate"], certificate=Certificate(proxies=["127.0.0.1", "unix"])))
    client = Client(closing[0], links)
    client.ask(HTTP_CLIENT_CERT=FINGERPRINT, REMOTE_ADDR="127.0.0.1")
    client.act = count
    assert client.ask(HTTP_CLIENT_CERT=FINGERPRINT, REMOTE_ADDR="127.0.0.1") == "1"
    assert client.ask(HTTP_CLIENT_CERT=FINGERPRINT, REMOTE_ADDR="") == "1"
    assert client.ask(HTTP_CLIENT_CERT=FINGERPRINT, REMOTE_ADDR="192.0.2.1") == "0"
    assert client.ask(HTTP_CLIENT_CERT=f"{FINGERPRINT},{'cd' * 32}", REMOTE_ADDR="127.0.0.1") == "0"


def test_what_needs_no_store_stays_in_its_thread(closing: list[Sessions], monkeypatch: pytest.MonkeyPatch) -> None:
    closing.append(Sessions(tracking=["cookie", "url"]))
    client = Client(closing[0], links)
    client.ask()
    cookies = "; ".join(line.partition(";")[0] for line in client.told("set-cookie"))
    client.act = count
    assert client.ask(HTTP_COOKIE=cookies) == "1"
    monkeypatch.setattr("sojourn.inbound.bridge.bridge.wait", _refuse)
    assert client.ask(HTTP_COOKIE=cookies) == "1"
    assert client.told("vary") == ["Cookie"]


def _refuse(*_: Any, **__: Any) -> None:
    raise AssertionError
