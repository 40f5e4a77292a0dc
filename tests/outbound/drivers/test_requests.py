"""What only requests has: sessions that prepare, files as bodies, hooks and credentials of its own."""

from __future__ import annotations

import io
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest
import requests
from requests.adapters import HTTPAdapter
from requests.auth import HTTPBasicAuth
from tests.outbound.drivers.server import Reply, Server

from sojourn.errors import SessionLost
from sojourn.outbound import Backend, Limits
from sojourn.testing.backend import FakeBackend

SESSION = (b"Set-Cookie", b"JSESSIONID=1")


def backend_of(fake: FakeBackend) -> Backend:
    return Backend(fake.url, reuse="exchange", auth=("alice", fake.password_of("alice")))


def test_a_file_is_sent_again_from_where_it_began(fake: FakeBackend, tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.write_bytes(b"- from a file")
    with backend_of(fake).exchange().requests() as http, path.open("rb") as file:
        file.seek(2)
        for body in (file, io.BytesIO(b"buffer"), "text", {"field": "a"}):
            fake.forget()
            assert http.post("orders", data=body).status_code == 201
        fake.forget()
        assert http.post("orders", files={"file": io.BytesIO(b"of a form")}).status_code == 201
    bodies = [order.body for order in fake.orders()]
    assert bodies[:4] == ["from a file", "buffer", "text", "field=a"]
    assert "of a form" in bodies[4]


def test_a_pipe_is_not_sent_again(fake: FakeBackend) -> None:
    class Pipe(io.BytesIO):
        def seekable(self) -> bool:
            return False

    with backend_of(fake).exchange().requests() as http:
        http.get("me")
        fake.forget()
        with pytest.raises(SessionLost):
            http.post("orders", data=Pipe(b"once"))
    assert fake.orders() == []


def test_a_request_may_be_prepared_and_is_not_changed_by_that(fake: FakeBackend) -> None:
    with backend_of(fake).exchange().requests() as http:
        request = requests.Request("GET", "me")
        response = http.send(http.prepare_request(request), stream=True)
        assert b"alice" in b"".join(response.iter_content(3))
        assert request.url == "me"
        assert not {"Cookie", "Authorization"} & set(response.request.headers)


def test_credentials_of_a_call_have_a_session_of_their_own(fake: FakeBackend) -> None:
    with backend_of(fake).exchange().requests() as http:
        for _ in range(2):
            assert http.get("me", auth=HTTPBasicAuth("bob", fake.password_of("bob"))).json()["user"] == "bob"
            assert http.get("me").json()["user"] == "alice"
    assert fake.counts().sign_ins == 2


def test_credentials_of_the_machine_are_left_where_they_are(
    fake: FakeBackend, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    netrc = tmp_path / "netrc"
    netrc.write_text("machine 127.0.0.1 login mallory password x\n")
    netrc.chmod(0o600)
    monkeypatch.setenv("NETRC", str(netrc))
    with backend_of(fake).exchange().requests() as http:
        assert http.get("me").json()["user"] == "alice"
        assert http.get("leave?to=/me").json()["user"] == "alice"
    assert fake.counts().sign_ins_refused == 0


def test_cookies_of_the_applications_are_sent_with_those_of_the_session(server: Server) -> None:
    server.answer = lambda _: Reply(headers=(SESSION,))
    with Backend(server.url, reuse="exchange").exchange().requests() as http:
        http.cookies.set("lang", "de")
        http.get("", cookies={"once": "1"})
        http.get("")
        assert http.cookies.get_dict() == {"lang": "de"}
    assert [sorted(each.all("cookie")[0].split(b"; ")) for each in server.log.asked] == [
        [b"lang=de", b"once=1"],
        [b"JSESSIONID=1", b"lang=de"],
    ]


def test_an_adapter_of_the_applications_sends(server: Server) -> None:
    sent = []

    class Watching(HTTPAdapter):
        def send(self, request: requests.PreparedRequest, *args: object, **how: object) -> requests.Response:
            sent.append(request.path_url)
            return super().send(request, *args, **how)  # type: ignore[arg-type]

    server.answer = lambda _: Reply(headers=(SESSION,))
    with Backend(server.url, reuse="exchange", csrf=True).exchange().requests(adapter=Watching()) as http:
        response = http.post("orders", data=b"1")
        assert (len(http.cookies), len(response.cookies), "Set-Cookie" in response.headers) == (0, 0, False)
    assert sent[-1] == "/orders"
    assert len(sent) > 1


def test_an_error_of_requests_shows_nothing_secret(server: Server) -> None:
    def chunks() -> Iterator[bytes]:
        yield b"a"
        raise ConnectionError

    with socket.create_server(("127.0.0.1", 0)) as closed:
        url = f"http://127.0.0.1:{closed.getsockname()[1]}/"
    server.answer = lambda _: Reply(headers=(SESSION,), chunks=chunks())
    for each, limits in ((url, Limits()), (server.url, Limits()), (server.url, Limits(calls=1))):
        backend = Backend(each, reuse="exchange", auth=("alice", "hidden"), limits=limits, csrf=True)
        for method in ("GET", "POST"):
            with backend.exchange().requests() as http, pytest.raises(requests.RequestException) as caught:
                http.request(method, "")
            shown = caught.value.request
            assert shown is None or not {"Cookie", "Authorization"} & set(shown.headers)
