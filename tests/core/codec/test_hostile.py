"""Whatever bytes a store gives back: a value or `Undecodable`, soon, and nothing else."""

from __future__ import annotations

import contextlib
import pickle
import subprocess
import sys
import time
from collections.abc import Callable
from typing import Any

import ormsgpack
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.core.codec import samples

from sojourn.core import codec
from sojourn.core.codec import Undecodable
from sojourn.core.codec.depth import deeper_than
from sojourn.core.codec.extensions import Code

CONTAINERS = [code for code in Code if code >= Code.TUPLE]
NAME = "tests.core.codec.samples:"


def ext(code: int, payload: bytes) -> bytes:
    return b"\xc9" + len(payload).to_bytes(4) + bytes([code & 0xFF]) + payload


def packed_list(*parts: Any) -> bytes:
    return (
        b"\xdc"
        + len(parts).to_bytes(2)
        + b"".join(part if isinstance(part, bytes) else ormsgpack.packb(part) for part in parts)
    )


def attempt(data: bytes) -> str | None:
    """The reason why the bytes have no value, None when they have one."""
    try:
        codec.unpack(data)
    except Undecodable as error:
        reason = str(error)
    else:
        return None
    assert "\n" not in reason
    assert 0 < len(reason) < 300
    return reason


@settings(max_examples=500)
@given(st.binary(max_size=200))
def test_any_bytes_are_a_value_or_undecodable(data: bytes) -> None:
    attempt(data)
    with contextlib.suppress(Undecodable):
        codec.read(data)


@settings(max_examples=500)
@given(st.sampled_from([*Code, 0, 8, 22, 127, 128, 255]), st.binary(max_size=80))
def test_any_payload_of_an_extension_is_a_value_or_undecodable(code: int, payload: bytes) -> None:
    attempt(ext(code, payload))
    attempt(ext(code, packed_list(payload, payload)))


@settings(max_examples=300)
@given(
    st.sampled_from(CONTAINERS),
    st.lists(
        st.one_of(
            st.none(),
            st.integers(0, 9),
            st.text(max_size=3),
            st.lists(st.integers(0, 1)),
            st.sampled_from([NAME + "Item", NAME + "Person", NAME + "Word", NAME + "Late", NAME + "Renamed", NAME]),
        ),
        max_size=4,
    ),
)
def test_a_container_of_anything_is_a_value_or_undecodable(code: int, parts: list[Any]) -> None:
    attempt(ext(code, packed_list(*parts)))


@given(samples.values, st.data())
def test_what_is_cut_off_is_undecodable_or_a_value(value: Any, data: st.DataObject) -> None:
    packed = codec.pack(value, "")
    attempt(packed[: data.draw(st.integers(0, len(packed) - 1))])


@settings(max_examples=300)
@given(samples.values, st.data())
def test_a_flipped_byte_is_undecodable_or_a_value(value: Any, data: st.DataObject) -> None:
    packed = bytearray(codec.pack({"a": value, "b": [value]}, ""))
    for _ in range(data.draw(st.integers(1, 3))):
        packed[data.draw(st.integers(0, len(packed) - 1))] = data.draw(st.integers(0, 255))
    attempt(bytes(packed))


