"""The log has a line for each event, that a program can read."""

from __future__ import annotations

import json
import logging
from collections.abc import Callable
from typing import Any

import pytest
from tests.fixtures.visitor import Visitor, sets, signs_in
from tests.telemetry.day import COUNTED, VISITORS, Day

from sojourn import Sessions
from sojourn.core import events
from sojourn.core.events import AttributeChanged
from sojourn.telemetry.log import Log

Make = Callable[..., Sessions]


@pytest.fixture
def lines(caplog: pytest.LogCaptureFixture) -> Callable[[], list[dict[str, Any]]]:
    """What was logged, each line read."""
    caplog.set_level(logging.DEBUG, "sojourn.events")
    return lambda: [json.loads(each.getMessage()) for each in caplog.records if each.name == "sojourn.events"]


async def test_each_event_is_a_line(
    sessions: Sessions, day: Day, lines: Callable[[], list[dict[str, Any]]], caplog: pytest.LogCaptureFixture
) -> None:
    Log().watch(sessions)
    await day.spend()
    told = [each["event"] for each in lines()]
    assert len(told) == sum(COUNTED.values())
    assert told.count("SessionCreated") == VISITORS
    revoked = next(each for each in lines() if each.get("reason") == "revoked")
    assert revoked.keys() == {"event", "ref", "app", "principal", "reason", "created_at", "accessed_at"}
    assert (revoked["app"], revoked["principal"]) == ("shop", "alice")
    records = [each for each in caplog.records if each.name == "sojourn.events"]
    fields = [each.sojourn for each in records]  # type: ignore[attr-defined]
    assert json.loads(json.dumps(fields)) == lines()
    await sessions.close()


async def test_no_id_and_no_value_is_in_it(sessions: Sessions, day: Day, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    Log().watch(sessions)
    await day.spend()
    written = "\n".join(f"{each.getMessage()} {vars(each)}" for each in caplog.records)
    assert not [each for each in day.ids if each in written]
    assert "PEN" not in written
    await sessions.close()


async def test_who_says_an_id_is_a_route_finds_it_in_no_log(make: Make, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    sessions = make(route="n1")
    Log().watch(sessions)
    visitor = Visitor(sessions)
    await visitor.ask(sets(a=1))
    secret = visitor.id.partition(".")[0]
    visitor.jar["__Host-id"] = f"{secret}.{secret}"
    await visitor.ask(lambda session: session["a"])
    assert "AffinityBroken" in caplog.text
    assert secret not in caplog.text


async def test_a_principal_of_several_lines_is_one_line(
    make: Make, lines: Callable[[], list[dict[str, Any]]], caplog: pytest.LogCaptureFixture
) -> None:
    sessions = make()
    Log().watch(sessions)
    principal = 'alice\n{"event":"SessionCreated"}'
    await Visitor(sessions).ask(signs_in(principal))
    assert [each["principal"] for each in lines()] == [principal]
    assert "\n" not in caplog.records[-1].getMessage()


async def test_what_may_be_a_fault_is_a_warning_and_a_robot_is_none(
    sessions: Sessions, day: Day, lines: Callable[[], list[dict[str, Any]]], caplog: pytest.LogCaptureFixture
) -> None:
    Log().watch(sessions)
    await day.spend()
    assert len(lines()) == sum(COUNTED.values())
    levels = {json.loads(e.getMessage())["event"]: e.levelname for e in caplog.records if e.name == "sojourn.events"}
    assert levels == {
        "SessionCreated": "INFO",
        "SessionEnded": "INFO",
        "IdRenewed": "INFO",
        "AffinityBroken": "INFO",
        "SessionAbsent": "DEBUG",
        "SessionRefused": "WARNING",
        "IdRefused": "WARNING",
        "FellBack": "WARNING",
        "ChangesDropped": "WARNING",
    }
    await sessions.close()


def test_every_event_can_be_written_without_what_it_holds(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    logger = logging.getLogger("a logger of one's own")
    kinds = [getattr(events, name) for name in events.__all__]
    kinds = [kind for kind in kinds if isinstance(kind, type) and issubclass(kind, events.Event)]
    for kind in kinds:
        given = dict.fromkeys(kind.__struct_fields__, "x") | dict.fromkeys(HELD & set(kind.__struct_fields__), b"held")
        Log(logger)(kind(**given))
    assert len(caplog.records) == len(kinds)
    assert "held" not in caplog.text


HELD = {"data", "packed", "packed_before"}


async def test_details_can_be_logged_too(make: Make, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    sessions = make()
    sessions.listen(Log(), AttributeChanged)
    await Visitor(sessions).ask(sets(card="4111"))
    assert json.loads(caplog.messages[-1]) | {"ref": ""} == {
        "event": "AttributeAdded",
        "ref": "",
        "app": "shop",
        "name": "card",
    }
