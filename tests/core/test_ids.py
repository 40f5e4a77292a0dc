"""The secret that a visitor carries, and the names by which others know the session."""

from __future__ import annotations

import base64
import math
import string
from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sojourn.core.ids import SessionId, new_ref

ALPHABET = string.ascii_letters + string.digits + "-_"
secrets = st.text(ALPHABET, min_size=43, max_size=43)


def entropy(symbols: list[str]) -> float:
    """In bits, of the symbols as they are distributed."""
    return -sum(n / len(symbols) * math.log2(n / len(symbols)) for n in Counter(symbols).values())


def test_a_hundred_thousand_ids_are_different_and_random_in_every_place() -> None:
    # R01, ASVS 7.2.3
    ids = [SessionId.new().secret for _ in range(100_000)]
    assert len(set(ids)) == len(ids)
    assert {len(secret) for secret in ids} == {43}
    for place in range(42):
        assert entropy([secret[place] for secret in ids]) > 5.99
    assert entropy([secret[42] for secret in ids]) > 3.99  # the last character has but four bits
    assert len({secret[10:20] for secret in ids}) == len(ids)


def test_an_id_is_256_bits_in_base64url() -> None:
    secret = SessionId.new().secret
    assert set(secret) <= set(ALPHABET)
    assert len(base64.urlsafe_b64decode(secret + "=")) == 32


def test_the_next_id_keeps_the_tag_and_nothing_else() -> None:
    first = SessionId.new()
    following = [SessionId.new(after=first) for _ in range(100)]
    assert {after.secret[:2] for after in following} == {first.secret[:2]}
    assert {after.key[:2] for after in following} == {first.secret[:2]}
    assert len({after.secret for after in following} | {first.secret}) == 101
    shared = [sum(a == b for a, b in zip(after.secret[2:], first.secret[2:], strict=True)) for after in following]
    assert max(shared) < 10


@given(secrets)
def test_an_id_that_has_our_form_is_parsed(secret: str) -> None:
    parsed = SessionId.parse(secret.encode())
    assert parsed is not None
    assert parsed.secret == secret


MALFORMED = {
    "empty": b"",
    "a character short": b"A" * 42,
    "a character long": b"A" * 44,
    "twice": b"A" * 86,
    "a megabyte": b"A" * (1 << 20),
    "a line feed after": b"A" * 43 + b"\n",
    "a line feed last": b"A" * 42 + b"\n",
    "a path": b"../" + b"A" * 40,
    "a path of its length": b"../../../../../../../../../../../etc/passwd"[:43],
    "NUL": b"A" * 42 + b"\0",
    "a colon": b"A" * 42 + b":",
    "an asterisk": b"*" + b"A" * 42,
    "a question mark": b"?" + b"A" * 42,
    "a brace": b"{" + b"A" * 42,
    "padding": b"A" * 42 + b"=",
    "plus": b"A" * 42 + b"+",
    "slash": b"A" * 42 + b"/",
    "a dot": b"A" * 42 + b".",
    "a space": b"A" * 42 + b" ",
    "a quote": b"'" + b"A" * 42,
    "quoted": b'"' + b"A" * 41 + b'"',
    "a semicolon": b"A" * 42 + b";",
    "a percent sign": b"%41" + b"A" * 40,
    "no ASCII": b"A" * 42 + b"\xff",
    "UTF-8 digits": "٣".encode() + b"A" * 41,
    "a wide A": "\uff21".encode() + b"A" * 40,
    "a carriage return": b"A" * 21 + b"\r" + b"A" * 21,
}


@pytest.mark.parametrize("value", MALFORMED.values(), ids=MALFORMED.keys())
def test_everything_else_is_no_id(value: bytes) -> None:
    assert SessionId.parse(value) is None


@given(st.binary(max_size=60))
def test_no_bytes_but_those_of_an_id_are_one(value: bytes) -> None:
    ours = len(value) == 43 and all(chr(byte) in ALPHABET for byte in value)
    assert (SessionId.parse(value) is not None) is ours


@given(secrets, secrets)
def test_the_key_depends_on_the_id_alone(one: str, other: str) -> None:
    key = SessionId(one).key
    assert key == SessionId(one).key
    assert (SessionId(other).key == key) is (one == other)


@given(secrets)
def test_the_key_has_a_form_that_every_store_takes_and_holds_nothing_of_the_secret(secret: str) -> None:
    key = SessionId(secret).key
    assert len(key) == 45
    assert set(key) <= set(ALPHABET)
    assert secret not in key
    assert all(secret[at : at + 8] not in key for at in range(len(secret) - 7))


def test_the_key_is_a_hash_of_the_way_of_tracking_and_the_id() -> None:
    # As design section 4 spells it, so that what is stored can be found by later versions.
    assert SessionId("A" * 43).key == "AAQIFnq-VLwGx7CQ0TyMTXb5VF2ONfCkJNPH8SZOkz_7g"
    assert SessionId("A" * 43).key[2:] != SessionId("B" * 43).key[2:]


def test_an_id_shows_itself_nowhere() -> None:
    session_id = SessionId.new()
    for shown in (repr(session_id), str(session_id), f"{session_id}", f"{[session_id]}", f"{vars(type(session_id))}"):
        assert session_id.secret not in shown
        assert session_id.key not in shown
    assert repr(session_id) == "<SessionId>"


def test_an_id_has_no_room_for_anything_else() -> None:
    assert not hasattr(SessionId.new(), "__dict__")


def test_refs_are_different_and_fit_for_urls_and_logs() -> None:
    refs = [new_ref() for _ in range(20_000)]
    assert len(set(refs)) == len(refs)
    assert set("".join(refs)) <= set(string.ascii_lowercase + "234567")
    assert {len(ref) for ref in refs} == {16}
    assert all(entropy([ref[place] for ref in refs]) > 4.98 for place in range(16))
