"""`sojourn outbound trace`: what passes between us and a back end, without anything secret."""

from __future__ import annotations

import json
import os
import ssl
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
from tests.cli.served import run
from tests.inbound.tracking.authority import Authority
from tests.outbound.ways.octets import Octets
from tests.outbound.ways.relays import Relays

from sojourn.testing.backend import Behaviour, FakeBackend


@pytest.fixture(scope="module")
def fake() -> Iterator[FakeBackend]:
    with FakeBackend(Behaviour(csrf="fetch")) as fake:
        yield fake


@pytest.fixture(autouse=True)
def _anew(fake: FakeBackend, monkeypatch: pytest.MonkeyPatch) -> None:
    fake.reset(Behaviour(csrf="fetch"))
    monkeypatch.setenv("SOJOURN_OUTBOUND_PASSWORD", fake.password_of("alice"))
    monkeypatch.setenv("SOJOURN_OUTBOUND_KEY", "of this installation")


def test_credentials_go_with_the_first_call_and_the_same_cookie_with_all_others(
    fake: FakeBackend, tmp_path: Path
) -> None:
    ended = run("outbound", "trace", fake.url, "me", "rows", "me", "--user", "alice", cwd=tmp_path)
    sent = [line.split("  ", 1)[1] for line in ended.stdout.splitlines() if " > " in line]
    set_by = next(line for line in ended.stdout.splitlines() if "sets" in line).split("sets ")[1]
    assert [line.split("  ")[-1] for line in sent] == ["credentials", set_by, set_by]
    assert (ended.returncode, ended.stderr) == (0, "")


def test_a_token_is_fetched_before_what_changes_something_and_the_session_is_closed(
    fake: FakeBackend, tmp_path: Path
) -> None:
    options = ("--user", "alice", "--csrf", "fetch", "--logout", "logout")
    ended = run("outbound", "trace", fake.url, "POST orders", "POST orders", *options, cwd=tmp_path)
    asked = [line.split(" > ")[1].split("  ")[0] for line in ended.stdout.splitlines() if " > " in line]
    assert asked == ["HEAD /orders", "POST /orders", "POST /orders", "GET /logout"]
    assert ended.stdout.splitlines()[-2].endswith("is closed")
    assert ended.stdout.splitlines()[-1] == "4 requests, 1 session"
    assert (fake.counts().sessions_live, fake.counts().orders) == (0, 2)


@pytest.mark.parametrize(
    ("dialect", "asked_for"), [("fetch", "fetch"), ("django", "django"), ("xsrf", "double-submit"), ("meta", "meta")]
)
def test_each_dialect_of_tokens_is_spoken(dialect: str, asked_for: Any, fake: FakeBackend, tmp_path: Path) -> None:
    fake.reset(Behaviour(csrf=asked_for))
    ended = run("outbound", "trace", fake.url, "POST orders", "--user", "alice", "--csrf", dialect, cwd=tmp_path)
    assert (ended.returncode, ended.stderr, fake.counts().orders) == (0, "", 1)


def test_a_token_that_is_not_given_is_not_said_to_be_there(fake: FakeBackend, tmp_path: Path) -> None:
    ended = run("outbound", "trace", fake.url, "POST orders", "--user", "alice", "--csrf", "django", cwd=tmp_path)
    assert "has a token" not in ended.stdout
    assert "was given no token" in ended.stdout
    assert fake.counts().orders == 0


def test_nothing_secret_is_shown_and_equal_hashes_mean_equal_cookies(fake: FakeBackend, tmp_path: Path) -> None:
    ended = run("outbound", "trace", fake.url, "me", "me", "--user", "alice", "--json", cwd=tmp_path)
    told = [json.loads(line) for line in ended.stdout.splitlines()]
    sent = [line for line in told if line["event"] == "CallSent"]
    answered = [line for line in told if line["event"] == "CallAnswered"]
    assert (sent[0]["cookies"], sent[0]["credentials"], sent[1]["credentials"]) == ([], True, False)
    assert sent[1]["cookies"] == answered[0]["cookies"]
    assert os.environ["SOJOURN_OUTBOUND_PASSWORD"] not in ended.stdout + ended.stderr


