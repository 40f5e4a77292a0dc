"""When a session ends, gets a new id, and has its times written."""

from __future__ import annotations

import math
from datetime import timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sojourn import Lifetime
from sojourn.core.lifetime import GRACE
from sojourn.errors import SettingError

INF = math.inf
durations = st.one_of(st.none(), st.floats(0, 1e9), st.timedeltas(timedelta(0), timedelta(days=10_000)))
instants = st.floats(0, 4e9)

MEANING: list[tuple[Any, float, float]] = [
    # a limit, for idle, for the others
    (0, 1800, INF),
    (0.0, 1800, INF),
    (-0.0, 1800, INF),
    (timedelta(0), 1800, INF),
    (None, INF, INF),
    (INF, INF, INF),
    (1, 1, 1),
    (0.5, 0.5, 0.5),
    (90, 90, 90),
    (timedelta(seconds=90), 90, 90),
    (timedelta(days=1, microseconds=1), 86400.000001, 86400.000001),
    (timedelta.max, timedelta.max.total_seconds(), timedelta.max.total_seconds()),
]


@pytest.mark.parametrize(("limit", "idle", "others"), MEANING)
def test_each_limit_means_what_the_table_says(limit: Any, idle: float, others: float) -> None:
    lifetime = Lifetime(idle=limit, absolute=limit, renew=limit)
    assert (lifetime.idle_seconds, lifetime.absolute_seconds, lifetime.renew_seconds) == (idle, others, others)


def test_nothing_said_is_half_an_hour_of_idleness_and_no_other_limit() -> None:
    lifetime = Lifetime()
    assert (lifetime.idle_seconds, lifetime.absolute_seconds, lifetime.renew_seconds) == (1800, INF, INF)


@pytest.mark.parametrize("name", ["idle", "absolute", "renew"])
@pytest.mark.parametrize("limit", [-1, -0.001, timedelta(microseconds=-1), timedelta.min, -INF, math.nan])
def test_a_negative_limit_is_refused_and_so_is_none_that_can_be_compared(name: str, limit: Any) -> None:
    with pytest.raises(SettingError, match=name):
        Lifetime(**{name: limit})


@pytest.mark.parametrize("name", ["idle", "absolute", "renew"])
@pytest.mark.parametrize("limit", ["soon", "30", [], object()])
def test_what_is_no_duration_is_refused(name: str, limit: Any) -> None:
    with pytest.raises(SettingError, match=name):
        Lifetime(**{name: limit})


def test_limits_are_given_by_name_and_stay() -> None:
    with pytest.raises(TypeError):
        Lifetime(60)  # type: ignore[call-arg]
    with pytest.raises(AttributeError):
        Lifetime().idle = 60  # type: ignore[misc]


@pytest.mark.parametrize(
    ("idle", "slack"), [(1, 0.05), (20, 1), (600, 30), (1200, 60), (1200.1, 60), (1800, 60), (None, 60), (0, 60)]
)
def test_the_slack_is_a_twentieth_of_the_idle_limit_and_a_minute_at_most(idle: float | None, slack: float) -> None:
    assert Lifetime(idle=idle).slack == pytest.approx(slack)


def test_a_session_expires_after_idle_and_slack_or_at_its_absolute_end() -> None:
    lifetime = Lifetime(idle=600, absolute=1000)
    assert lifetime.absolute_at(5000.0) == 6000.0
    assert lifetime.expires_at(5000.0, 6000.0) == 5630.0
    assert lifetime.expires_at(5369.0, 6000.0) == 5999.0
    assert lifetime.expires_at(5371.0, 6000.0) == 6000.0
    assert Lifetime(idle=None).expires_at(5000.0, INF) == INF
    assert Lifetime(idle=None).expires_at(5000.0, 6000.0) == 6000.0


@pytest.mark.parametrize(
    ("now", "due"), [(999.0, False), (1000.0, False), (1029.9, False), (1030.0, True), (9e9, True)]
)
def test_a_use_is_worth_writing_when_the_slack_has_passed(now: float, due: bool) -> None:
    assert Lifetime(idle=600).touch_due(1000.0, now) is due


@pytest.mark.parametrize(("now", "due"), [(0.0, False), (1000.0, False), (1099.9, False), (1100.0, True), (9e9, True)])
def test_an_id_is_renewed_from_the_limit_on(now: float, due: bool) -> None:
    assert Lifetime(renew=100).renewal_due(1000.0, now) is due
    assert not Lifetime(renew=None).renewal_due(1000.0, now)
    assert not Lifetime(renew=0).renewal_due(1000.0, now)


@given(durations, durations, instants, instants)
def test_a_session_never_ends_before_its_limit_and_never_outlives_the_absolute_one(
    idle: Any, absolute: Any, created_at: float, now: float
) -> None:
    lifetime = Lifetime(idle=idle, absolute=absolute)
    end = lifetime.absolute_at(created_at)
    expires_at = lifetime.expires_at(now, end)
    assert expires_at <= end
    assert expires_at >= min(now + lifetime.idle_seconds, end)


@given(durations, instants, st.floats(0, 1e9))
def test_uses_that_are_not_written_never_end_a_session_early(idle: Any, accessed_at: float, later: float) -> None:
    lifetime = Lifetime(idle=idle)
    now = accessed_at + later
    if not lifetime.touch_due(accessed_at, now):
        stored = lifetime.expires_at(accessed_at, INF)
        assert stored >= min(now + lifetime.idle_seconds, INF) or math.isclose(stored, now + lifetime.idle_seconds)


def test_the_grace_for_an_old_id_is_a_minute() -> None:
    assert GRACE == 60.0
