"""Requests that no client should send: each gets an answer or an end, and the next one is served as ever."""

from __future__ import annotations

import base64
import socket
from collections.abc import Iterator

import httpx2
import pytest

from sojourn.testing import Behaviour, FakeBackend

PATIENCE = 10.0
ALICE = b"Authorization: Basic " + base64.b64encode(b"alice:alice-secret") + b"\r\n"


def send(backend: FakeBackend, *pieces: bytes, and_leave: bool = False) -> bytes:
    """Send bytes over a connection of their own; return what comes back until the other side is done.

    `and_leave`: send no more after that, and say so.
    """
    address = httpx2.URL(backend.url)
    with socket.create_connection((address.host, address.port or 0), PATIENCE) as connection:
        try:
            connection.sendall(b"".join(pieces))
            if and_leave:
                connection.shutdown(socket.SHUT_WR)
            return b"".join(iter(lambda: connection.recv(65536), b""))
        except TimeoutError:
            raise
        except OSError:  # the other side has gone
            return b""


def get(headers: bytes = b"", target: bytes = b"/me", method: bytes = b"GET") -> bytes:
    return method + b" " + target + b" HTTP/1.1\r\nHost: x\r\nConnection: close\r\n" + headers + b"\r\n"


def status(answer: bytes) -> int:
    return int(answer.split(b" ", 2)[1])


@pytest.fixture(autouse=True)
def _goes_on(backend: FakeBackend) -> Iterator[None]:
    """Whatever was sent, the back end is as it was."""
    yield
    assert httpx2.get(f"{backend.url}/me", auth=("alice", backend.password_of("alice"))).status_code == 200
    assert backend.counts().faults == 0
    assert len(backend.orders()) == backend.counts().orders
    assert backend.seen()[-1].user == "alice"
    assert not backend.log


@pytest.mark.parametrize(
    "cookie",
    [
        b"",
        b";;;",
        b"=",
        b"JSESSIONID",
        b"JSESSIONID=",
        b"JSESSIONID=\xff\xfe",
        b'JSESSIONID="quoted"; $Path=/',
        b"JSESSIONID=" + b"A" * 20_000,
        b"; ".join(b"c%d=x" % number for number in range(2_000)),
        b"a" + b" " * 20_000 + b"x",
    ],
)
def test_a_cookie_that_is_no_session_s_signs_nobody_in(backend: FakeBackend, cookie: bytes) -> None:
    assert status(send(backend, get(b"Cookie: " + cookie + b"\r\n"))) == 401
    assert backend.counts().sessions_made == 0


def test_several_cookie_headers_are_told_apart(backend: FakeBackend) -> None:
    send(backend, get(ALICE + b"Cookie: a=1\r\nCookie: b=2\r\n"))
    send(backend, get(ALICE + b"Cookie: JSESSIONID=1; JSESSIONID=2\r\n"))
    send(backend, get(ALICE + b"Cookie: a=1; a=2\r\n"))
    assert backend.counts().doubled == 2
    assert backend.seen()[0].cookies == ("a", "b")


@pytest.mark.parametrize("target", [b"/%00", b"/%ff%fe", b"//", b"/../../etc/passwd", b"/orders/%0d%0aX:y", b"*"])
def test_a_strange_path_is_not_found(backend: FakeBackend, target: bytes) -> None:
    assert status(send(backend, get(ALICE, target))) in (200, 404)


def test_a_strange_path_is_led_to_the_form(backend: FakeBackend) -> None:
    backend.reset(Behaviour(sign_in=("form", "basic")))
    for target in (b"/%ff%fe", b"/%0d%0a", b"/a%20b?next=//x", b"/login?next=%ff"):
        assert status(send(backend, get(b"", target))) in (200, 302)


def test_an_order_at_a_strange_path_is_told(backend: FakeBackend) -> None:
    assert status(send(backend, get(ALICE, b"/orders/%ff%fe%00", b"POST"))) == 201


@pytest.mark.parametrize("query", [b"?" + b"&" * 5_000, b"?%", b"?=%ff", b"?next&next", b"?\xc3"])
def test_a_strange_query_is_read_as_it_is(backend: FakeBackend, query: bytes) -> None:
    assert status(send(backend, get(ALICE, b"/me" + query))) in (200, 400)


def test_a_body_beyond_the_limit_is_refused(backend: FakeBackend) -> None:
    head = ALICE + b"Content-Length: 2000000\r\n"
    answer = send(backend, get(head, b"/orders", b"POST"), b"x" * 2_000_000)
    assert answer == b"" or status(answer) == 413
    assert not backend.orders()


def test_a_body_that_breaks_off_is_no_order(backend: FakeBackend) -> None:
    send(backend, get(ALICE + b"Content-Length: 10\r\n", b"/orders", b"POST"), b"abc", and_leave=True)
    assert not backend.orders()


@pytest.mark.parametrize(
    "form",
    [b"%", b"&&&", b"grant_type", b"grant_type=%ff", b"grant_type=client_credentials&client_id=%00", b"\xff" * 9],
)
def test_a_strange_form_is_refused(backend: FakeBackend, form: bytes) -> None:
    kind = b"Content-Type: application/x-www-form-urlencoded\r\nContent-Length: %d\r\n" % len(form)
    assert status(send(backend, get(kind, b"/oauth/token", b"POST"), form)) in (400, 401)


def test_what_is_no_http_is_no_request(backend: FakeBackend) -> None:
    for nonsense in (b"\x00" * 100, b"GET\r\n\r\n", b"\x16\x03\x01\x02\x00\x01\x00", b"GET /me HTTP/9.9\r\n\r\n"):
        answer = send(backend, nonsense, and_leave=True)
        assert answer == b"" or status(answer) == 400
    assert backend.counts().requests == 0


def test_a_websocket_is_not_opened(backend: FakeBackend) -> None:
    asked = {"Connection": "Upgrade", "Upgrade": "websocket", "Sec-WebSocket-Version": "13"}
    key = {"Sec-WebSocket-Key": "dGhlIHNhbXBsZSBub25jZQ=="}
    assert httpx2.get(f"{backend.url}/me", headers=asked | key).status_code == 403
