"""What holds when several places say something: Python, the environment, the file; of one application, of all."""

from __future__ import annotations

from datetime import timedelta

import pytest
from msgspec import UNSET
from tests.settings.written import Load, refusal

from sojourn import Cookie, Lifetime, Limit, Near
from sojourn.inbound.tracking.certificates import Certificate
from sojourn.settings import Options, Settings
from sojourn.store.behind import BehindStore
from sojourn.store.memory import MemoryStore
from sojourn.store.stack import layers

PLACES = ["file", "environment", "python", "file, shop", "environment, shop", "python, shop"]


@pytest.mark.parametrize("place", PLACES)
@pytest.mark.parametrize("below", PLACES)
def test_one_application_before_all_and_python_before_the_environment_before_the_file(
    load: Load, place: str, below: str
) -> None:
    said = {place, below}
    text = "".join(
        f"[{section}]\nroute = '{name}'\n"
        for section, name in (("sessions", "file"), ("applications.shop", "file, shop"))
        if name in said
    )
    load(text)
    variables = {"SOJOURN_ROUTE": "environment", "SOJOURN_APPLICATIONS__SHOP__ROUTE": "environment, shop"}
    settings = Settings.load(
        "sojourn.toml",
        environ={variable: name for variable, name in variables.items() if name in said},
        sessions=Options(route="python") if "python" in said else Options(),
        applications={"shop": Options(route="python, shop")} if "python, shop" in said else None,
    )
    assert settings.of("shop").options.route == max(said, key=PLACES.index)


def test_what_nobody_says_has_its_default(load: Load) -> None:
    assert load().of("shop").options.route is UNSET


def test_a_section_is_put_together_key_by_key(load: Load) -> None:
    settings = load(
        "[sessions.cookie]\nname = 'id'\nsame_site = 'Strict'\n[applications.shop.cookie]\npath = '/shop'",
        SOJOURN_COOKIE_SAME_SITE="Lax",
    )
    assert settings.of("shop").options.cookie == Cookie(name="id", path="/shop")
    assert settings.of("office").options.cookie == Cookie(name="id")


def test_a_cookie_of_python_is_whole() -> None:
    settings = Settings.load(
        environ={"SOJOURN_COOKIE_NAME": "id"}, applications={"shop": Options(cookie=Cookie(same_site="Strict"))}
    )
    assert settings.of("shop").options.cookie == Cookie(same_site="Strict")


@pytest.mark.parametrize("nothing", ["0", "0.0"])
def test_an_idle_time_of_nothing_is_that_of_all_applications(load: Load, nothing: str) -> None:
    settings = load(f"[sessions.lifetime]\nidle = '20m'\n[applications.shop.lifetime]\nidle = {nothing}\nrenew = 5")
    assert settings.of("shop").options.lifetime == Lifetime(idle=1200.0, renew=5)
    assert settings.sessions("shop").lifetime.idle_seconds == 1200


def test_an_idle_time_of_nothing_for_all_applications_is_half_an_hour(load: Load) -> None:
    sessions = load("[sessions.lifetime]\nidle = 0\n[applications.shop.lifetime]\nidle = 0").sessions("shop")
    assert sessions.lifetime.idle_seconds == 1800


def test_an_application_can_be_without_a_limit_of_time_that_others_have(load: Load) -> None:
    settings = load("[sessions.lifetime]\nabsolute = '12h'\n[applications.shop.lifetime]\nabsolute = false")
    assert settings.of("shop").options.lifetime == Lifetime(absolute=None)
    assert settings.of("office").options.lifetime == Lifetime(absolute=43200.0)


def test_a_section_is_closed_for_one_application_and_opened_for_another(load: Load) -> None:
    settings = load(
        """
        [sessions]
        near = {entries = 5}
        limit = false
        [applications.shop]
        near = false
        limit = {per_principal = 3}
        [applications.office]
        near = "remote"
        """
    )
    assert settings.of("shop").options == Options(near=None, limit=Limit(per_principal=3))
    assert settings.of("office").options == Options(near="remote", limit=None)
    assert settings.of("other").options == Options(near=Near(entries=5), limit=None)


def test_what_is_said_of_all_is_for_those_applications_that_it_is_for(load: Load) -> None:
    settings = load(
        """
        [sessions]
        write = {interval = 60}
        rewriting = {name = "sid"}
        certificate = {proxies = ["10.0.0.0/8"]}
        [applications.shop]
        save = "async"
        tracking = ["url", "certificate"]
        """
    )
    assert settings.of("shop").options.certificate == Certificate(proxies=("10.0.0.0/8",))
    stacked = layers(settings.sessions("shop").store)
    assert [each.behind.interval for each in stacked if isinstance(each, BehindStore)] == [60]
    assert not any(isinstance(each, BehindStore) for each in layers(settings.sessions("office").store))


def test_keywords_come_before_all_else(load: Load) -> None:
    settings = load("[applications.shop]\nstore = 'sqlite:///never.db'", SOJOURN_LIFETIME_IDLE="5m")
    sessions = settings.sessions("shop", store=MemoryStore(), lifetime=Lifetime(idle=timedelta(hours=1)))
    assert sessions.app == "shop"
    assert sessions.lifetime.idle_seconds == 3600


def test_keywords_that_cannot_be_have_no_place_in_a_file(load: Load) -> None:
    settings = load("[sessions]\nsave = 'sync'")
    assert refusal(lambda: settings.sessions("shop", touch="never")).startswith("Sessions(touch='never')")


def test_what_python_says_is_told_as_such() -> None:
    settings = Settings.load(environ={}, sessions=Options(outage="read-only"))
    assert refusal(lambda: settings.sessions("shop")).startswith("Python: outage='read-only'")