REFUSED = {
    "nothing": b"",
    "the reserved byte": b"\xc1",
    "an unknown extension": ext(99, b""),
    "an application's extension": ext(127, b"abc"),
    "a predefined extension": ext(-1, b"\0\0\0\0"),
    "a list that announces 4 billion": b"\xdd\xff\xff\xff\xff",
    "a dict that announces 4 billion": b"\xdf\xff\xff\xff\xff\xa1a",
    "bytes that announce 4 billion": b"\xc6\xff\xff\xff\xff",
    "text that announces 4 billion": b"\xdb\xff\xff\xff\xff",
    "an extension that announces 4 billion": b"\xc9\xff\xff\xff\xff\x10",
    "a list in an extension that announces 4 billion": ext(Code.TUPLE, b"\xdd\xff\xff\xff\xff"),
    "text that is no UTF-8": b"\xa1\xff",
    "surrogates in UTF-8": b"\xa3\xed\xa0\x80",
    "a list as a key": b"\x81\x90\x01",
    "a number as a key": b"\x81\x01\x01",
    "a set of a list": ext(Code.SET, packed_list([1])),
    "a tuple of no list": ext(Code.TUPLE, b"\x01"),
    "an empty tuple": ext(Code.TUPLE, b""),
    "a dict of an odd number of parts": ext(Code.MAP, packed_list(1, 2, 3)),
    "a dict with a key twice": ext(Code.MAP, packed_list(1, 2, 1, 3)),
    "a dict with a list as key": ext(Code.MAP, packed_list([1], 2)),
    "a decimal of letters": ext(Code.DECIMAL, b"s3cret"),
    "a decimal of Arabic digits": ext(Code.DECIMAL, "\u0661".encode()),
    "a UUID of 15 bytes": ext(Code.UUID, bytes(15)),
    "a date of letters": ext(Code.DATE, b"s3cret"),
    "a time of letters": ext(Code.TIME, b"s3cret"),
    "a datetime of letters": ext(Code.DATETIME, b"s3cret"),
    "a zone outside of the zones": ext(Code.DATETIME, b"2024-01-01T00:00:00+00:00[../../../etc/passwd]"),
    "an absolute zone": ext(Code.DATETIME, b"2024-01-01T00:00:00+00:00[/etc/passwd]"),
    "a zone that is a folder": ext(Code.DATETIME, b"2024-01-01T00:00:00+00:00[Europe]"),
    "a zone that is no zone": ext(Code.DATETIME, b"2024-01-01T00:00:00+00:00[zone.tab]"),
    "a zone with NUL": ext(Code.TIME, b"00:00:00[a\0b]"),
    "a delta of two parts": ext(Code.TIMEDELTA, b"1,2"),
    "a delta beyond bounds": ext(Code.TIMEDELTA, b"99999999999999999999,0,0"),
    "a member of no Enum": ext(Code.ENUM, packed_list(NAME + "Item", 1)),
    "a member that there is not": ext(Code.ENUM, packed_list(NAME + "Word", "s3cret")),
    "a member with three parts": ext(Code.ENUM, packed_list(NAME + "Word", "yes", 1)),
    "an object without its fields": ext(Code.FIELDS, packed_list(NAME + "Item", {})),
    "an object with a list of fields": ext(Code.FIELDS, packed_list(NAME + "Item", ["sku"])),
    "an object with text for fields": ext(Code.FIELDS, packed_list(NAME + "Item", "sku")),
    "a model that does not fit": ext(Code.FIELDS, packed_list(NAME + "Person", {"name": ["s3cret"]})),
    "an object of a number": ext(Code.FIELDS, packed_list(1, {})),
    "an object of a class with newlines": ext(Code.FIELDS, packed_list("a\nb:" + "c" * 10_000, {})),
}


@pytest.mark.parametrize("data", REFUSED.values(), ids=REFUSED.keys())
def test_what_we_never_wrote_is_undecodable_and_not_shown(data: bytes) -> None:
    reason = attempt(data)
    assert reason
    assert "s3cret" not in reason
    assert attempt(b"\x91" + data)
    assert attempt(ext(Code.TUPLE, b"\x91" + data))


@pytest.mark.parametrize("protocol", range(pickle.HIGHEST_PROTOCOL + 1))
def test_a_pickle_is_never_executed(protocol: int) -> None:
    class Bomb:
        def __reduce__(self) -> tuple[Callable[[str], object], tuple[str]]:
            return eval, ("1/0",)

    data = pickle.dumps(Bomb(), protocol)
    attempt(data)
    with pytest.raises(Undecodable):
        codec.read(data)


RECORDS = {
    "nothing": b"",
    "a list": b"\x91\x01",
    "a number": b"\x01",
    "a name twice": b"\x82\xa1a\x01\xa1a\x02",
    "a name twice, long headers": b"\xde\x00\x02\xd9\x01a\x01\xa1a\x02",
    "a name twice, longest headers": b"\xdf\x00\x00\x00\x02\xdb\x00\x00\x00\x01a\x01\xa1a\x02",
    "a number as name": b"\x81\x01\x01",
    "bytes as name": b"\x81\xc4\x01a\x01",
    "a name that is no UTF-8": b"\x81\xa1\xff\x01",
    "trailing garbage": b"\x81\xa1a\x01\x01",
    "cut off": b"\x82\xa1a\x01",
    "cut off in a value": b"\x81\xa1a\x92\x01",
    "announces 4 billion": b"\xdf\xff\xff\xff\xff",
    "the reserved byte": b"\x81\xa1a\xc1",
    "a pickle": pickle.dumps({"a": 1}),
    "JSON": b'{"a": 1}',
}


@pytest.mark.parametrize("data", RECORDS.values(), ids=RECORDS.keys())
def test_data_that_is_no_map_of_attributes_is_undecodable(data: bytes) -> None:
    with pytest.raises(Undecodable) as caught:
        codec.read(data)
    assert "\n" not in str(caught.value)


