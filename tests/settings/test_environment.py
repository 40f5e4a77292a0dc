"""What variables say, and what of them is told to be wrong."""

from __future__ import annotations

from datetime import UTC, time

import pytest
from tests.settings.written import Load, refusal

from sojourn import Cookie, Lifetime, Limit, Near, Sweep
from sojourn.settings import Options, Settings
from sojourn.settings.model import KEYS


def said(**environ: str) -> Options:
    return Settings.load(environ=environ).of("shop").options


def test_each_setting_has_a_variable_of_its_own() -> None:
    assert len({key.variable for key in KEYS.values()}) == len(KEYS)


def test_variables_say_what_a_file_can() -> None:
    assert said(
        SOJOURN_STORE="memory:?entries=5",
        SOJOURN_SAVE="manual",
        SOJOURN_FAILOVER="true",
        SOJOURN_COOKIE_HTTP_ONLY="false",
        SOJOURN_COOKIE_MAX_AGE="60",
        SOJOURN_LIFETIME_IDLE="1h30m",
        SOJOURN_LIFETIME_RENEW="2.5",
        SOJOURN_LIFETIME_ABSOLUTE="false",
        SOJOURN_NEAR_ENTRIES="5",
        SOJOURN_LIMIT="false",
        SOJOURN_SWEEP_QUIET="08:00Z, 18:00Z",
        SOJOURN_SKIP="/static/,/health",
        SOJOURN_ROUTE="n1",
        SOJOURN_NODE="false",
    ) == Options(
        store="memory:?entries=5",
        save="manual",
        failover=True,
        cookie=Cookie(http_only=False, max_age=60),
        lifetime=Lifetime(idle=5400.0, renew=2.5, absolute=None),
        near=Near(entries=5),
        limit=None,
        sweep=Sweep(quiet=(time(8, tzinfo=UTC), time(18, tzinfo=UTC))),
        skip=("/static/", "/health"),
        route="n1",
        node=None,
    )


@pytest.mark.parametrize(("text", "near"), [("false", None), ("remote", "remote")])
def test_a_variable_closes_a_section(text: str, near: str | None) -> None:
    assert said(SOJOURN_NEAR=text).near == near


def test_text_that_looks_like_another_type_is_text() -> None:
    assert said(SOJOURN_STORE="true", SOJOURN_ROUTE="5").store == "true"


def test_a_variable_of_an_application_is_for_that_one_alone(load: Load) -> None:
    settings = load(
        "[applications.Shop-2]\n[applications.office]",
        SOJOURN_APPLICATIONS__SHOP_2__LIMIT_PER_PRINCIPAL="5",
        SOJOURN_APPLICATIONS__NEW__SAVE="manual",
    )
    assert settings.of("Shop-2").options == Options(limit=Limit(per_principal=5))
    assert settings.of("new").options == Options(save="manual")
    assert settings.of("office").options == Options()
    assert settings.applications == ["Shop-2", "new", "office"]


WRONG = {
    "a setting": ("SOJOURN_STOR", "x", "is no setting; did you mean SOJOURN_STORE?"),
    "the end of one": ("SOJOURN_IDLE", "5", "did you mean SOJOURN_LIFETIME_IDLE?"),
    "far from all": ("SOJOURN_XYZ", "5", "name one, as SOJOURN_COOKIE_NAME does"),
    "small letters": ("SOJOURN_store", "x", "is no setting"),
    "a setting of an application": ("SOJOURN_APPLICATIONS__SHOP__SAV", "x", "SOJOURN_APPLICATIONS__SHOP__SAVE?"),
    "no application": ("SOJOURN_APPLICATIONS____SAVE", "sync", "names no application"),
    "a word": ("SOJOURN_SAVE", "late", "'late'; give 'sync' or 'async' or 'manual'"),
    "a number": ("SOJOURN_WRITE_MAX_ITEMS", "many", "expected `int`"),
    "nothing": ("SOJOURN_WRITE_MAX_ITEMS", "", "expected `int`"),
    "a boolean": ("SOJOURN_COOKIE_SECURE", "yes", "expected `bool`"),
    "a duration": ("SOJOURN_LIFETIME_IDLE", "soon", "'soon' is no time"),
    "a time of day": ("SOJOURN_SWEEP_QUIET", "8,18", "'8' is no time of day"),
    "what cannot be": ("SOJOURN_NEAR_ENTRIES", "0", "Near(entries=0)"),
}


@pytest.mark.parametrize(("variable", "text", "problem"), WRONG.values(), ids=WRONG)
def test_what_is_wrong_is_told_with_the_variable(variable: str, text: str, problem: str) -> None:
    told = refusal(lambda: said(**{variable: text}))
    assert told.startswith(variable)
    assert problem in told


def test_two_variables_do_not_contradict_each_other() -> None:
    told = refusal(lambda: said(SOJOURN_NEAR="false", SOJOURN_NEAR_ENTRIES="5"))
    assert told.startswith("SOJOURN_NEAR_ENTRIES and SOJOURN_NEAR contradict each other")


def test_a_variable_that_may_mean_two_applications_is_refused(load: Load) -> None:
    text = "[applications.shop-1]\n[applications.shop_1]"
    told = refusal(lambda: load(text, SOJOURN_APPLICATIONS__SHOP_1__SAVE="sync"))
    assert "SOJOURN_APPLICATIONS__SHOP_1__SAVE may mean 'shop-1' or 'shop_1'" in told


def test_what_others_put_into_the_environment_is_no_setting() -> None:
    beside = {
        "SOJOURN_PORT": "tcp://10.0.0.1:8000",
        "SOJOURN_PORT_8000_TCP_ADDR": "10.0.0.1",
        "SOJOURN_SERVICE_HOST": "10.0.0.1",
        "SOJOURN_SHOP_SERVICE_PORT_HTTP": "8000",
        "SOJOURN_TEST_STORES": "memory",
        "SOJOURN_DEMO": "1",
        "XSOJOURN_STORE": "x",
    }
    assert said(**beside) == Options()


def test_the_environment_names_the_file(load: Load) -> None:
    load("[sessions]\nsave = 'manual'")
    assert said(SOJOURN_SETTINGS="sojourn.toml").save == "manual"
