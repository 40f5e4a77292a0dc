"""Events tell what happened to whom, and show no data."""

from __future__ import annotations

from typing import Any, get_args

import pytest
from tests.core.records import ID, holding, packed, record

from sojourn.core import codec, events
from sojourn.core.ids import SessionId


def ended(**attributes: Any) -> events.SessionEnded:
    return events.SessionEnded.of(holding(**attributes), "idle")


def test_what_an_ended_session_held_can_be_read() -> None:
    held = {"cart": [1, (2,)], "tags": {"a"}, "n": 2**70}
    assert ended(**held).attributes() == held
    assert ended().attributes() == {}


def test_attributes_that_cannot_be_read_are_left_out() -> None:
    data = codec.write({**packed(a=1, b=2), "broken": b"\xc7\x00\x63"})
    assert events.SessionEnded.of(record(data=data), "signed-out").attributes() == {"a": 1, "b": 2}


@pytest.mark.parametrize("data", [b"", b"\xc1", b"\x91\x01"])
def test_an_ended_session_that_cannot_be_read_held_nothing(data: bytes) -> None:
    assert events.SessionEnded.of(record(data=data), "idle").attributes() == {}


@pytest.mark.parametrize("reason", get_args(events.Reason))
def test_an_end_tells_who_and_why(reason: events.Reason) -> None:
    event = events.SessionEnded.of(record(principal="alice"), reason)
    assert (event.ref, event.app, event.principal, event.reason) == ("theref", "shop", "alice", reason)


def test_each_announcement_of_one_end_has_the_same_id_and_another_end_another() -> None:
    one = events.SessionEnded.of(record(version=1), "idle")
    again = events.SessionEnded.of(record(version=2, node="n9"), "absolute")
    assert one.event_id == again.event_id
    others = [record(ref="other"), record(app="blog"), record(ref="shop", app="theref")]
    assert len({events.SessionEnded.of(other, "idle").event_id for other in [record(), *others]}) == 4


def test_no_event_shows_data_or_key() -> None:
    event = ended(token="s3cret")
    for shown in (repr(event), str(event), f"{event}"):
        assert "s3cret" not in shown
        assert ID.key not in shown
    assert repr(event) == "SessionEnded(ref='theref', app='shop', principal=None, reason='idle')"


def test_an_event_stays_as_it_is() -> None:
    for event in (ended(), events.IdRenewed(ref="r", app="a", principal=None, epoch=1)):
        with pytest.raises(AttributeError):
            event.ref = "other"  # type: ignore[misc]


def test_no_event_has_a_field_for_an_id() -> None:
    for name in events.__all__:
        kind = getattr(events, name)
        if isinstance(kind, type) and issubclass(kind, events.Event):
            assert not {"id", "key", "secret"} & set(kind.__struct_fields__)
            assert {"ref", "app"} <= set(kind.__struct_fields__)
    assert SessionId.__slots__ == ("key", "secret")
