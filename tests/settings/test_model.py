"""What can be set from outside is what `Sessions` takes, and nothing of it is said twice."""

from __future__ import annotations

import dataclasses
import inspect
from typing import Literal, get_args, get_origin, get_type_hints

import msgspec
import pytest
from msgspec import UNSET
from tests.settings.written import Load

from sojourn import Sessions
from sojourn.settings import ApplicationSettings, Options
from sojourn.settings.model import KEYS, SECTIONS, default_of
from sojourn.settings.notation import toml

ONLY_IN_PYTHON = {"self", "app", "clock", "takes_over"}  # an application is named by its section; the others are code
KEYWORDS = inspect.signature(Sessions.__init__).parameters.keys() - ONLY_IN_PYTHON


def test_all_that_sessions_take_can_be_set_but_what_only_python_can_say() -> None:
    assert set(Options.__struct_fields__) - {"failover"} == KEYWORDS


@pytest.mark.parametrize("section", SECTIONS)
def test_a_section_has_the_settings_of_its_class(section: str) -> None:
    inner = {name.partition(".")[2] for name in KEYS if name.startswith(f"{section}.")}
    assert inner == {field.name for field in dataclasses.fields(SECTIONS[section])}


@pytest.mark.parametrize("name", sorted(KEYS))
def test_the_default_of_a_setting_is_a_value_that_a_file_can_say(load: Load, name: str) -> None:
    default = default_of(name)
    if default is UNSET:
        assert name == "failover"
        return
    section, _, inner = name.rpartition(".")
    said = load(f"[{'.'.join(filter(None, ['sessions', section]))}]\n{inner} = {toml(default)}")
    value = said.layer("shop")[name].value
    limit = getattr(default, "total_seconds", lambda: default)()
    assert (limit if not isinstance(limit, list) else tuple(limit)) == value


def test_settings_of_an_application_travel_as_json(load: Load) -> None:
    settings = load(
        "[sessions]\nnear = {entries = 5}\nlimit = false\nskip = ['/']\n[sessions.sweep]\nquiet = ['08:00', '18:00']"
    ).of("shop")
    assert msgspec.json.decode(msgspec.json.encode(settings), type=ApplicationSettings) == settings


def test_the_kinds_of_the_model_are_those_of_sessions() -> None:
    theirs, ours = get_type_hints(Sessions.__init__), get_type_hints(Options)
    for name in sorted(KEYWORDS - {"store", "seal", "skip", "tracking"}):
        assert kinds(ours[name]) - {msgspec.UnsetType, type(None)} <= kinds(theirs[name]), name


def kinds(hint: object) -> set[object]:
    return {hint} if get_origin(hint) is Literal or not get_args(hint) else set(get_args(hint))
