"""What a file says is told with its line when it is wrong."""

from __future__ import annotations

from datetime import time, timedelta
from pathlib import Path

import pytest
from tests.settings.written import Load, refusal

from sojourn import Behind, Cookie, Lifetime, Limit, Near, Sweep
from sojourn.settings import Options, Settings


def test_an_empty_file_sets_nothing(load: Load) -> None:
    assert load("").of("shop").options == Options()


ALL = """
[sessions]
store = "postgresql://host/app"
failover = true
save = "async"
touch = "always"
on_error = "save"
on_conflict = "fail"
contents = "read"
outage = "anonymous"
route = "n1"
node = "one"
skip = ["/static/", "/health"]
write = {interval = 2.5, queue_size = 7, max_items = 3, drain = "1m"}
near = {entries = 5, bytes = 6_000, silence = 4, loads = 8}
limit.per_principal = 3
limit.when_full = "end-oldest"
[sessions.cookie]
name = "id"
secure = true
http_only = false
same_site = "None"
path = "/shop"
domain = "example.org"
max_age = 60
partitioned = true
[sessions.lifetime]
idle = "1h30m"
absolute = 86400
renew = 0.5
[sessions.sweep]
every = "2m"
quiet = ["08:00", 18:00:00]
"""


def test_a_file_says_all_that_python_can(load: Load) -> None:
    settings = load(ALL)
    assert settings.of("shop").options == Options(
        store="postgresql://host/app",
        failover=True,
        save="async",
        touch="always",
        on_error="save",
        on_conflict="fail",
        contents="read",
        outage="anonymous",
        route="n1",
        node="one",
        skip=("/static/", "/health"),
        write=Behind(interval=2.5, queue_size=7, max_items=3, drain=60),
        near=Near(entries=5, bytes=6_000, silence=4, loads=8),
        limit=Limit(per_principal=3, when_full="end-oldest"),
        cookie=Cookie(
            name="id",
            secure=True,
            http_only=False,
            same_site="None",
            path="/shop",
            domain="example.org",
            max_age=60,
            partitioned=True,
        ),
        lifetime=Lifetime(idle=timedelta(hours=1.5).total_seconds(), absolute=86400, renew=0.5),
        sweep=Sweep(every=120, quiet=(time(8), time(18))),
    )


@pytest.mark.parametrize("key", ["near", "seal", "limit", "route", "node"])
def test_false_is_none(load: Load, key: str) -> None:
    assert getattr(load(f"[sessions]\n{key} = false").of("shop").options, key) is None


def test_false_in_a_section_is_none_where_there_is_one(load: Load) -> None:
    options = (
        load("[sessions]\nlifetime.idle = false\ncookie.max_age = false\ncookie.http_only = false").of("x").options
    )
    assert options.lifetime == Lifetime(idle=None)
    assert options.cookie == Cookie(max_age=None, http_only=False)


WRONG = {
    "a section": ("[session]", 1, "unknown section 'session'; there are [sessions] and [applications.NAME]"),
    "a key": ("[sessions]\n\nsav = 1", 3, "unknown key 'sav' in [sessions]; did you mean save?"),
    "a key of a section": ("[sessions]\nidle = 1", 2, "idle stands in a section lifetime"),
    "a key in a section": (
        "[sessions.cookie]\nhttponly = 1",
        2,
        "unknown key 'httponly' in [sessions.cookie]; did you",
    ),
    "a key far from all": ("[sessions.limit]\nxyz = 1", 2, "there are per_principal, when_full"),
    "a section for a key": ("[sessions.near]\nentries = {a = 1}", 2, "near.entries: expected `int`, got `section`"),
    "a key for a section": ("[sessions]\ncookie = 1", 2, "cookie: expected a section, [sessions.cookie]"),
    "a word for a section": ("[sessions]\nnear = 'far'", 2, "near: expected a section, 'remote', or false"),
    "true for a section": ("[sessions]\nlimit = true", 2, "limit: expected a section, or false"),
    "applications": ("applications = 3", 1, "applications: expected a section"),
    "an application": ("[applications]\nshop = 3", 2, "shop: expected a section, [applications.shop]"),
    "an application without a name": ("[applications.'']", 1, "give the application a name"),
    "a list": ("[[sessions]]", 1, "sessions: expected a section"),
    "a type": ("[sessions]\nstore = 1", 2, "store: expected `str`, got `int`"),
    "a word": ("[sessions]\nsave = 'late'", 2, "'late'; give 'sync' or 'async' or 'manual'"),
    "text for a boolean": ("[sessions.cookie]\nsecure = 'true'", 2, "cookie.secure: expected `bool`"),
    "a boolean for a number": ("[sessions.write]\nmax_items = true", 2, "write.max_items: expected `int`"),
    "no for a text": ("[sessions]\nstore = false", 2, "store: expected `str`"),
    "a duration": ("[sessions.lifetime]\nidle = '90 min'", 2, "'90 min' is no time; write it as 90s"),
    "a long duration": ("[sessions.lifetime]\nidle = '9999999999999d'", 2, "longer than any time"),
    "a time of day": ("[sessions.sweep]\nquiet = ['8', '9']", 2, "'8' is no time of day"),
    "one time of day": ("[sessions.sweep]\nquiet = ['08:00']", 2, "length 2, got 1"),
    "no TOML": ("[sessions]\n\nstore = = 1", 3, "is no TOML: Invalid value"),
    "an end too early": ("[sessions]\nstore = '''\n", 2, "is no TOML"),
    "a key twice": ("[sessions]\nsave = 'sync'\nsave = 'sync'", 3, "is no TOML: Cannot overwrite a value"),
}


