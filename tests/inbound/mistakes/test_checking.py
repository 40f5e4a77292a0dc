"""While developing, what cannot be stored is reported where it was put in."""

from __future__ import annotations

import dataclasses
import logging
import socket
from collections.abc import Callable
from typing import Any

import pytest
from tests.fixtures.visitor import Visitor, everything, sets

from sojourn import Cookie, Session, Sessions
from sojourn.errors import NotStorable, SettingError

pytestmark = pytest.mark.usefixtures("bare")

Make = Callable[..., Sessions]


def puts_a_socket(session: Session) -> None:
    session["n"] = 1
    session["plug"] = {"of": [socket.socket]}


def spoils_in_place(session: Session) -> None:
    session["n"] = 2
    session["cart"]["items"].append(object())


@dataclasses.dataclass
class Cart:
    items: list[Any] = dataclasses.field(default_factory=list)


def spoils_a_view(session: Session) -> None:
    session["n"] = 3
    session.view(Cart).items.append(object())


@pytest.fixture
def checked(make: Make) -> Visitor:
    return Visitor(make(check="log", cookie=Cookie.development()))


async def test_what_cannot_be_stored_is_dropped_and_the_rest_is_kept(checked: Visitor) -> None:
    await checked.ask(puts_a_socket)
    assert (await checked.ask(everything)).value == {"n": 1}


async def test_the_report_has_path_type_line_and_stack(checked: Visitor, caplog: pytest.LogCaptureFixture) -> None:
    await checked.ask(puts_a_socket)
    (report,) = caplog.records
    first = puts_a_socket.__code__.co_firstlineno
    assert report.levelno == logging.ERROR
    assert "session['plug']['of'][0]" in report.message
    assert "type" in report.message
    assert f"test_checking.py:{first + 2}, in puts_a_socket" in report.message
    assert 'session["plug"] = {"of": [socket.socket]}' in report.message
    assert "/sojourn/inbound/" not in report.message


async def test_what_became_unfit_in_place_is_dropped_and_reported_with_who_asked_for_it(
    checked: Visitor, caplog: pytest.LogCaptureFixture
) -> None:
    await checked.ask(sets(cart={"items": ["tea"]}))
    await checked.ask(spoils_in_place)
    (report,) = caplog.records
    assert "session['cart']['items'][1]" in report.message
    assert "in spoils_in_place" in report.message
    assert (await checked.ask(everything)).value == {"cart": {"items": ["tea"]}, "n": 2}


async def test_a_view_that_became_unfit_is_dropped_and_reported(
    checked: Visitor, caplog: pytest.LogCaptureFixture
) -> None:
    await checked.ask(spoils_a_view)
    (report,) = caplog.records
    assert "in spoils_a_view" in report.message
    assert (await checked.ask(everything)).value == {"n": 3}


async def test_a_strict_check_raises_where_the_value_is_put_in(make: Make, caplog: pytest.LogCaptureFixture) -> None:
    visitor = Visitor(make(check="error", cookie=Cookie.development()))
    with pytest.raises(NotStorable) as raised:
        await visitor.ask(puts_a_socket)
    assert "puts_a_socket" in [frame.name for frame in raised.traceback]
    assert len(caplog.records) == 1
    assert visitor.jar == {}


async def test_a_strict_check_refuses_what_became_unfit_in_place(make: Make) -> None:
    visitor = Visitor(make(check="error", cookie=Cookie.development()))
    await visitor.ask(sets(cart={"items": ["tea"]}))
    with pytest.raises(NotStorable):
        await visitor.ask(spoils_in_place)
    assert (await visitor.ask(everything)).value == {"cart": {"items": ["tea"]}}


async def test_what_can_be_stored_is_as_ever(checked: Visitor, caplog: pytest.LogCaptureFixture) -> None:
    await checked.ask(sets(cart={"items": []}))
    await checked.ask(lambda session: session["cart"]["items"].append("tea"))
    await checked.ask(lambda session: session.view(Cart).items.append("milk"))
    assert (await checked.ask(everything)).value == {"cart": {"items": ["tea"]}, "Cart": {"items": ["milk"]}}
    assert caplog.records == []


def test_a_check_in_production_is_warned_of(caplog: pytest.LogCaptureFixture) -> None:
    Sessions(check="log", cookie=Cookie.development())
    assert caplog.records == []
    Sessions(check="log")
    assert [record.levelname for record in caplog.records] == ["WARNING"]


def test_another_check_is_refused() -> None:
    with pytest.raises(SettingError, match=r"Sessions\(check='on'\)"):
        Sessions(check="on")  # type: ignore[arg-type]
