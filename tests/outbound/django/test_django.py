"""Signing in at a Django site, and getting through its check for forged requests, which asks for a Referer on https."""

from __future__ import annotations

import ssl
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import httpx2
import pytest
from tests.inbound.tracking.authority import Authority

from sojourn.errors import SignInFailed
from sojourn.outbound import Backend, DoubleSubmit, Form

if TYPE_CHECKING:
    from collections.abc import Iterator

ROOT = Path(__file__).parents[3]
LOGIN = "/accounts/login/"
USER, PASSWORD = "alice", "s3cret – pässword"


class Site:
    """It runs; what it was asked for since the last time is read from its output."""

    def __init__(self, directory: Path) -> None:
        authority = Authority(directory)
        self.tls = ssl.create_default_context(cafile=str(authority.path))
        self._asked = directory / "asked.txt"
        with self._asked.open("w") as output, (directory / "log.txt").open("w") as log:
            self._process = subprocess.Popen(
                [sys.executable, "-m", "tests.outbound.django.site", str(authority.sign("site")), USER, PASSWORD],
                cwd=ROOT,
                stdin=subprocess.PIPE,
                stdout=output,
                stderr=log,
            )
        while not self._asked.read_text().endswith("\n"):
            assert self._process.poll() is None, (directory / "log.txt").read_text()
        self.url = f"https://127.0.0.1:{int(self._asked.read_text())}/"
        self._read = 1

    def asked(self) -> list[str]:
        lines = self._asked.read_text().splitlines()
        new, self._read = lines[self._read :], len(lines)
        return new

    def stop(self) -> None:
        self._process.communicate(b"")


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    site = Site(tmp_path_factory.mktemp("django"))
    yield site
    site.stop()


@pytest.fixture
def site(running: Site) -> Site:
    running.asked()
    return running


def client(site: Site, page: str = "/orders/", password: str = PASSWORD, **options: Any) -> httpx2.Client:
    auth = Form(page, {"username": USER, "password": password}, identity=USER)
    backend = Backend(site.url, reuse="flow", auth=auth, csrf=DoubleSubmit(page=LOGIN), **options)
    return backend.exchange().httpx2_sync(transport=httpx2.HTTPTransport(verify=site.tls))


@pytest.mark.parametrize("page", ["/orders/", LOGIN])
def test_one_sign_in_for_calls_of_any_method(site: Site, page: str) -> None:
    with client(site, page) as http:
        answers = [http.request(method, "orders/", data={"a": "b"}) for method in ("POST", "PUT", "POST")]
    assert [answer.text for answer in answers] == ["POST alice", "PUT alice", "POST alice"]
    asked = site.asked()
    assert [line for line in asked if line.startswith("POST") and LOGIN in line] == [
        f"POST {LOGIN}{'?next=/orders/' if page == '/orders/' else ''} 302"
    ]
    assert not [line for line in asked if line.endswith(" 403")]


def test_a_session_that_is_gone_is_renewed_and_the_call_sent_once_more(site: Site) -> None:
    with client(site) as http:
        http.get("orders/")
        http.get("leave/")
        site.asked()
        assert http.post("orders/", data={"a": "b"}).text == "POST alice"
    asked = site.asked()
    assert asked[0] == "POST /orders/ 302"
    assert asked[-1] == "POST /orders/ 200"
    assert asked.count(f"POST {LOGIN}?next=/orders/ 302") == 1


def test_a_denial_is_a_denial_and_is_not_sent_again(site: Site) -> None:
    with client(site) as http:
        http.get("orders/")
        site.asked()
        assert http.post("denied/").status_code == 403
    assert site.asked().count("POST /denied/ 403") == 1


def test_a_wrong_password_is_tried_once(site: Site) -> None:
    with client(site, password="wrong") as http, pytest.raises(SignInFailed, match="check user, password and page"):
        http.get("orders/")
    assert [line for line in site.asked() if line.startswith("POST")] == [f"POST {LOGIN}?next=/orders/ 200"]