@pytest.mark.parametrize(("text", "line", "problem"), WRONG.values(), ids=WRONG)
def test_what_is_wrong_is_told_with_its_line(load: Load, text: str, line: int, problem: str) -> None:
    told = refusal(lambda: load(text))
    assert told.startswith(f"sojourn.toml:{line}: ")
    assert problem in told


IMPOSSIBLE = {
    "a number": ("[sessions.near]\nentries = 0", "2", "Near(entries=0)"),
    "another number": ("[sessions.write]\nqueue_size = 5\nmax_items = 0", "3", "Behind(max_items=0)"),
    "not a number": ("[sessions.lifetime]\nidle = nan", "2", "Lifetime(idle=…)"),
    "a cookie": ("[sessions.cookie]\npath = 'shop'\nname = 'id'", "2", "must start with /"),
    "two that do not go together": ("[sessions.cookie]\npath = '/shop'", "2", "the __Host- prefix asks for path='/'"),
    "two that were given": (
        "[sessions.cookie]\nname = '__Host-shop'\n[applications.shop.cookie]\npath = '/shop'",
        "4",
        "the __Host- prefix",
    ),
}


@pytest.mark.parametrize(("text", "line", "problem"), IMPOSSIBLE.values(), ids=IMPOSSIBLE)
def test_what_cannot_be_is_told_with_its_line(load: Load, text: str, line: str, problem: str) -> None:
    told = refusal(lambda: load(text).of("shop"))
    assert f"sojourn.toml:{line}" in told
    assert problem in told


UNUSABLE = {
    "a store": ("[sessions]\nsave = 'manual'\nstore = 'sqlit:///x'", 3, "did you mean sqlite:"),
    "an option of a store": ("[sessions]\nstore = 'sqlite:///x?duribility=full'", 2, "unknown setting duribility"),
    "an outage": ("[sessions]\nstore = 'sqlite:///x'\noutage = 'read-only'", 3, "near cache"),
    "a path": ("[sessions]\nskip = ['static/']", 2, "beginnings of paths"),
    "a route": ("[applications.shop]\nroute = 'n 1'", 2, "give 1 to 64 letters"),
    "fail-over without a store": ("[sessions]\nfailover = true\nsave = 'sync'", 2, "asks for a store that outlives"),
    "fail-over to memory": ("[sessions]\nfailover = true\nsave = 'sync'\nstore = 'memory:'", 2, "asks for a store"),
}


@pytest.mark.parametrize(("text", "line", "problem"), UNUSABLE.values(), ids=UNUSABLE)
def test_what_no_sessions_can_have_is_told_with_its_line(load: Load, text: str, line: int, problem: str) -> None:
    told = refusal(lambda: load(text).sessions("shop"))
    assert told.startswith(f"sojourn.toml:{line}: ")
    assert problem in told


def test_two_that_do_not_go_together_are_both_told(load: Load) -> None:
    settings = load("[sessions.cookie]\nname = 'id'\nsecure = false", SOJOURN_COOKIE_SAME_SITE="None")
    told = refusal(lambda: settings.of("shop"))
    assert told.startswith("sojourn.toml:3 and SOJOURN_COOKIE_SAME_SITE: Cookie(name='id')")


def test_a_file_that_is_not_there_is_told(tmp_path: Path) -> None:
    missing = tmp_path / "sojourn.toml"
    assert refusal(lambda: Settings.load(missing, environ={})).startswith(f"{missing}: cannot be read: No such file")


def test_a_file_in_another_encoding_is_told(tmp_path: Path) -> None:
    file = tmp_path / "sojourn.toml"
    file.write_bytes(b"[sessions]\n# caf\xe9")
    assert refusal(lambda: Settings.load(file, environ={})).startswith(f"{file}:2: is no UTF-8")


def test_a_byte_order_mark_is_no_mistake(tmp_path: Path) -> None:
    file = tmp_path / "sojourn.toml"
    file.write_text("[sessions]\nsave = 'manual'", encoding="utf-8-sig")
    assert Settings.load(file, environ={}).of("shop").options.save == "manual"
