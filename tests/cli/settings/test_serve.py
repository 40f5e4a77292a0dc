"""`sojourn serve` and `sojourn sessions` follow options, then the environment, then a file of settings."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from tests.cli.served import HERE, Serve, Served, cookie_of, run
from tests.fixtures.postgres import postgres_address, postgres_url, postgres_urls
from tests.fixtures.valkeys import valkey_address, valkey_prefix, valkey_server, valkey_url

from sojourn.store.sealed import new_key

__all__ = [
    "postgres_address",
    "postgres_url",
    "postgres_urls",
    "valkey_address",
    "valkey_prefix",
    "valkey_server",
    "valkey_url",
]

Start = Callable[..., Served]

SQLITE = "sqlite:///HERE/sessions.db"

PROPERTIES = """
spring.session.enabled={enabled}
spring.session.shop.save=sync
spring.session.shop.cookie.path=/
"""


@pytest.fixture
def start(command: Serve, tmp_path: Path) -> Start:
    """Serves by these settings."""

    def start(text: str, *options: str) -> Served:
        (tmp_path / "sojourn.toml").write_text(text.replace("HERE", str(tmp_path)), encoding="utf-8")
        return command("serve", "applications:starlette", "--settings", f"{tmp_path}/sojourn.toml", *options)

    return start


@pytest.fixture(params=["sqlite", "postgres", "valkey"])
def url(request: pytest.FixtureRequest) -> str:
    """The address of a store that is fresh and empty."""
    return SQLITE if request.param == "sqlite" else str(request.getfixturevalue(f"{request.param}_url"))


def imported(directory: Path, enabled: str, url: str = SQLITE) -> str:
    (directory / "local.properties").write_text(PROPERTIES.format(enabled=enabled), encoding="latin-1")
    ended = run("settings", "import", "local.properties", "--store", url, cwd=directory)
    assert ended.returncode == 0
    return ended.stdout


def visits(served: Served, cookie: str = "") -> tuple[int, str]:
    answer = served.get(cookie=cookie)
    return answer.body["visits"], cookie_of(answer) or cookie


def test_properties_become_a_site_whose_sessions_survive_a_killed_worker(
    start: Start, tmp_path: Path, url: str
) -> None:
    served = start(imported(tmp_path, "true", url))
    first = served.get()
    assert [each.partition("=")[0] for each in first.cookies] == ["JSESSIONID", "JSESSIONID-v"]
    assert "HttpOnly" in first.cookies[0]
    assert "Secure" not in first.cookies[0]  # unset, it follows the request: plain http on the loopback
    served.kill(first.body["pid"])
    assert visits(served, cookie_of(first))[0] == 2
    assert served.stop() == 0
    again = start(imported(tmp_path, "true", url))
    assert visits(again, cookie_of(first).partition(";")[0])[0] == 3


def test_properties_without_fail_over_become_a_site_whose_sessions_end_with_it(start: Start, tmp_path: Path) -> None:
    text = imported(tmp_path, "false")
    served = start(text, "--workers", "1")
    assert served.store == "memory:"
    first, cookie = visits(served)
    assert (first, visits(served, cookie)[0]) == (1, 2)
    assert served.stop() == 0
    assert visits(start(text, "--workers", "1"), cookie)[0] == 1
    assert not list(tmp_path.glob("sessions.db*"))


def test_an_option_comes_before_a_variable_and_that_before_the_file(
    start: Start, monkeypatch: pytest.MonkeyPatch
) -> None:
    text = "[sessions]\nstore = 'sqlite:///HERE/a.db'\nroute = 'file'\n[applications.shop.cookie]\nname = 'shop'"
    assert ".file;" in start(text).get().cookies[0]
    monkeypatch.setenv("SOJOURN_ROUTE", "variable")
    found = start(text).get().cookies[0]
    assert found.startswith("shop=")
    assert ".variable;" in found
    assert ".option;" in start(text, "--route", "option").get().cookies[0]


def test_behind_tls_a_cookie_is_secure_and_one_that_is_set_not_to_be_is_told_of(start: Start) -> None:
    text = "[sessions]\nstore = 'sqlite:///HERE/a.db'\n[sessions.cookie]\nname = 'shop'\n"
    assert "Secure" in start(text, "--https").get().cookies[0]
    served = start(f"{text}secure = false", "--https")
    assert "Secure" not in served.get().cookies[0]


def test_a_cookie_that_plain_http_does_not_suit_is_served_as_it_is_set(start: Start) -> None:
    text = "[sessions]\nstore = 'sqlite:///HERE/a.db'\n[sessions.cookie]\nname = '__Host-shop'"
    found = start(text).get().cookies[0]
    assert found.startswith("__Host-shop=")
    assert "Secure" in found


REFUSED = {
    "a key": ("[sessions]\nsav = 1", [], "sojourn.toml:2: unknown key 'sav' in [sessions]; did you mean save?"),
    "a store": ("[sessions]\nstore = 'nothing:x'", [], "sojourn.toml:2: 'nothing:x' names no store"),
    "two": ("[applications.a]\n[applications.b]", [], "which application? give --app a or --app b"),
    "memory": ("[applications.a]\nfailover = true", [], "'a' has no fail-over (failover and its save must be set)"),
    "no store": ("[sessions]\nfailover = true\nsave = 'sync'\nstore='memory:'", ["--workers", "1"], "sojourn.toml:2: "),
    "async": ("[sessions]\nsave = 'async'", [], "give --workers 1 at each port"),
}


@pytest.mark.parametrize(("text", "options", "problem"), REFUSED.values(), ids=REFUSED)
def test_what_cannot_be_served_is_told_in_one_line(tmp_path: Path, text: str, options: list[str], problem: str) -> None:
    (tmp_path / "shop.py").write_text("async def app(scope, receive, send): ...")
    (tmp_path / "sojourn.toml").write_text(text)
    ended = run("serve", "shop:app", "--port", "0", "--settings", "sojourn.toml", *options, cwd=tmp_path)
    assert ended.returncode == 2
    assert ended.stderr.count("\n") == 1, ended.stderr
    assert problem in ended.stderr


def test_sessions_are_listed_where_the_settings_say(start: Start, tmp_path: Path) -> None:
    served = start("[applications.shop]\nstore = 'sqlite:///HERE/a.db'")
    served.get()
    ended = run("sessions", "list", "--settings", str(tmp_path / "sojourn.toml"), "--json", cwd=HERE)
    assert ended.returncode == 0
    assert '"app":"shop"' in ended.stdout


def test_keys_of_a_seal_reach_the_workers(start: Start, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    text = "[sessions]\nstore = 'sqlite:///HERE/a.db'\nseal = 'env:SESSION_KEYS'"
    monkeypatch.setenv("SESSION_KEYS", new_key())
    served = start(text)
    _, cookie = visits(served)
    assert visits(served, cookie)[0] == 2
    assert served.stop() == 0
    assert b"visits" not in b"".join(file.read_bytes() for file in tmp_path.glob("a.db*"))
