"""A Cookie header that the application has set by hand."""

from __future__ import annotations

import pytest

from sojourn.outbound.jar import merged


@pytest.mark.parametrize(
    ("kept", "given", "sent"),
    [
        (None, None, None),
        (None, "", None),
        ("A=1", None, "A=1"),
        ("A=1", "", "A=1"),
        ("A=1", " ; ;", "A=1"),
        (None, "A=1", "A=1"),
        (None, " A=1 ;; B=2; ", "A=1; B=2"),
        ("A=1", "B=2", "A=1; B=2"),
        ("A=1; B=1", "A=2", "B=1; A=2"),
        ("A=1; A=0; B=1", "A=2; C=2", "B=1; A=2; C=2"),
        ("A=1", "a=2", "A=1; a=2"),
        ("A=1", "A=2; A=3", "A=3"),
        ("A=1", "A =2", "A =2"),
        ("A=1", "A=1", "A=1"),
        ("A=1", "AA=2", "A=1; AA=2"),
        ("A=1", "A=", "A="),
        ("one; A=1", "two", "A=1; two"),
        ("one; A=1", "=two", "A=1; =two"),
        ("A=1", "A", "A=1; A"),
        ("A=b=c", "A=d=e", "A=d=e"),
    ],
)
def test_what_was_set_by_hand_wins_and_no_name_is_there_twice(
    kept: str | None, given: str | None, sent: str | None
) -> None:
    assert merged(kept, given) == sent


def test_to_merge_again_changes_nothing() -> None:
    once = merged("A=1; B=1", "B=2; C=2")
    assert merged("A=1; B=1", once) == once
    assert merged(once, "B=2; C=2") == once
