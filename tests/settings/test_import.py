"""The properties of SAP Commerce become settings, and each is told of."""

from __future__ import annotations

import tomllib
from typing import Any

import pytest
from tests.settings.written import refusal

from sojourn.settings.properties import read_properties
from sojourn.settings.spring import Import, imported
from sojourn.settings.writing import written


def found(text: str, store: str | None = None) -> Import:
    return imported(read_properties(text.encode("latin-1"), "local.properties"), store=store)


def document(text: str, store: str | None = None) -> dict[str, Any]:
    return tomllib.loads(written(found(text, store).source))


def notes(text: str) -> str:
    return "\n".join(found(text).notes)


ALL = """
spring.session.enabled=true
spring.session.save.async.interval=2500
spring.session.save.async.queue.size=500
spring.session.save.async.max.items=50
spring.session.shop.save=async
spring.session.shop.cookie.name=SHOPSESSION
spring.session.shop.cookie.path=/store
spring.session.shop.secure=true
spring.session.shop.cookie.httponly=false
spring.session.hac.save=sync
"""


def test_each_property_has_its_place() -> None:
    assert document(ALL, "postgresql://host/app") == {
        "sessions": {
            "store": "postgresql://host/app",
            "failover": True,
            "write": {"interval": 2.5, "queue_size": 500, "max_items": 50},
            "cookie": {"name": "JSESSIONID"},
        },
        "applications": {
            "shop": {
                "save": "async",
                "cookie": {"name": "SHOPSESSION", "path": "/store", "secure": True, "http_only": False},
            },
            "hac": {"save": "sync", "cookie": {"path": "/hac"}},
        },
    }


def test_each_line_of_the_file_tells_where_it_is_from() -> None:
    text = written(found(ALL).source)
    assert "failover = true  # local.properties:2\n" in text
    assert 'path = "/hac"  # default of spring.session.hac.cookie.path\n' in text


def test_nothing_becomes_the_defaults() -> None:
    assert document("") == {"sessions": {"failover": False, "cookie": {"name": "JSESSIONID"}}}
    assert "spring.session.enabled is not set: false, so all sessions stay in memory" in notes("")


def test_each_property_is_told_of() -> None:
    told = notes(ALL)
    for number, line in enumerate(ALL.splitlines(), start=1):
        if line:
            assert f"local.properties:{number}: {line.partition('=')[0]} became " in told
    assert "asks for a balancer" in told
    assert "where sessions are kept is in no property" in told


def test_what_is_not_known_becomes_nothing_and_is_told_of() -> None:
    told = notes("spring.session.store-type=jdbc\nspring.session.shop.cookie.pth=/x\nspring.session.enable=true\na=b")
    assert "local.properties:1: spring.session.store-type became nothing: it is not known" in told
    assert "did you mean spring.session.[extension].cookie.path?" in told
    assert "did you mean spring.session.enabled?" in told
    assert "local.properties:4" not in told


def test_of_a_property_that_is_there_twice_the_last_holds() -> None:
    text = "spring.session.enabled=true\nspring.session.enabled=false"
    assert document(text)["sessions"]["failover"] is False
    assert "local.properties:1: spring.session.enabled became nothing, since local.properties:2 says it again" in notes(
        text
    )


@pytest.mark.parametrize("name", ["enabled", "shop.save", "shop.secure", "shop.cookie.httponly", "shop.cookie.path"])
@pytest.mark.parametrize("empty", ["=", "", " = "])
def test_a_property_without_a_value_is_not_set(name: str, empty: str) -> None:
    text = f"spring.session.{name}{empty}\nspring.session.shop.cookie.name=x"
    assert document(text) == document("spring.session.shop.cookie.name=x")
    assert f"spring.session.{name} became nothing, since it has no value" in notes(text)


def test_the_path_of_a_cookie_is_that_of_the_application() -> None:
    text = "spring.session.shop.save=sync\nshop.webroot=/store"
    assert document(text)["applications"]["shop"]["cookie"]["path"] == "/store"
    assert "cookie.path is not set: /store, since shop.webroot" in notes(text)
    assert "mend it if that is wrong" in notes("spring.session.shop.save=sync")


def test_a_name_with_dots_is_an_application() -> None:
    assert document("spring.session.my.shop.cookie.name=x")["applications"].keys() == {"my.shop"}


def test_a_value_may_refer_to_others() -> None:
    text = "spring.session.shop.cookie.path=/${root}/x\nroot=${deep}shop\ndeep=very/"
    assert document(text)["applications"]["shop"]["cookie"]["path"] == "/very/shop/x"


CHECK = "session.serialization.check"

CHECKS = {
    "nothing": ("", None, {}),
    "off": (f"{CHECK}=false\n{CHECK}.response.error=true\n{CHECK}.extensions=hac", None, {}),
    "on": (f"{CHECK}=true", "log", {}),
    "on, with an error": (f"{CHECK}=true\n{CHECK}.response.error=true", "error", {}),
    "on, without an error": (f"{CHECK}=true\n{CHECK}.response.error=false", "log", {}),
    "some": (f"{CHECK}=true\n{CHECK}.extensions=hac, shop", None, {"hac": "log", "shop": "log"}),
    "one, with an error": (
        f"{CHECK}=true\n{CHECK}.extensions=hac\n{CHECK}.response.error=true",
        None,
        {"hac": "error"},
    ),
    "no list": (f"{CHECK}=true\n{CHECK}.extensions=", "log", {}),
}


@pytest.mark.parametrize(("text", "everywhere", "listed"), CHECKS.values(), ids=CHECKS)
def test_values_are_checked_everywhere_or_where_it_is_listed(
    text: str, everywhere: str | None, listed: dict[str, str]
) -> None:
    said = document(text)
    assert said["sessions"].get("check") == everywhere
    assert {app: each.get("check") for app, each in said.get("applications", {}).items()} == listed


WRONG = {
    "a boolean": ("enabled=yes", "'yes' is neither true nor false"),
    "a mode": ("shop.save=later", "'later' is neither sync nor async"),
    "a number": ("save.async.interval=5s", "'5s' is no whole number from 1 on"),
    "nothing": ("save.async.max.items=0", "'0' is no whole number from 1 on"),
    "less than nothing": ("save.async.queue.size=-1", "'-1' is no whole number from 1 on"),
    "a reference to nothing": ("shop.cookie.path=${root}", "refers to root, which is not in the file"),
    "a reference in a circle": ("shop.cookie.path=${b}\nb=${c}\nc=${b}", "refers to itself"),
    "the name of a cookie": ("shop.cookie.name=my cookie", "the name must be letters, digits"),
    "the path of a cookie": ("shop.cookie.path=shop", "must start with /"),
    "two that do not go together": ("shop.cookie.name=__Secure-id\nspring.session.shop.secure=false", "must be secure"),
}


@pytest.mark.parametrize(("text", "problem"), WRONG.values(), ids=WRONG)
def test_a_value_that_cannot_be_is_told_with_its_line(text: str, problem: str) -> None:
    told = refusal(lambda: found(f"\nspring.session.{text}"))
    assert told.startswith(("local.properties:2", "local.properties:3", "local.properties:4"))
    assert problem in told
