"""What one makes while all the others wait for it, and what they are told if it cannot be made."""

from __future__ import annotations

import traceback

import pytest

from sojourn.errors import SignInFailed
from sojourn.outbound.once import Claim, Once


class Locked(SignInFailed):
    """As somebody writes it for a way of signing in of their own."""

    def __init__(self, user: str, minutes: int) -> None:
        super().__init__(f"{user} is locked for {minutes} minutes")
        self.minutes = minutes


def failing(failure: SignInFailed) -> list[SignInFailed]:
    """What those are told who waited."""
    once: Once[str] = Once()
    claim = next_of(once)
    assert isinstance(claim, Claim)
    waiting = [once.get() for _ in range(2)]
    for each in waiting:
        next(each)
    claim.give_up(failure)
    told: list[SignInFailed] = []
    for each in waiting:
        with pytest.raises(SignInFailed) as raised:
            each.send(None)
        told.append(raised.value)
    return told


def next_of(once: Once[str]) -> object:
    with pytest.raises(StopIteration) as done:
        next(once.get())
    return done.value.value


@pytest.mark.parametrize("failure", [SignInFailed("wrong"), Locked("alice", 5)])
def test_all_who_wait_are_told_the_same_each_by_an_error_of_their_own(failure: SignInFailed) -> None:
    failure.add_note("seen by the first one")
    one, other = failing(failure)
    for each in (one, other):
        assert type(each) is type(failure)
        assert str(each) == str(failure)
        assert each.args == failure.args
        assert getattr(each, "minutes", 5) == 5
        assert each.__cause__ is failure
        assert each is not failure
        assert "next_of" not in "".join(traceback.format_tb(each.__traceback__))
    one.add_note("seen by one")
    assert not hasattr(other, "__notes__")
    assert failure.__notes__ == ["seen by the first one"]
