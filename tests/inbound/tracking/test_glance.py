"""What is read at a glance from a Cookie header is what a closer look would find."""

from __future__ import annotations

import time

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from sojourn import Cookie
from sojourn.inbound.tracking.cookies import CookieTracking

pytestmark = pytest.mark.usefixtures("bare")

TRACKING = CookieTracking(Cookie.development(), None)
ID = "A" * 43
PARTS = (
    *("id", "id-v", "xid", "id-v2", "=", ID, f"{ID}.n1", ID[:42], "7", "12345678901234567890", "; ", ";", " ", "\t"),
    *("", "x", ".", f"id={ID}", f"id={ID}.n1; id-v=7", "id-v=7", '"'),
)


@given(st.lists(st.sampled_from(PARTS), max_size=9).map("".join))
@example(f"id={ID}; x=1; id-v=7")
@example(f"id={ID}; id-v=7; id={ID[:42]}B")
@example(f"id={ID}; id-v=7 id=x")
@example(f"a=id={ID}; id-v=7")
def test_a_glance_sees_what_a_closer_look_finds(header: str) -> None:
    seen = TRACKING.glance([header.encode()])
    if seen is None:
        return
    ids, told = TRACKING.read([header.encode()])
    assert len(ids) == 1
    found = TRACKING.parse(ids[0])
    assert found is not None
    assert (seen[0].secret, seen[1], seen[2]) == (found[0].secret, found[1], told)


@pytest.mark.parametrize("header", [f"id={ID}; id-v=7", f"x=1; id={ID}.n1;y=2;id-v=123456789012345;"])
def test_the_usual_headers_are_read_at_a_glance(header: str) -> None:
    assert TRACKING.glance([header.encode()]) is not None


def test_two_headers_take_a_closer_look() -> None:
    assert TRACKING.glance([f"id={ID}".encode(), b"id-v=7"]) is None


def test_a_glance_is_linear_in_what_it_sees() -> None:
    """A megabyte takes milliseconds; were it quadratic, a day."""
    header = f"id={ID};".encode() + b" ;" * 500_000 + b"id-v=x"
    began = time.process_time()
    assert TRACKING.glance([header]) is None
    assert time.process_time() - began < 5