DEEP = """
import sys
from sojourn.core import codec
from sojourn.core.codec import Undecodable
def ext(code, payload): return b"\\xc9" + len(payload).to_bytes(4) + bytes([code]) + payload
def nest(wrap, depth, data=b"\\x01"):
    for _ in range(depth):
        data = wrap(data)
    return data
wraps = [
    lambda inner: b"\\x91" + inner,
    lambda inner: b"\\xdd\\0\\0\\0\\1" + inner,
    lambda inner: b"\\x81\\xa1a" + inner,
    lambda inner: b"\\xdf\\0\\0\\0\\1\\xa1a" + inner,
    lambda inner: b"\\x81" + inner + b"\\1",
    *[lambda inner, code=code: ext(code, b"\\x91" + inner) for code in (16, 17, 18, 19, 20, 21)],
    *[lambda inner, code=code: ext(code, inner) for code in (16, 17, 1, 4)],
    lambda inner: ext(19, b"\\x92\\1" + inner),
    lambda inner: ext(19, b"\\x92" + inner + b"\\1"),
    lambda inner: ext(16, b"\\x91" * 60 + inner),
    lambda inner: b"\\x91" * 900 + ext(16, b"\\x91" + inner),
]
for wrap in wraps:
    for outer in (lambda inner: inner, lambda inner: ext(16, b"\\x91" + inner), lambda inner: b"\\x91" + inner):
        for depth in (31, 32, 33, 64, 65, 500, 1023, 1024, 2000, 10000) if "900" not in repr(wrap) else (40,):
            if len(wrap(b"")) > 300 and depth > 100:
                continue
            data = outer(nest(wrap, depth))
            for read in (codec.unpack, codec.read, lambda data: codec.read(b"\\x81\\xa1a" + data)):
                try:
                    read(data)
                except Undecodable:
                    pass
print("alive")
"""


def test_no_depth_crashes_the_process() -> None:
    done = subprocess.run(
        [sys.executable, "-X", "faulthandler", "-c", DEEP],
        env={"PYTHONPATH": ":".join(sys.path)},
        capture_output=True,
        check=False,
        timeout=60,
    )
    assert (done.returncode, done.stdout, done.stderr) == (0, b"alive\n", b"")


def fastest(call: Callable[[bytes], object], data: bytes) -> float:
    def once() -> float:
        began = time.process_time()
        call(data)
        return time.process_time() - began

    return min(once() for _ in range(5))


LARGE: dict[str, Callable[[int], bytes]] = {
    "list of numbers": lambda size: b"\xdd" + size.to_bytes(4) + b"\x01" * size,
    "empty lists in a tuple": lambda size: ext(Code.TUPLE, b"\xdd" + size.to_bytes(4) + b"\x90" * size),
    "empty tuples": lambda size: b"\xdd" + size.to_bytes(4) + ext(Code.TUPLE, b"\x90") * size,
    "openings in text": lambda size: ext(Code.TUPLE, b"\x91\xdb" + (2 * size).to_bytes(4) + "ߟ".encode() * size),
    "one int": lambda size: ext(Code.BIG_INT, b"\x7f" * size * 8),
    "one decimal": lambda size: ext(Code.DECIMAL, b"9" * size * 8),
    "delta of digits": lambda size: ext(Code.TIMEDELTA, b"9" * size * 8),
    "attributes": lambda size: codec.write({str(number): b"\x01" for number in range(size)}),
}


@pytest.mark.parametrize("make", LARGE.values(), ids=LARGE.keys())
def test_the_time_grows_with_the_size_and_not_its_square(make: Callable[[int], bytes]) -> None:
    def call(data: bytes) -> None:
        attempt(data)
        codec.read(data) if data[0] == 0xDE else None

    small, large = make(1_000), make(64_000)
    assert fastest(call, large) < 500 * fastest(call, small) + 0.02  # 64 if linear, 4,096 if quadratic


def test_extensions_in_extensions_are_read_once_for_each_level_at_most() -> None:
    data = b"\xc0" * 20_000
    flat = packed_list(*[b"\xc0"] * 20_000)
    nested = flat
    for _ in range(30):
        nested = ext(Code.TUPLE, b"\x91" + nested)
    assert len(data) < len(nested)
    assert fastest(codec.unpack, nested) < 60 * fastest(codec.unpack, ext(Code.TUPLE, flat)) + 0.005


def depth(part: Any) -> int:
    """How far down a decoder goes: nothing needs to be opened for what is empty."""
    inner = list(part.values()) if type(part) is dict else part if type(part) is list else []
    return 1 + max(map(depth, inner)) if inner else 0


@given(samples.values)
def test_the_depth_that_is_looked_up_is_the_depth_that_there_is(value: Any) -> None:
    packed = codec.pack(value, "")
    deep = depth(ormsgpack.unpackb(packed, ext_hook=lambda code, payload: None))
    assert not deeper_than(packed, deep)
    assert deep == 0 or deeper_than(packed, deep - 1)
    assert deeper_than(b"\x91" * 70 + packed, deep + 69)


@pytest.mark.parametrize(
    ("kind", "text"),
    [("builtins:str", "a"), ("subprocess:Popen", "true"), ("markupsafe:Markup", 1), ("nowhere:Text", "a")],
)
def test_only_text_becomes_what_is_safe_as_html(kind: str, text: object) -> None:
    assert attempt(ext(Code.HTML, packed_list(kind, text)))
