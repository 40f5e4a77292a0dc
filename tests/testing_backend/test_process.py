"""The process of the fake back end: it starts, is told what to do, and ends with the test."""

from __future__ import annotations

import os
import re
import select
import signal
import socket
import subprocess
import sys

import httpx2
import pytest
from tests.testing_backend.conftest import Client

from sojourn.errors import SettingError
from sojourn.testing import Behaviour, FakeBackend, Fault
from sojourn.testing.backend.control import Control

PATIENCE = 20.0
COMMAND = [sys.executable, "-m", "sojourn.testing.backend", "--port", "0"]


def ended(pid: int) -> bool:
    """Whether a process that is a child of another's ends in time."""
    watched = os.pidfd_open(pid)
    try:
        return bool(select.select([watched], [], [], PATIENCE)[0])
    finally:
        os.close(watched)


def test_several_run_at_once_and_end_with_their_block() -> None:
    with FakeBackend() as one, FakeBackend() as other:
        assert one.url != other.url
        assert {httpx2.get(f"{each.url}/me").status_code for each in (one, other)} == {401}
    assert {each._process.returncode for each in (one, other)} == {0}
    with pytest.raises(httpx2.ConnectError):
        httpx2.get(one.url)


def test_it_ends_with_the_process_that_began_it() -> None:
    script = "from sojourn.testing import FakeBackend; print(FakeBackend().pid, flush=True); input()"
    with subprocess.Popen([sys.executable, "-c", script], stdin=subprocess.PIPE, stdout=subprocess.PIPE) as begun:
        assert begun.stdout is not None
        pid = int(begun.stdout.readline())
        begun.send_signal(signal.SIGKILL)
        assert ended(pid)


def test_what_it_said_is_told_with_the_failure_of_the_block() -> None:
    def fail() -> None:
        with FakeBackend() as backend:
            backend._stderr.write(b"something is wrong")
            raise AssertionError

    with pytest.raises(AssertionError) as caught:
        fail()
    assert "something is wrong" in caught.value.__notes__[0]


def test_what_it_said_is_told_when_it_ends_too(capsys: pytest.CaptureFixture[str]) -> None:
    with FakeBackend() as backend:
        backend._stderr.write(b"something is wrong")
    assert "something is wrong" in capsys.readouterr().err


def test_without_granian_it_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "granian", None)
    with pytest.raises(SettingError, match=r"pip install 'sojourn\[serve\]'"):
        FakeBackend()


def test_what_is_held_does_not_hold_up_the_end() -> None:
    with FakeBackend() as backend:
        backend.plan(Fault(do="hold"))
        with socket.create_connection(("127.0.0.1", httpx2.URL(backend.url).port or 0)) as connection:
            connection.sendall(b"GET /me HTTP/1.1\r\nHost: x\r\n\r\n")
            backend.wait_held(1)
            backend.stop()
    assert backend._process.returncode == 0


@pytest.mark.parametrize("name", ["Set-Cookie", "SET-COOKIE", "set-Cookie"])
def test_the_header_of_cookies_is_written_in_any_case(name: str) -> None:
    with FakeBackend(Behaviour(cookie_header=name)) as backend:
        request = httpx2.Client(auth=("alice", backend.password_of("alice")))
        with request as client:
            raw = client.get(f"{backend.url}/me").headers.raw
            assert [key for key, _ in raw if key.lower() == b"set-cookie"] == [name.encode()]
            assert client.get(f"{backend.url}/me").json()["session"] == 1
            with pytest.raises(SettingError, match="start another"):
                backend.reset(Behaviour())
    assert backend._process.returncode == 0


def test_a_reset_begins_anew(backend: FakeBackend, client: Client) -> None:
    client("alice").post("/orders", json={})
    backend.plan(Fault(do="refuse"))
    backend.reset()
    assert backend.counts().requests == 0
    assert not backend.orders()
    assert not backend.seen()
    assert client("alice").get("/me").json() == {"user": "alice", "session": 1}


def test_a_person_starts_it_and_sees_its_counts() -> None:
    with subprocess.Popen([*COMMAND, "csrf=fetch", "idle=5"], stdout=subprocess.PIPE, text=True) as running:
        assert running.stdout is not None
        told = "".join(running.stdout.readline() for _ in range(4))
        urls = dict(re.findall(r"(\w+) +(http\S+)", told))
        assert httpx2.get(f"{urls['url']}/me").status_code == 401
        assert httpx2.get(urls["counts"]).json()["challenges"] == 1
        running.send_signal(signal.SIGINT)
        assert running.wait(PATIENCE) == 0


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ("nonsense", "'nonsense' is no setting; give NAME=VALUE, where --help lists the names"),
        ("idle=soon", "Expected `float`, got `str` - at `$.idle`"),
        ("csrf=other", "Invalid enum value 'other' - at `$.csrf`"),
        ("idle=-1", "Behaviour(idle=-1.0): give seconds from 0 on"),
        ("session_cookie=a b", "Behaviour(session_cookie='a b'): a name is made of letters"),
    ],
)
def test_a_mistake_is_told_in_a_line(given: str, said: str) -> None:
    result = subprocess.run([*COMMAND, given], capture_output=True, text=True, timeout=PATIENCE, check=False)
    assert result.returncode == 2
    assert result.stderr.startswith(f"fake back end: {said}")
    assert result.stderr.count("\n") == 1


@pytest.mark.parametrize(
    "settings",
    [
        {"sign_in": ()},
        {"sign_in": ("digest",)},
        {"login": "pop-up"},
        {"csrf": "sap"},
        {"session_cookie": None, "csrf": "fetch"},
        {"session_cookie": None, "sign_in": ("form",)},
        {"cookie_attributes": "Path=/\r\nX: y"},
        {"cookie_attributes": "Path=/; Comment=é"},
        {"cookie_header": "X-Cookie"},
        {"companions": ("a;b",)},
        {"companions": "route"},
        {"sessions_per_user": 1.5},
        {"idle": float("nan")},
        {"page": 0},
        {"full_status": 200},
        {"parallel_status": 99},
    ],
)
def test_behaviour_that_cannot_be_is_refused_when_it_is_given(settings: dict[str, object]) -> None:
    with pytest.raises(SettingError, match=r"Behaviour\("):
        Behaviour(**settings)  # type: ignore[arg-type]


@pytest.mark.parametrize("settings", [{"nth": 0}, {"times": 0}, {"status": 200}])
def test_a_fault_that_cannot_be_is_refused_when_it_is_given(settings: dict[str, int]) -> None:
    with pytest.raises(SettingError, match=r"Fault\("):
        Fault(do="refuse", **settings)  # type: ignore[arg-type]


def test_what_a_remote_hand_gives_is_looked_at_too(backend: FakeBackend) -> None:
    control = backend._control.geturl()
    assert httpx2.post(f"{control}plan", json={"do": "explode"}).status_code == 400
    assert httpx2.post(f"{control}reset", json={"idle": -1}).json() == {
        "error": "Behaviour(idle=-1.0): give seconds from 0 on"
    }
    assert httpx2.post(f"{control}advance", content=b"\xff").status_code == 400
    assert httpx2.post(f"{control}no-such").status_code == 404
    assert backend.counts().requests == 0


def test_who_does_not_know_the_key_finds_nothing(backend: FakeBackend, client: Client) -> None:
    wrong = Control(f"{backend.url}/-/guessed/")
    assert httpx2.post(f"{wrong._control.geturl()}counts").status_code == 401
    assert client("alice").get("/-/guessed/counts").status_code == 404
    assert backend.counts().requests == 2