def test_refused_credentials_are_told_in_a_line(
    fake: FakeBackend, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SOJOURN_OUTBOUND_PASSWORD", "wrong")
    ended = run("outbound", "trace", fake.url, "me", "--user", "alice", cwd=tmp_path)
    assert ended.returncode == 1
    assert "refuses the credentials of 'alice'" in ended.stderr
    assert "Traceback" not in ended.stderr


def test_the_way_is_said_with_the_call_and_the_password_of_the_proxy_is_not_shown(
    fake: FakeBackend, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    authority = Authority(tmp_path)
    door = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    door.load_cert_chain(authority.sign("erp.test", "erp.test"))
    arguments = ("outbound", "trace", "https://erp.test/", "me", "--user", "alice")
    with Relays(int(urlsplit(fake.url).port or 0), door, password="right") as relays:
        url = f"http://flow:{{}}@127.0.0.1:{relays.proxy}"
        ended = run(*arguments, "--ca", str(authority.path), "--proxy", url.format("right"), cwd=tmp_path)
        assert (ended.returncode, ended.stderr) == (0, "")
        assert relays.passed.lines == ["CONNECT erp.test:443"]
        monkeypatch.setenv("SOJOURN_OUTBOUND_PROXY", url.format("hidden-word"))
        refused = run(*arguments, "--ca", str(authority.path), cwd=tmp_path)
        assert refused.returncode == 1
        assert "hidden-word" not in refused.stdout + refused.stderr
        monkeypatch.setenv("SOJOURN_OUTBOUND_PROXY", url.format("right"))
        strange = run(*arguments, cwd=tmp_path)
        assert strange.returncode == 1
        assert "CERTIFICATE_VERIFY_FAILED" in strange.stderr


@pytest.mark.parametrize(
    ("answer", "said"),
    [
        (b"Content-Length: 0\r\nSet-Cookie : JSESSIONID=hidden\r\n\r\n", "illegal header line"),
        (b"Transfer-Encoding: chunked\r\n\r\nhidden\r\n", "illegal chunk header"),
    ],
)
def test_an_answer_that_is_none_is_told_without_a_word_of_it(answer: bytes, said: str, tmp_path: Path) -> None:
    with Octets(lambda _: [b"HTTP/1.1 200 OK\r\n" + answer]) as server:
        ended = run("outbound", "trace", server.url, cwd=tmp_path)
    assert ended.returncode == 1
    assert ended.stderr.count(f"GET failed: no answer from {server.url}: {said}\n") == 2
    assert "hidden" not in ended.stdout + ended.stderr


@pytest.mark.parametrize(
    ("arguments", "status", "said"),
    [
        (("127.0.0.1:1",), 2, "give an address with its scheme"),
        (("http://127.0.0.1:1",), 1, "GET failed: no answer from http://127.0.0.1:1/: "),
        (("http://127.0.0.1:1", "http://elsewhere/"), 2, "give a path below the URL"),
        (("http://127.0.0.1:1", "//elsewhere/"), 2, "give a path below the URL"),
        (("https://127.0.0.1:1", "--ca", __file__), 2, "no certificates in PEM can be read there"),
        (("http://127.0.0.1:1", "--proxy", "proxy.example:3128"), 2, "Backend(proxy=…): give an address such as"),
        (("http://127.0.0.1:1", "--bearer"), 2, "--bearer: give --user"),
    ],
)
def test_a_mistake_is_told_in_a_line(arguments: tuple[str, ...], status: int, said: str, tmp_path: Path) -> None:
    ended = run("outbound", "trace", *arguments, cwd=tmp_path)
    assert ended.returncode == status
    assert said in ended.stderr
    assert "Traceback" not in ended.stderr
